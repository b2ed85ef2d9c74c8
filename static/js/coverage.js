// What became of every second: the spans of the server as bands, sums and words. Pure.

import { t } from './text.js';
import { duration, hourMinute, parse } from './time.js';

/** @typedef {'stored' | 'on_camera' | 'off' | 'lost' | 'unknown'} State */
/** @typedef {{from: number, to: number, state: State, cause: string}} Span from and to in ms; spans are in order and do not overlap */
/** @typedef {Span & {x: number, width: number}} Band x and width in percent of the shown range */

export const STATES = /** @type {const} */ (['stored', 'on_camera', 'off', 'lost', 'unknown']);
/** Causes of `unknown` that the page finds by itself, see `settled`. */
export const NONE_YET = 'none_yet';
export const NONE = 'none';
export const WORDS = { stored: t('Stored'), on_camera: t('On camera'), off: t('Off'), lost: t('Lost'), unknown: t('Not known yet') };

/** @type {Record<string, string>} */
const CAUSES = {
  power: t('no power'),
  recorder: t('the recorder had to start again'),
  restart: t('the recorder had to start again'),
  camera: t('the camera gave no picture'),
  camera_stalled: t('the picture stood still'),
  camera_unplugged: t('camera unplugged'),
  encoder: t('the encoder failed'),
  encoder_stalled: t('the encoder stood still'),
  settings: t('its settings were changed'),
  disk: t('the camera’s disk failed'),
  spool_full: t('the camera had no room left'),
  corrupt: t('the file on the camera was damaged'),
  storage: t('the file on the server was damaged or lost'),
  clock: t('the clock was not known'),
  retention: t('older than kept'),
  off: t('by choice'),
  schedule: t('by schedule'),
  disabled: t('switched off'),
  not_enrolled: t('before the camera was added'),
  not_allowed: t('older than you may see'),
  [NONE_YET]: t('no footage yet'),
  [NONE]: t('no footage'),
};

/** The cause in words; a new one of the server reads as it is. @param {string} cause */
export function causeWords(cause) {
  return CAUSES[cause] ?? cause.replaceAll('_', ' ');
}

/** Spans of an answer of `/coverage/`. @param {{spans: {from: string, to: string, state: string, cause?: string | null}[]}} answer @returns {Span[]} */
export function readSpans(answer) {
  return answer.spans.map(({ from, to, state, cause }) => ({
    from: parse(from),
    to: parse(to),
    state: /** @type {State} */ (STATES.find((known) => known === state) ?? 'unknown'),
    cause: cause ?? '',
  }));
}

/**
 * Bands of a range, in percent, cut at its edges. Bad news is at least `least` percent wide: it must be seen.
 * @param {Span[]} spans @param {number} from @param {number} to @param {number} [least]
 * @returns {Band[]}
 */
export function bands(spans, from, to, least = 0.4) {
  const percent = 100 / (to - from);
  return within(spans, from, to).map((span) => {
    const width = (span.to - span.from) * percent;
    const wide = span.state === 'lost' || span.state === 'on_camera' ? Math.max(width, least) : width;
    return { ...span, x: Math.min((span.from - from) * percent, 100 - wide), width: wide };
  });
}

/** The parts of the spans inside a range, neighbours of the same state and cause as one. @param {Span[]} spans @param {number} from @param {number} to @returns {Span[]} */
export function within(spans, from, to) {
  /** @type {Span[]} */
  const cut = [];
  for (const span of spans) {
    const part = { ...span, from: Math.max(span.from, from), to: Math.min(span.to, to) };
    if (part.to <= part.from) continue;
    const last = cut.at(-1);
    if (last && last.to === part.from && last.state === part.state && last.cause === part.cause) last.to = part.to;
    else cut.push(part);
  }
  return cut;
}

/** Milliseconds of each state. @param {Span[]} spans @returns {Record<State, number>} */
export function totals(spans) {
  const sums = { stored: 0, on_camera: 0, off: 0, lost: 0, unknown: 0 };
  for (const span of spans) sums[span.state] += span.to - span.from;
  return sums;
}

/** The span that holds an instant. @param {Span[]} spans @param {number} ms */
export function spanAt(spans, ms) {
  return spans.find((span) => span.from <= ms && ms < span.to);
}

/** What is missing between two instants that were shown one after the other. @param {Span[]} spans @param {number} from @param {number} to */
export function missing(spans, from, to) {
  return within(spans, from, to).filter((span) => span.state !== 'stored' && span.to - span.from >= 500);
}

/** The first stored instant at or after `ms`; undefined when there is none. @param {Span[]} spans @param {number} ms */
export function storedFrom(spans, ms) {
  const span = spans.find(({ state, to }) => state === 'stored' && to > ms);
  return span && Math.max(span.from, ms);
}

/**
 * What is unknown before the newest footage will not be known later: it was before the camera's first, or nobody recorded.
 * Only what is unknown after it may still be told by the camera.
 * @param {Span[]} spans all that are known, in order @param {number} latest end of the newest footage, NaN when there is none
 * @param {number} earliest first instant that the ledger knows, NaN when it knows none @returns {Span[]}
 */
export function settled(spans, latest, earliest) {
  const last = Math.max(latest || 0, spans.findLast(({ state }) => state !== 'unknown')?.from ?? 0);
  return spans.flatMap((span) => {
    if (span.state !== 'unknown' || span.cause) return [span];
    if (Number.isNaN(earliest)) return [{ ...span, cause: NONE_YET }];
    return parted(span, earliest).map((one) => (one.from >= Math.max(last, earliest) ? one : { ...one, cause: one.from < earliest ? NONE_YET : NONE }));
  });
}

/** A span cut in two at an instant that lies inside. @param {Span} span @param {number} at @returns {Span[]} */
function parted(span, at) {
  return span.from < at && at < span.to ? [{ ...span, to: at }, { ...span, from: at }] : [span];
}

/** "Not known yet", or calmly that there is nothing. @param {Span} span */
export function unknownWords({ cause }) {
  const words = cause ? causeWords(cause) : WORDS.unknown;
  return words[0].toLocaleUpperCase() + words.slice(1);
}

/** "Lost 12 min: no power". @param {Span} span */
export function spanWords(span) {
  if (span.state === 'unknown') return unknownWords(span);
  const words = `${WORDS[span.state]} ${duration(span.to - span.from)}`;
  return span.cause ? `${words}: ${causeWords(span.cause)}` : words;
}

/** The whole range for somebody who cannot see it. @param {Span[]} spans */
export function rangeWords(spans) {
  const told = spans.filter(({ state }) => state !== 'stored');
  if (!spans.length) return t('nothing is known');
  if (!told.length) return t('all stored');
  const shown = told.slice(0, 6).map((span) => t('{what} from {time}', { what: spanWords(span), time: hourMinute(span.from) }));
  const more = told.length > 6 ? t(', and {n} more', { n: told.length - 6 }) : '';
  return `${shown.join(', ')}${more}; ${totals(spans).stored ? t('the rest stored') : t('nothing stored')}`;
}
