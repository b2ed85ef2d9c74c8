import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'UTC';
const { bands, causeWords, rangeWords, readSpans, spanAt, spanWords, storedFrom, totals, within } = await import('../../static/js/coverage.js');
const { endOf, instantOf, mediaTimeOf, rangeFor } = await import('../../static/js/playlist.js');

/** @param {number} from @param {number} to @param {string} state @param {string} [cause] */
const span = (from, to, state, cause = '') => /** @type {any} */ ({ from: from * 1000, to: to * 1000, state, cause });
const DAY = [span(0, 600, 'stored'), span(600, 660, 'lost', 'power'), span(660, 900, 'stored'), span(900, 1000, 'on_camera')];

test('an answer of the server becomes spans; a state of a later version is not known', () => {
  const answer = { spans: [{ from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:10:00.000Z', state: 'stored', cause: null }, { from: '1970-01-01T00:10:00.000Z', to: '1970-01-01T00:11:00.000Z', state: 'melted' }] };
  assert.deepEqual(readSpans(answer), [span(0, 600, 'stored'), span(600, 660, 'unknown')]);
});

test('bands are cut at the edges and stay inside', () => {
  const drawn = bands(DAY, 300_000, 1_000_000);
  assert.equal(drawn[0].x, 0);
  assert.ok(drawn.every(({ x, width }) => x >= 0 && x + width <= 100.0001));
  assert.equal(drawn.length, 4);
});

test('a second that is lost in a day can be seen', () => {
  const drawn = bands([span(0, 86_399, 'stored'), span(86_399, 86_400, 'lost')], 0, 86_400_000, 0.4);
  assert.deepEqual([drawn[1].width, drawn[1].x], [0.4, 99.6]);
});

test('neighbours of one kind are one; nothing is made up outside', () => {
  assert.deepEqual(within([span(0, 5, 'stored'), span(5, 9, 'stored')], 2000, 20_000), [span(2, 9, 'stored')]);
  assert.deepEqual(within(DAY, 2_000_000, 3_000_000), []);
});

test('totals count every millisecond once', () => {
  assert.deepEqual(totals(DAY), { stored: 840_000, lost: 60_000, on_camera: 100_000, off: 0, unknown: 0 });
});

test('what holds an instant, and where the picture goes on', () => {
  assert.equal(spanAt(DAY, 600_000)?.state, 'lost');
  assert.equal(spanAt(DAY, 1_000_000), undefined);
  assert.equal(storedFrom(DAY, 610_000), 660_000);
  assert.equal(storedFrom(DAY, 700_000), 700_000);
  assert.equal(storedFrom(DAY, 950_000), undefined);
});

test('words for somebody who cannot see the strip', () => {
  assert.equal(spanWords(DAY[1]), 'Lost 1 min: no power');
  assert.equal(rangeWords([span(0, 5, 'stored')]), 'all stored');
  assert.equal(rangeWords([]), 'nothing is known');
  assert.equal(rangeWords(DAY), 'Lost 1 min: no power from 00:10, On camera 1 min 40 s from 00:15; the rest stored');
  assert.equal(causeWords('gremlins_in_the_lens'), 'gremlins in the lens');
});

const PIECES = [
  { start: 0, duration: 4, programDateTime: 100_000 },
  { start: 4, duration: 4, programDateTime: 104_000 },
  { start: 8, duration: 4, programDateTime: 150_000 },
];

test('media time and instants agree, both ways, over a gap', () => {
  for (const at of [100_000, 105_500, 107_999, 150_000, 153_999]) assert.equal(instantOf(PIECES, /** @type {number} */ (mediaTimeOf(PIECES, at))), at);
  assert.equal(mediaTimeOf(PIECES, 130_000), 8);
  assert.equal(mediaTimeOf(PIECES, 1), 0);
  assert.equal(mediaTimeOf(PIECES, 154_000), null);
  assert.equal(endOf(PIECES), 154_000);
});

test('an instant that need not be exact is shown from the begin of its piece, if that is near enough', () => {
  assert.equal(mediaTimeOf(PIECES, 105_500, 2000), 4);
  assert.equal(mediaTimeOf(PIECES, 107_000, 2000), 7);
  assert.equal(mediaTimeOf(PIECES, 130_000, 2000), 8);
});

test('an empty list has no instants', () => {
  assert.equal(instantOf([], 3), null);
  assert.equal(mediaTimeOf([], 3), null);
  assert.equal(endOf([]), null);
});

test('near the edge the list grows, further back it is finished and short', () => {
  const now = 10 * 3_600_000;
  assert.equal(rangeFor(now - 60_000, now).to, null);
  const past = rangeFor(now - 3_600_000, now);
  assert.ok(past.to !== null && past.to <= now && past.from < now - 3_600_000);
  assert.ok((past.to ?? 0) - past.from <= 30 * 60_000);
});
