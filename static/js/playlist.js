// Instants and media time of a playlist: a gap takes no media time, so the two run apart. Pure.

import { MINUTE } from './time.js';

/** @typedef {{start: number, duration: number, programDateTime: number | null, sn?: number | 'initSegment'}} Piece start and duration in seconds of media time, number in the list, as hls.js has them */
/** @typedef {{from: number, to: number | null}} Range to null: grows with the live edge */

const BEFORE = 4 * MINUTE;
const AFTER = 20 * MINUTE;
const EDGE = 8 * MINUTE;
const LONG = 30 * MINUTE;

/** What to ask for to play from an instant: short near the live edge, where the playlist is fetched again and again. @param {number} at @param {number} now @returns {Range} */
export function rangeFor(at, now) {
  return at > now - EDGE ? { from: Math.min(at, now) - BEFORE, to: null } : { from: at - BEFORE, to: Math.min(at + AFTER, now) };
}

/** What to ask for instead of a list that has grown for so long that fetching it again and again costs more than the pictures; null while it is short. @param {Range} range @param {number} at @param {number} now @returns {Range | null} */
export function shorter({ from, to }, at, now) {
  return to === null && now - from > LONG ? rangeFor(at, now) : null;
}

/**
 * Media time of an instant; in a gap that of the next picture; null when nothing follows. Within `slack` ms of the begin of a piece
 * it is the begin: a keyframe lies there, and none of the pictures after it need be decoded to show it. @param {Piece[]} pieces @param {number} at @param {number} [slack]
 */
export function mediaTimeOf(pieces, at, slack = 0) {
  for (const { start, duration, programDateTime } of pieces) {
    if (programDateTime === null || at >= programDateTime + duration * 1000) continue;
    const late = at - programDateTime;
    return start + (late > slack ? late / 1000 : 0);
  }
  return null;
}

/** Instant of a media time; null before the first and when there is none. @param {Piece[]} pieces @param {number} seconds */
export function instantOf(pieces, seconds) {
  let found = null;
  for (const { start, programDateTime } of pieces) {
    if (start > seconds + 0.0001) break;
    if (programDateTime !== null) found = programDateTime + (seconds - start) * 1000;
  }
  return found;
}

/** Between two pieces the sums may differ by less than this. */
const SEAM_MS = 100;

/** Whether there is a picture at an instant. @param {Piece[]} pieces @param {number} at */
export function hasPicture(pieces, at) {
  return pieces.some(({ duration, programDateTime }) => programDateTime !== null && programDateTime <= at && at < programDateTime + duration * 1000 + SEAM_MS);
}

/** Last instant that can be shown. @param {Piece[]} pieces */
export function endOf(pieces) {
  const last = pieces.at(-1);
  return last && last.programDateTime !== null ? last.programDateTime + last.duration * 1000 : null;
}

/**
 * Whether a list that was fetched again is another: footage that a camera had kept was put in between, so the same number names
 * another piece, and what the player has buffered lies at other media times. @param {Piece[]} before @param {Piece[]} after
 */
export function isRewritten(before, after) {
  const begun = new Map(before.map(({ sn, programDateTime }) => [sn, programDateTime]));
  return after.some(({ sn, programDateTime }) => {
    const known = begun.get(sn);
    return typeof known === 'number' && programDateTime !== null && Math.abs(known - programDateTime) > SEAM_MS;
  });
}
