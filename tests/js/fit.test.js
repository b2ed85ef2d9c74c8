import assert from 'node:assert/strict';
import { test } from 'node:test';

const { fit } = await import('../../static/js/fit.js');

const DESK = { width: 1000, height: 790, gap: 12, head: 30, foot: 62 };
/** @param {number[]} counts @param {number} [wished] @param {typeof DESK} [screen] */
const rows = (counts, wished, screen = DESK) => fit(counts, screen, wished).stands.map((stand) => stand.rows.map(({ tiles, lies }) => `${tiles}${lies ? ' lying' : ''}`).join(', '));

test('pictures are as large as all of them fit, and every row is full', () => {
  assert.deepEqual(rows([1]), ['1']);
  assert.deepEqual(rows([4]), ['2, 2']);
  assert.deepEqual(rows([5]), ['2, 3']);
  assert.deepEqual(rows([7], undefined, { ...DESK, width: 1300 }), ['3, 4']);
  assert.deepEqual(rows([9]), ['3, 3, 3']);
});

test('where larger ones would not fit, the words of the last row stand beside its pictures', () => {
  assert.deepEqual(rows([8]), ['3, 3, 2 lying']);
});

test('a number of columns that somebody chose holds, though it does not fit', () => {
  assert.deepEqual(rows([7], 3), ['3, 3, 1 lying']);
  assert.deepEqual(rows([9], 2), ['2, 2, 2, 2, 1 lying']);
});

test('small places stand beside each other', () => {
  const { stands } = fit([6, 2, 1], { ...DESK, height: 640 });
  assert.deepEqual(stands.map(({ abreast }) => abreast), [1, 2, 2]);
  assert.deepEqual(stands.map(({ share }) => Math.round(share * 100)), [100, 67, 33]);
});

test('each camera has its place, however many there are and however small the screen', () => {
  for (let count = 1; count < 60; count++) {
    for (const width of [640, 1000, 1900, 3400]) {
      const { stands, picture } = fit([count, 3], { ...DESK, width });
      assert.equal(stands[0].rows.reduce((sum, { tiles }) => sum + tiles, 0), count);
      assert.ok(picture >= 224);
    }
  }
});
