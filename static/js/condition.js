// How a camera is, in a word, an icon and a line of support. Pure: one place for all pages.

import { t } from './text.js';
import { MINUTE, ago, duration, moment, parse, withTimes } from './time.js';

/** @typedef {import('./api.js').Camera} Camera */
/** @typedef {'live' | 'recording' | 'pending' | 'offline' | 'off' | 'lost' | 'connecting' | 'new'} ConditionState */
/** @typedef {{state: ConditionState, icon: string, word: string, support: string, note: string}} Condition note: what stands over a picture that is not live */

/**
 * What is wrong comes first, and whether footage is safe before anything else.
 * @param {Camera} camera @param {number} now
 * @returns {Condition}
 */
export function conditionOf(camera, now) {
  if (!camera.online) return offline(camera, now);
  const { status } = camera;
  if (!status) return made('recording', 'recording', t('Online'), '');
  const { recorder, camera: source, encoder, storage } = status.parts;
  if (recorder?.state === 'off') return made('off', 'off', t('Off'), withTimes(recorder.words, now) || t('Nothing is recorded'), t('Off'));
  for (const part of [source, encoder, recorder]) {
    if (part?.state === 'broken') return made('lost', 'lost', t('Not recording'), withTimes(part.words, now) || t('Look at the camera'), t('Not recording'));
  }
  if (!status.recording) return made('connecting', 'connecting', t('Starting'), withTimes(recorder?.words ?? '', now) || t('It is about to record'));
  if (storage && ['broken', 'degraded', 'off'].includes(storage.state)) return kept(status);
  if (status.catch_up_s) return made('recording', 'recording', t('Recording'), t('Catching up, {length} to go', { length: duration(status.catch_up_s * 1000) }));
  return made('recording', 'recording', t('Recording'), '');
}

/** @param {Camera} camera @param {number} now */
function offline(camera, now) {
  const since = parse(camera.offline_since);
  // Nothing is lost that never was: no alarm.
  if (Number.isNaN(since)) return made('new', 'offline', t('Not here yet'), '', t('Never seen here yet'));
  const time = moment(since, now);
  return made('offline', 'offline', t('Offline'), now - since < MINUTE ? t('Went {ago}', { ago: ago(since, now) }) : t('Since {time}, {length}', { time, length: duration(now - since) }), t('Offline since {time}', { time }));
}

/** @param {import('./protocol.js').Status} status */
function kept(status) {
  const left = status.spool_holds_s === null ? t('Safe on the camera') : t('Safe on the camera, {length} left', { length: duration(status.spool_holds_s * 1000) });
  return made('pending', 'on-camera', t('Storage away'), left);
}

/** @param {ConditionState} state @param {string} icon @param {string} word @param {string} support @param {string} [note] @returns {Condition} */
function made(state, icon, word, support, note = '') {
  return { state, icon, word, support, note };
}

/** "4 recording, 1 off": a place in one line, what is well first. @param {Condition[]} conditions */
export function summary(conditions) {
  const words = { recording: t('recording'), live: t('recording'), connecting: t('starting'), pending: t('without storage'), off: t('off'), lost: t('not recording'), offline: t('offline'), new: t('not here yet') };
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { state } of conditions) counts.set(words[state], (counts.get(words[state]) ?? 0) + 1);
  return [...new Set(Object.values(words))].filter((word) => counts.has(word)).map((word) => `${counts.get(word)} ${word}`).join(', ');
}
