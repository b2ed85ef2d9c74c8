import assert from 'node:assert/strict';
import test from 'node:test';

import { isRewritten } from '../../static/js/playlist.js';

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
