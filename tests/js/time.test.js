import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'Europe/Berlin';
const { HOUR, MINUTE, ago, clock, dayAfter, dayStart, dayWord, days, duration, hourMinute, inZone, iso, moment, parse, sameTime, timeThere, withTimes } = await import('../../static/js/time.js');
const { around, follow, instantAt, pan, share, ticks, zoom } = await import('../../static/js/window.js');

const NOON = Date.parse('2026-11-24T12:00:00+01:00');
const SPRING = Date.parse('2026-03-29T12:00:00+02:00');
const AUTUMN = Date.parse('2026-10-25T12:00:00+01:00');

test('times read in the viewer’s zone, and the camera’s on demand', () => {
  assert.equal(clock(NOON), '12:00:00');
  assert.equal(hourMinute(NOON + 61 * MINUTE), '13:01');
  assert.equal(inZone(NOON, 'Asia/Tokyo'), '20:00:00 in Asia/Tokyo');
  assert.equal(inZone(NOON, 'Moon/Tycho'), 'zone Moon/Tycho unknown here');
});

test('what clocks at the camera show is said where it is another time than here', () => {
  assert.equal(timeThere(NOON, 'America/New_York'), '06:00 in New York');
  assert.equal(timeThere(NOON, 'Europe/Rome'), '');
  assert.equal(timeThere(NOON, 'Moon/Tycho'), '');
});

test('midnight is 00, never 24', () => assert.equal(clock(dayStart(NOON)), '00:00:00'));

test('a day of summer time has 23 hours, the one of winter time 25', () => {
  assert.equal(dayAfter(SPRING) - dayStart(SPRING), 23 * HOUR);
  assert.equal(dayAfter(AUTUMN) - dayStart(AUTUMN), 25 * HOUR);
  assert.equal(dayAfter(NOON) - dayStart(NOON), 24 * HOUR);
});

test('the same time on another day lies within that day, whatever its length', () => {
  const late = Date.parse('2026-03-30T23:30:00+02:00');
  assert.equal(clock(sameTime(dayStart(SPRING), late)), '23:30:00');
  assert.equal(dayStart(sameTime(dayStart(SPRING), late)), dayStart(SPRING));
  assert.equal(clock(sameTime(dayStart(AUTUMN), late)), '23:30:00');
  assert.equal(clock(sameTime(dayStart(SPRING), Date.parse('2026-03-28T02:30:00+01:00'))), '03:30:00');
});

test('a week is named by its own calendar, on both sides of the world', () => {
  process.env.TZ = 'Pacific/Auckland';
  assert.equal(days(Date.parse('2026-11-09T12:00:00Z'), Date.parse('2026-11-15T12:00:00Z')).replace(/[\u2009 ]/g, ''), '9–15Nov2026');
  process.env.TZ = 'Europe/Berlin';
});

test('durations in two units at most', () => {
  const said = [0, 45e3, 60e3, 390e3, 12 * 60e3, 8.7666 * 3600e3, 24 * 3600e3, 74 * 3600e3].map(duration);
  assert.deepEqual(said, ['0 s', '45 s', '1 min', '6 min 30 s', '12 min', '8 h 46 min', '24 h', '3 days 2 h']);
});

test('no rounding makes sixty minutes or sixty seconds', () => {
  for (let seconds = 1; seconds < 100_000; seconds += 7) assert.doesNotMatch(duration(seconds * 1000), /\b60 (s|min)\b/);
});

test('days are named when they are near', () => {
  assert.equal(dayWord(NOON - HOUR, NOON), 'Today');
  assert.equal(dayWord(NOON - 13 * HOUR, NOON), 'Yesterday');
  assert.equal(dayWord(NOON - 40 * HOUR, NOON), 'Sun 22 November');
  assert.equal(moment(NOON - HOUR, NOON), '11:00');
  assert.equal(moment(NOON - 24 * HOUR, NOON), 'Mon 23 November, 12:00');
  assert.equal(ago(NOON - 45 * MINUTE - 20_000, NOON), '45 min ago');
  assert.equal(ago(NOON, NOON), 'just now');
});

test('instants in a sentence are of the viewer’s zone, and what is none stays as it is', () => {
  assert.equal(withTimes('So since 2026-11-24T10:59:00Z.', NOON), 'So since 11:59.');
  assert.equal(withTimes('Off until 2026-11-26T19:00:00Z.', NOON), 'Off until Thu 20:00.');
  assert.equal(withTimes('From 2026-11-01T23:30:00.250Z', NOON), 'From Mon 2 November, 00:30');
  assert.equal(withTimes('Room 2026-99-99T99:99:99Z, file 2026-11-24', NOON), 'Room 2026-99-99T99:99:99Z, file 2026-11-24');
});

test('instants go to the server and come back whole', () => {
  assert.equal(iso(NOON + 250), '2026-11-24T11:00:00.250Z');
  assert.equal(parse(iso(NOON + 250)), NOON + 250);
  assert.ok(Number.isNaN(parse('yesterday')));
  assert.ok(Number.isNaN(parse(null)));
});

test('zooming keeps the fixed instant where it is and stays within its limits', () => {
  const shown = around(NOON, 2 * HOUR);
  const fixed = instantAt(shown, 0.25);
  const narrow = zoom(shown, 0.5, fixed);
  assert.ok(Math.abs(share(narrow, fixed) - 0.25) < 1e-6);
  assert.equal(narrow.to - narrow.from, HOUR);
  assert.equal(zoom(shown, 1e-9, NOON).to - zoom(shown, 1e-9, NOON).from, 2 * MINUTE);
  assert.equal(zoom(shown, 1e9, NOON).to - zoom(shown, 1e9, NOON).from, 26 * HOUR);
});

test('the window follows only an instant that is about to leave', () => {
  const shown = around(NOON, HOUR);
  assert.equal(follow(shown, NOON + 20 * MINUTE), shown);
  const moved = follow(shown, NOON + 30 * MINUTE);
  assert.notEqual(moved, shown);
  assert.ok(share(moved, NOON + 30 * MINUTE) < 0.9);
  assert.equal(share(follow(shown, NOON - 9 * HOUR), NOON - 9 * HOUR), 0.5);
  assert.deepEqual(pan(shown, MINUTE), { from: shown.from + MINUTE, to: shown.to + MINUTE });
});

test('ticks stand on round local times, in order, and never too many', () => {
  for (const width of [2 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 7 * HOUR, 26 * HOUR]) {
    const marks = ticks(around(NOON, width), 12);
    assert.ok(marks.length >= 2 && marks.length <= 14, `${width}: ${marks.length}`);
    for (const { at, step } of marks) assert.equal((at - dayStart(at)) % step, 0);
  }
});

test('ticks of the days with 23 and 25 hours read round and go on', () => {
  for (const day of [SPRING, AUTUMN]) {
    const marks = ticks({ from: dayStart(day), to: dayAfter(day) }, 9).map(({ at }) => at);
    assert.deepEqual(marks, [...new Set(marks)].sort((a, b) => a - b));
    assert.equal(hourMinute(/** @type {number} */ (marks.at(-1))), '00:00');
    assert.ok(marks.every((at) => hourMinute(at).endsWith(':00')));
  }
});
