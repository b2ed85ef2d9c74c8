import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'UTC';
const { pace } = await import('../../static/js/pace.js');
const { Lru } = await import('../../static/js/lru.js');
const { ordered } = await import('../../static/js/selection.js');
const { missing, settled, spanWords } = await import('../../static/js/coverage.js');
const { hasPicture } = await import('../../static/js/playlist.js');
const { rangeText, storedWords } = await import('../../static/js/range.js');
const { jobWords, sizeWords } = await import('../../static/js/exports.js');

/** @param {number} from @param {number} to @param {string} state @param {string} [cause] */
const span = (from, to, state, cause = '') => /** @type {any} */ ({ from: from * 1000, to: to * 1000, state, cause });

test('a second player that is near plays on, one that is off catches up or jumps', () => {
  assert.deepEqual(pace(10_000, 10_020, true, true), { do: 'keep', rate: 1 });
  assert.ok(pace(10_000, 9_800, true, true).rate > 1.05);
  assert.ok(pace(10_000, 10_200, true, true).rate < 0.95);
  assert.equal(pace(10_000, 9_000, true, true).rate, 1.25);
  assert.equal(pace(10_000, 5_000, true, true).do, 'jump');
  assert.equal(pace(10_000, NaN, true, true).do, 'jump');
});

test('it settles: each look brings it nearer, and it never swings', () => {
  let off = 900;
  for (let n = 0; n < 40; n++) {
    const before = off;
    off -= (pace(off, 0, true, true).rate - 1) * 200;
    assert.ok(off >= 0 && off <= before);
  }
  assert.ok(off <= 40);
});

test('stopped, a second player stands on the frame; without a picture it waits', () => {
  assert.equal(pace(10_000, 10_050, true, false).do, 'jump');
  assert.equal(pace(10_000, 10_010, true, false).do, 'keep');
  assert.equal(pace(10_000, 10_000, false, true).do, 'wait');
});

test('pictures used last are kept, the others are given back', () => {
  /** @type {string[]} */
  const dropped = [];
  const lru = new Lru(2, (value) => dropped.push(String(value)));
  lru.set(1, 'a');
  lru.set(2, 'b');
  lru.get(1);
  lru.set(3, 'c');
  assert.deepEqual([lru.get(1), lru.get(2), lru.get(3), dropped], ['a', undefined, 'c', ['b']]);
  lru.set(1, 'd');
  lru.clear();
  assert.deepEqual(dropped, ['b', 'a', 'c', 'd']);
});

test('a selection is never empty, turned round or in the future', () => {
  assert.deepEqual(ordered({ from: 9000, to: 5000 }, 20_000), { from: 5000, to: 9000 });
  assert.deepEqual(ordered({ from: 5000, to: 90_000 }, 20_000), { from: 5000, to: 20_000 });
  assert.deepEqual(ordered({ from: 5000, to: 5000 }, 20_000), { from: 4000, to: 5000 });
});

test('before the first footage there is none yet; what a camera may still tell is not known yet', () => {
  const told = settled([span(0, 10, 'unknown'), span(10, 20, 'stored'), span(20, 30, 'unknown'), span(30, 40, 'stored'), span(40, 50, 'unknown')], 40_000, 10_000);
  assert.deepEqual(told.map(spanWords), ['No footage yet', 'Stored 10 s', 'No footage', 'Stored 10 s', 'Not known yet']);
  assert.deepEqual(settled([span(0, 10, 'unknown')], NaN, NaN).map(spanWords), ['No footage yet']);
  assert.deepEqual(settled([span(0, 10, 'unknown', 'not_allowed')], 40_000, 10_000).map(spanWords), ['Older than you may see']);
});

test('what was skipped between two pictures', () => {
  const spans = [span(0, 10, 'stored'), span(10, 25, 'lost', 'power'), span(25, 40, 'stored')];
  assert.deepEqual(missing(spans, 9_900, 25_100).map(spanWords), ['Lost 15 s: no power']);
  assert.deepEqual(missing(spans, 5_000, 9_000), []);
});

test('a playlist has a picture inside its pieces and over their seams, not in a gap', () => {
  const pieces = [{ start: 0, duration: 10, programDateTime: 0 }, { start: 10, duration: 10, programDateTime: 10_040 }, { start: 20, duration: 10, programDateTime: 60_000 }];
  assert.deepEqual([0, 10_020, 20_000, 30_000, 59_000, 60_000].map((at) => hasPicture(pieces, at)), [true, true, true, false, false, true]);
});

test('a range in words', () => {
  const now = Date.parse('1970-01-01T12:00:00Z');
  assert.equal(rangeText({ from: 36_000_000, to: 36_090_000 }, now), '10:00:00 – 10:01:30');
  assert.equal(rangeText({ from: 36_000_000, to: 36_090_000 }, now + 86_400_000), 'Thu 1 January, 10:00:00 – 10:01:30');
  assert.equal(storedWords([span(0, 90, 'stored')]), 'all stored');
  assert.equal(storedWords([span(0, 40, 'stored'), span(40, 52, 'lost', 'power')]), '40 s stored, Lost 12 s: no power from 00:00');
  assert.equal(storedWords([span(0, 40, 'unknown', 'none_yet')]), 'nothing stored');
});

test('an export in words', () => {
  const job = /** @type {any} */ ({ state: 'done', progress: 1, message: '', bytes: 12_400_000, expires_at: '1970-01-02T00:00:00Z' });
  assert.equal(jobWords(job, 3_600_000), 'Ready, 12 MB. Kept for 23 h more.');
  assert.equal(jobWords({ ...job, state: 'running', progress: 0.418, message: '' }, 0), '41 %.');
  assert.equal(jobWords({ ...job, state: 'failed', message: 'Nothing is stored for this time.' }, 0), 'Nothing is stored for this time.');
  assert.deepEqual([1, 999_000, 1_400_000_000].map(sizeWords), ['1 kB', '999 kB', '1.4 GB']);
});
