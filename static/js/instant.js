// An instant as people type it: "14:02:10", "yesterday 14:02", "24 Nov 9:15", "10 min ago", or as a link has it. Pure.

import { HOUR, MINUTE, SECOND, dayStart } from './time.js';

/** What German readers type, as the rest reads it. @type {[RegExp, string][]} */
const GERMAN = [[/^jetzt$/, 'now'], [/^heute\b/, 'today'], [/^gestern\b/, 'yesterday'], [/^vor (\d+) ?(s|min|h)[a-z]*$/, '$1 $2 ago'], [/ um /, ' '], [/\b(mär|mrz)[a-zä]*\b/, 'mar'], [/\bmai\b/, 'may'], [/\bokt/, 'oct'], [/\bdez/, 'dec']];
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const UNITS = { s: SECOND, sec: SECOND, second: SECOND, m: MINUTE, min: MINUTE, minute: MINUTE, h: HOUR, hour: HOUR };
const TIME = /^(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,3}))?)?\s*(am|pm)?$/;
const AGO = /^(?:-\s*)?(\d+)\s*(s|secs?|seconds?|m|mins?|minutes?|h|hours?)(?:\s+ago)?$/;

/**
 * The instant that a text means; NaN when it means none. In the viewer's zone, unless the text names another.
 * @param {string} text @param {number} now @param {number} day first millisecond of the day that a bare time belongs to
 */
export function readInstant(text, now, day) {
  const plain = text.trim().toLowerCase().replace(/\s+/g, ' ').replace(/,(?!\d)/g, '').replace(' at ', ' ');
  const words = GERMAN.reduce((read, [german, english]) => read.replace(german, english), plain);
  if (words === 'now' || words === 'live') return now;
  const ago = AGO.exec(words);
  if (ago) return now - Number(ago[1]) * unit(ago[2]);
  if (/^\d{4}-\d{2}-\d{2}t.*(z|[+-]\d{2}:?\d{2})$/.test(words)) return Date.parse(words.toUpperCase());
  const cut = words.search(/\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,3})?)?\s*(?:am|pm)?$/);
  if (!words) return NaN;
  const isDateOnly = cut < 0 || (cut > 0 && words[cut - 1] !== ' ' && words[cut - 1] !== 't');
  const [date, time] = isDateOnly ? [words, '0:00'] : [words.slice(0, cut).replace(/t$/, '').trim(), words.slice(cut)];
  return atTime(date ? readDay(date, now) : day, time);
}

/** @param {string} name */
function unit(name) {
  return UNITS[/** @type {keyof typeof UNITS} */ (name in UNITS ? name : name.replace(/s$/, ''))];
}

/** @param {number} day @param {string} text */
function atTime(day, text) {
  const found = TIME.exec(text.trim());
  if (!found || Number.isNaN(day)) return NaN;
  const [, hour, minute, second = '0', fraction = '0', half] = found;
  const hours = half ? (Number(hour) % 12) + (half === 'pm' ? 12 : 0) : Number(hour);
  if (hours > 23 || Number(minute) > 59 || Number(second) > 59 || (half && Number(hour) > 12)) return NaN;
  return new Date(day).setHours(hours, Number(minute), Number(second), Number(fraction.padEnd(3, '0')));
}

/** First millisecond of a day in words. @param {string} words @param {number} now */
function readDay(words, now) {
  if (words === 'today') return dayStart(now);
  if (words === 'yesterday') return dayStart(dayStart(now) - 1);
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(words);
  if (iso) return made(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const dotted = /^(\d{1,2})[./](\d{1,2})(?:[./](\d{4})?)?$/.exec(words);
  if (dotted) return nearest(Number(dotted[3]), Number(dotted[2]), Number(dotted[1]), now);
  const named = /^(?:[a-z]{2,10}\.? )?(\d{1,2})\.? ([a-z]{3,9})\.?(?: (\d{4}))?$/.exec(words);
  if (named) return nearest(Number(named[3]), MONTHS.indexOf(named[2].slice(0, 3)) + 1, Number(named[1]), now);
  return NaN;
}

/** Without a year the last such day. @param {number} year NaN when it is not told @param {number} month @param {number} day @param {number} now */
function nearest(year, month, day, now) {
  if (!Number.isNaN(year)) return made(year, month, day);
  const thisYear = made(new Date(now).getFullYear(), month, day);
  return thisYear > now ? made(new Date(now).getFullYear() - 1, month, day) : thisYear;
}

/** @param {number} year @param {number} month @param {number} day */
function made(year, month, day) {
  const date = new Date(year, month - 1, day);
  return date.getMonth() === month - 1 && date.getDate() === day ? date.getTime() : NaN;
}
