import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'UTC';
const { gapsWords, inARow } = await import('../../static/js/gaps.js');

const NOW = Date.parse('2026-11-24T15:26:00Z');
const DAY = Date.parse('2026-11-24T00:00:00Z');
/** A line of the stream. @param {string} what s: said, a: alert, e: another event, 1 and 2: a gap of that camera @param {number} n @param {number} [day] */
const line = (what, n, day = DAY) => /** @type {any} */ ({ at: day + n * 1000, id: n, kind: { s: 'said', a: 'alert' }[what] ?? 'event', ...('12'.includes(what) ? { gap: { id: String(n), camera: `cam${what}@studio.loc` } } : {}) });
const rows = (/** @type {any[]} */ lines) => inARow(lines).map((row) => row.map(({ id }) => id));
const stream = (/** @type {string} */ text) => rows([...text].map((what, n) => line(what, n)));
/** @param {string} from @param {string} to @param {string} [cause] */
const gap = (from, to, cause = 'power') => ({ at: `2026-11-24T${from}Z`, until: `2026-11-24T${to}Z`, cause });

test('many gaps in a row are one line, few are told one by one', () => {
  assert.deepEqual(stream('1111'), [[0, 1, 2, 3]]);
  assert.deepEqual(stream('11'), []);
});

test('each camera has a line of its own, though their gaps take turns', () => {
  assert.deepEqual(stream('121212'), [[0, 2, 4], [1, 3, 5]]);
});

test('what people say and what is raised parts a row; comings, exports and holds do not', () => {
  assert.deepEqual(stream('111s111'), [[0, 1, 2], [4, 5, 6]]);
  assert.deepEqual(stream('11a11'), []);
  assert.deepEqual(stream('1e1e1'), [[0, 2, 4]]);
});

test('a row ends with its day', () => {
  assert.deepEqual(rows([line('1', 0), line('1', 1), line('1', 2, DAY + 86_400_000), line('1', 3, DAY + 86_400_000)]), []);
});

test('a row says from when to when, how much is lost and why', () => {
  const gaps = [gap('14:20:00', '14:20:12'), gap('14:02:00', '14:02:10'), gap('14:10:00', '14:10:18')];
  assert.equal(gapsWords(gaps, 'Till', NOW), 'Till: 3 gaps from 14:02:00 to 14:20:12, 40 s lost, no power');
  assert.match(gapsWords(gaps, 'Till', NOW + 86_400_000), /3 gaps from Tue 24 November, 14:02 to 14:20, 40 s lost/);
});

test('each cause is named once, and no second is counted twice', () => {
  const gaps = [gap('14:02:00', '14:02:10'), gap('14:02:08', '14:02:20', 'camera'), gap('14:02:05', '14:02:06', '')];
  assert.equal(gapsWords(gaps, 'Till', NOW), 'Till: 3 gaps from 14:02:00 to 14:02:20, 20 s lost, no power, the camera gave no picture, nobody knows why');
});
