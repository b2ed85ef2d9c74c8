// How a second player keeps the time of the first: a little faster or slower, a jump, or waiting. Pure.

import { SECOND } from './time.js';

/** @typedef {{do: 'keep' | 'jump' | 'wait', rate: number}} Pace rate: how fast to play, as a factor of the asked speed */

/** So near is in step: about a frame. */
export const NEAR_MS = 40;
/** Farther than this playing faster takes too long. */
export const FAR_MS = 1200;
const MOST = 0.25;

/**
 * @param {number} leader instant of the first player @param {number} mate instant of this one, NaN while it has none
 * @param {boolean} has this camera has a picture at the leader's instant @param {boolean} running the leader plays
 * @returns {Pace}
 */
export function pace(leader, mate, has, running) {
  if (!has) return { do: 'wait', rate: 1 };
  const behind = leader - mate;
  const far = running ? FAR_MS : NEAR_MS / 2;
  if (Number.isNaN(behind) || Math.abs(behind) > far) return { do: 'jump', rate: 1 };
  if (!running || Math.abs(behind) <= NEAR_MS) return { do: 'keep', rate: 1 };
  return { do: 'keep', rate: 1 + Math.max(-MOST, Math.min(MOST, (behind / SECOND) * 1.5)) };
}
