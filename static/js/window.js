// The zoomed part of the timeline: where it begins and ends, where its ticks stand. Pure.

import { HOUR, MINUTE, SECOND, dayStart } from './time.js';

/** @typedef {{from: number, to: number}} Window in ms */

export const NARROWEST = 2 * MINUTE;
export const WIDEST = 26 * HOUR;
const STEPS = [SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR];

/** A window of a width around an instant, which stands at `share` of it. @param {number} instant @param {number} width @param {number} [share] @returns {Window} */
export function around(instant, width, share = 0.5) {
  const from = Math.round(instant - width * share);
  return { from, to: Math.round(from + width) };
}

/** Wider (factor > 1) or narrower, while `fixed` keeps its place. @param {Window} shown @param {number} factor @param {number} fixed */
export function zoom(shown, factor, fixed) {
  const width = Math.min(WIDEST, Math.max(NARROWEST, (shown.to - shown.from) * factor));
  return around(fixed, width, share(shown, fixed));
}

/** @param {Window} shown @param {number} ms @returns {Window} */
export function pan(shown, ms) {
  return { from: Math.round(shown.from + ms), to: Math.round(shown.to + ms) };
}

/** Moved only when the instant is about to leave: then it stands at a tenth from the edge it came in by. @param {Window} shown @param {number} instant */
export function follow(shown, instant) {
  const width = shown.to - shown.from;
  const place = share(shown, instant);
  if (place > 0.97) return around(instant, width, place > 1.5 ? 0.5 : 0.75);
  if (place < 0.03) return around(instant, width, place < -0.5 ? 0.5 : 0.25);
  return shown;
}

/** Where an instant stands, 0..1 inside. @param {Window} shown @param {number} instant */
export function share(shown, instant) {
  return (instant - shown.from) / (shown.to - shown.from);
}

/** The instant at a share. @param {Window} shown @param {number} at */
export function instantAt(shown, at) {
  return shown.from + (shown.to - shown.from) * at;
}

/** Ticks on round local times, at most `most` of them. @param {Window} shown @param {number} most @returns {{at: number, step: number}[]} */
export function ticks(shown, most) {
  const width = shown.to - shown.from;
  const step = STEPS.find((candidate) => width / candidate <= most) ?? 12 * HOUR;
  /** @type {{at: number, step: number}[]} */
  const found = [];
  // Counted from local midnight, day by day: with summer time a day has 23 or 25 hours, and the ticks still read round.
  for (let at = dayStart(shown.from); at <= shown.to; at = next(at, step)) if (at >= shown.from) found.push({ at, step });
  return found;
}

/** @param {number} at @param {number} step */
function next(at, step) {
  if (step < HOUR) return at + step;
  const local = new Date(at);
  local.setHours(local.getHours() + step / HOUR, 0, 0, 0);
  // In the hour that happens twice setHours may stand still.
  return local.getTime() > at ? local.getTime() : at + HOUR;
}
