import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'Europe/Berlin';
const { readInstant } = await import('../../static/js/instant.js');

const NOW = Date.parse('2026-11-24T15:30:00+01:00');
const SHOWN = Date.parse('2026-11-20T00:00:00+01:00');
const read = (/** @type {string} */ text) => new Date(readInstant(text, NOW, SHOWN)).toJSON();

test('a bare time belongs to the day that is shown', () => {
  assert.equal(read('14:02:10'), '2026-11-20T13:02:10.000Z');
  assert.equal(read(' 9:05 '), '2026-11-20T08:05:00.000Z');
  assert.equal(read('14.02'), '2026-11-20T13:02:00.000Z');
  assert.equal(read('14:02:10.250'), '2026-11-20T13:02:10.250Z');
  assert.equal(read('2:02 pm'), '2026-11-20T13:02:00.000Z');
  assert.equal(read('12:15am'), '2026-11-19T23:15:00.000Z');
});

test('days in words and in figures', () => {
  assert.equal(read('yesterday 14:02'), '2026-11-23T13:02:00.000Z');
  assert.equal(read('Today at 9:00'), '2026-11-24T08:00:00.000Z');
  assert.equal(read('24 Nov 9:15'), '2026-11-24T08:15:00.000Z');
  assert.equal(read('Tue 24 November, 14:41'), '2026-11-24T13:41:00.000Z');
  assert.equal(read('3.11. 14:02:10'), '2026-11-03T13:02:10.000Z');
  assert.equal(read('3.11.2025 14:02'), '2025-11-03T13:02:00.000Z');
  assert.equal(read('24 Dec 9:15'), '2025-12-24T08:15:00.000Z');
  assert.equal(read('2026-11-22'), '2026-11-21T23:00:00.000Z');
  assert.equal(read('2026-11-22 14:02'), '2026-11-22T13:02:00.000Z');
});

test('days as German readers write them, and as the page itself does', () => {
  assert.equal(read('3. März 9:15'), '2026-03-03T08:15:00.000Z');
  assert.equal(read('24. Mai 9:15'), '2026-05-24T07:15:00.000Z');
  assert.equal(read('3. Okt. 9:15'), '2026-10-03T07:15:00.000Z');
  assert.equal(read('24. Dezember um 9:15'), '2025-12-24T08:15:00.000Z');
  assert.equal(read('Di. 24. November, 14:41'), '2026-11-24T13:41:00.000Z');
  assert.equal(read('Donnerstag 5. Nov 14:41'), '2026-11-05T13:41:00.000Z');
});

test('links, the past by its length, and now', () => {
  assert.equal(read('2026-11-22T10:00:00.500Z'), '2026-11-22T10:00:00.500Z');
  assert.equal(read('2026-11-22T10:00:00+02:00'), '2026-11-22T08:00:00.000Z');
  assert.equal(read('2026-11-22T10:00:00'), '2026-11-22T09:00:00.000Z');
  assert.equal(read('10 min ago'), '2026-11-24T14:20:00.000Z');
  assert.equal(read('-30s'), '2026-11-24T14:29:30.000Z');
  assert.equal(read('2 hours ago'), '2026-11-24T12:30:00.000Z');
  assert.equal(read('now'), '2026-11-24T14:30:00.000Z');
});

test('what is no instant is none', () => {
  for (const text of ['', 'soon', '25:00', '14:61', '31.2. 10:00', 'tomorrowish 10:00', '13:00 pm', '14', '24 Foo 10:00']) assert.equal(read(text), null, text);
});

test('German readers type it their way', () => {
  assert.equal(readInstant('gestern um 14:02', NOW, SHOWN), readInstant('yesterday 14:02', NOW, SHOWN));
  assert.equal(readInstant('vor 10 Minuten', NOW, SHOWN), NOW - 600_000);
  assert.equal(readInstant('jetzt', NOW, SHOWN), NOW);
  assert.equal(readInstant('20.11. 9:15', NOW, SHOWN), readInstant('20 Nov 9:15', NOW, SHOWN));
});
