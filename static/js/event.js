// What happened, as a line of the stream: a gap, an export, a hold.

import { causeWords } from './coverage.js';
import { t } from './text.js';
import { clock, dayStart, duration, moment, parse } from './time.js';

/** @typedef {import('./protocol.js').Chat} Chat */

/** @type {Record<string, string>} */
export const EVENT_ICONS = { gap: 'lost', export: 'export', hold: 'hold' };

/** A sentence about what happened. @param {Chat} message @param {{who: string, camera: string}} names @param {number} now */
export function eventWords({ kind, at, until, cause }, { who, camera }, now) {
  const from = parse(at);
  const to = parse(until);
  const begin = dayStart(from) === dayStart(now) ? clock(from) : `${moment(from, now)}`;
  if (kind === 'gap') return t('{camera}: lost {length} from {begin}, {why}', { camera, length: duration(to - from), begin, why: cause ? causeWords(cause) : t('nobody knows why') });
  const range = { who, camera, begin, end: clock(to) };
  return kind === 'export' ? t('{who} exported {camera}, {begin} to {end}', range) : t('{who} keeps {camera}, {begin} to {end}', range);
}
