// Instants as people read them: the viewer's zone, 24 hours, tabular. Instants are milliseconds since 1970 (UTC) everywhere.

import { language, t } from './text.js';

const LOCALE = language === 'en' ? 'en-GB' : language;
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Intl.DateTimeFormatOptions} options */
function format(options) {
  const key = JSON.stringify(options);
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(LOCALE, options)));
  return made;
}

/** "14:41:23", in the viewer's zone or in `zone`. @param {number} ms @param {string} [zone] */
export function clock(ms, zone) {
  return format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: zone }).format(ms);
}

/** "14:41". @param {number} ms @param {string} [zone] */
export function hourMinute(ms, zone) {
  return format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone }).format(ms);
}

/** "9–15 Nov 2026": from the first to the last day of a calendar, whatever the viewer's zone. @param {number} from @param {number} to noon of each, in UTC */
export function days(from, to) {
  return format({ day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).formatRange(from, to);
}

/** "Tue 24 November". @param {number} ms */
export function day(ms) {
  return format({ weekday: 'short', day: 'numeric', month: 'long' }).format(ms).replace(',', '');
}

/** "24 November 2026". @param {number} ms */
export function date(ms) {
  return format({ day: 'numeric', month: 'long', year: 'numeric' }).format(ms);
}

/** "November 2026". @param {number} ms */
export function month(ms) {
  return format({ month: 'long', year: 'numeric' }).format(ms);
}

/** "Today", "Yesterday", else the day. @param {number} ms @param {number} now */
export function dayWord(ms, now) {
  const start = dayStart(now);
  if (ms >= start && ms < dayAfter(now)) return t('Today');
  if (ms >= dayStart(start - 1) && ms < start) return t('Yesterday');
  return day(ms);
}

/** "14:41" today, else "Tue 24 November, 14:41". @param {number} ms @param {number} now */
export function moment(ms, now) {
  const at = hourMinute(ms);
  return dayStart(ms) === dayStart(now) ? at : `${day(ms)}, ${at}`;
}

/** "14:41" today, "Mon 14:41" within a week, else with the day: within a sentence. @param {number} ms @param {number} now */
function near(ms, now) {
  const days = Math.round(Math.abs(dayStart(ms) - dayStart(now)) / (24 * HOUR));
  if (!days || days > 6) return moment(ms, now);
  return format({ weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms).replace(',', '');
}

const INSTANT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** A sentence of the server or of a camera, its instants (RFC 3339, UTC) as the reader writes them. @param {string} text @param {number} now */
export function withTimes(text, now) {
  return text.replace(INSTANT, (instant) => {
    const at = parse(instant);
    return Number.isNaN(at) ? instant : near(at, now);
  });
}

/** The viewer's zone by name. */
export function ownZone() {
  return format({}).resolvedOptions().timeZone;
}

/** First millisecond of the viewer's day that holds the instant. @param {number} ms */
export function dayStart(ms) {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** First millisecond of the next day: 23, 24 or 25 hours later. @param {number} ms */
export function dayAfter(ms) {
  const next = new Date(dayStart(ms));
  next.setDate(next.getDate() + 1);
  return next.getTime();
}

/** The instant at which clocks on another day show the same time, within that day whatever its length. @param {number} day its first millisecond @param {number} ms */
export function sameTime(day, ms) {
  const shown = new Date(ms);
  const at = new Date(day).setHours(shown.getHours(), shown.getMinutes(), shown.getSeconds(), shown.getMilliseconds());
  return Math.min(Math.max(at, day), dayAfter(day) - 1);
}

/** "45 s", "6 min 30 s", "8 h 46 min", "3 days 2 h". @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / SECOND));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), t('days'), hours % 24, 'h');
}

/** @param {number} large @param {string} unit @param {number} small @param {string} smallUnit */
function pair(large, unit, small, smallUnit) {
  return small ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`;
}

/** "just now", "45 min ago". @param {number} ms @param {number} now */
export function ago(ms, now) {
  return now - ms < 5 * SECOND ? t('just now') : t('{length} ago', { length: duration(coarse(now - ms)) });
}

/** Cut to the unit that matters, so that a running text changes seldom. @param {number} ms */
function coarse(ms) {
  if (ms < MINUTE) return Math.floor(ms / (5 * SECOND)) * 5 * SECOND;
  if (ms < HOUR) return Math.floor(ms / MINUTE) * MINUTE;
  return ms;
}

/** RFC 3339, UTC, milliseconds: what the server reads and writes. @param {number} ms */
export function iso(ms) {
  return new Date(ms).toISOString();
}

/** The instant of a text of the server or of a link; NaN when it is none. @param {string | null | undefined} text */
export function parse(text) {
  return text ? Date.parse(text) : NaN;
}

/** "08:41 in New York": what clocks at the camera show, where it is another time than here; else empty. @param {number} ms @param {string} zone */
export function timeThere(ms, zone) {
  try {
    const there = hourMinute(ms, zone);
    return there === hourMinute(ms) ? '' : t('{time} in {zone}', { time: there, zone: zone.slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' ') });
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}

/** "14:41:23 in Europe/Berlin": for a title, where the camera lives in another zone. @param {number} ms @param {string} zone */
export function inZone(ms, zone) {
  try {
    return t('{time} in {zone}', { time: clock(ms, zone), zone });
  } catch (error) {
    if (error instanceof RangeError) return t('zone {zone} unknown here', { zone });
    throw error;
  }
}
