import assert from 'node:assert/strict';
import test from 'node:test';

import { isRewritten, rangeFor, shorter } from '../../static/js/playlist.js';

/** Pieces of six seconds that begin at these seconds, numbered from `first`. @param {number[]} begins @param {number} [first] */
function pieces(begins, first = 0) {
  return begins.map((begin, at) => ({ sn: first + at, start: at * 6, duration: 6, programDateTime: begin * 1000 }));
}

test('a list that grows at its end is the same', () => {
  assert.equal(isRewritten(pieces([0, 6, 12]), pieces([0, 6, 12, 18])), false);
});

test('a list whose beginning went is the same', () => {
  assert.equal(isRewritten(pieces([0, 6, 12]), pieces([6, 12, 18], 1)), false);
});

test('a backlog that is put in between makes it another', () => {
  assert.equal(isRewritten(pieces([0, 60, 66]), pieces([0, 6, 12, 60, 66])), true);
});

test('the first list is not another', () => {
  assert.equal(isRewritten([], pieces([0, 6])), false);
});

test('a list that grew all day is begun anew where the picture stands, one of a range never is', () => {
  const [now, minute] = [Date.parse('2026-11-24T18:00:00Z'), 60_000];
  assert.equal(shorter({ from: now - 29 * minute, to: null }, now - 5000, now), null);
  assert.deepEqual(shorter({ from: now - 9 * 60 * minute, to: null }, now - 5000, now), rangeFor(now - 5000, now));
  assert.equal(shorter({ from: now - 9 * 60 * minute, to: now - 8 * 60 * minute }, now - 5000, now), null);
});
