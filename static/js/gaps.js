// Many gaps of one camera in a row, as one line of the stream that opens: what people say is not to drown in them.

import { causeWords } from './coverage.js';
import { h, icon, replace, setText } from './dom.js';
import { bare } from './protocol.js';
import { t } from './text.js';
import { clock, dayStart, duration, hourMinute, moment, parse } from './time.js';

/** @typedef {import('./protocol.js').Chat} Chat */
/** @typedef {import('./stream.js').Line} Line */
/** @typedef {Line & {gap: Chat}} GapLine */
/** @typedef {{element: HTMLElement, words: HTMLElement, list: HTMLElement, drawn: string}} Row */

/** So many are told one by one. */
const FEW = 2;

/** Gaps of one camera on one day with nothing said or raised between them, as long as they are many. Pure. @param {Line[]} lines in order @returns {GapLine[][]} */
export function inARow(lines) {
  /** @type {GapLine[][]} */
  const rows = [];
  /** @type {Map<string, GapLine[]>} those that the next gap may join */
  let open = new Map();
  for (const line of lines) {
    if (line.kind !== 'event') open = new Map();
    if (!isGap(line)) continue;
    const key = `${bare(line.gap.camera)} ${dayStart(line.at)}`;
    const row = open.get(key) ?? [];
    if (row.push(line) > 1) continue;
    open.set(key, row);
    rows.push(row);
  }
  return rows.filter((row) => row.length > FEW);
}

/** @param {Line} line @returns {line is GapLine} */
function isGap(line) {
  return Boolean(line.gap);
}

/** "Till: 14 gaps from 14:02:10 to 14:20:31, 40 s lost, no power". @param {Pick<Chat, 'at' | 'until' | 'cause'>[]} gaps @param {string} camera @param {number} now */
export function gapsWords(gaps, camera, now) {
  const ranges = gaps.map(({ at, until }) => ({ from: parse(at), to: parse(until) })).sort((a, b) => a.from - b.from);
  const from = ranges[0].from;
  const to = Math.max(...ranges.map((range) => range.to));
  // Gaps may overlap by a fragment: no second counts twice.
  let [lost, seen] = [0, from];
  for (const range of ranges) {
    lost += Math.max(0, range.to - Math.max(range.from, seen));
    seen = Math.max(seen, range.to);
  }
  const why = [...new Set(gaps.map(({ cause }) => (cause ? causeWords(cause) : t('nobody knows why'))))].join(', ');
  const today = dayStart(from) === dayStart(now);
  const end = dayStart(from) !== dayStart(to) ? moment(to, now) : today ? clock(to) : hourMinute(to);
  return t('{camera}: {n} gaps from {begin} to {end}, {length} lost, {why}', { camera, n: gaps.length, begin: today ? clock(from) : moment(from, now), end, length: duration(lost), why });
}

/** The rows of a stream, kept on the page as it changes. */
export class GapRows {
  /** @type {Map<Line, Row>} by each line that stands in it */
  #rows = new Map();

  /** @param {import('./stream.js').Stream} stream @param {(gaps: Chat[]) => string} words @param {(gap: Chat) => HTMLElement} inside one gap as it reads in the opened row */
  constructor(stream, words, inside) {
    this.stream = stream;
    this.words = words;
    this.inside = inside;
  }

  /** After lines came, went or were made anew. */
  render() {
    /** @type {Map<Line, Row>} */
    const rows = new Map();
    /** @type {Set<Row>} */
    const drawn = new Set();
    for (const lines of inARow(this.stream.lines)) {
      // One that was opened stays open while more joins it.
      const row = lines.map((line) => this.#rows.get(line)).find((known) => known && !drawn.has(known)) ?? made();
      drawn.add(row);
      for (const line of lines) rows.set(line, row);
      this.#draw(row, lines);
    }
    for (const [line, row] of this.#rows) {
      if (!rows.has(line)) line.element.hidden = false;
      if (!drawn.has(row)) row.element.remove();
    }
    this.#rows = rows;
  }

  /** @param {Row} row @param {GapLine[]} lines */
  #draw(row, lines) {
    const gaps = lines.map(({ gap }) => gap);
    const last = lines[lines.length - 1].element;
    for (const { element } of lines) element.hidden = true;
    if (last.nextSibling !== row.element) last.after(row.element);
    const words = this.words(gaps);
    const drawn = `${words} ${gaps.map(({ id }) => id)}`;
    if (row.drawn === drawn) return;
    row.drawn = drawn;
    setText(row.words, words);
    replace(row.list, ...gaps.map((gap) => h('li', {}, this.inside(gap))));
  }
}

/** @returns {Row} */
function made() {
  const words = h('span');
  const list = h('ul', { class: 'gaps__list' });
  const element = h('li', { class: 'msg msg--event', 'data-line': 'event', 'data-kind': 'gaps' }, icon('lost'), h('details', { class: 'gaps' }, h('summary', { class: 'gaps__words' }, words, icon('chevron-down')), list));
  return { element, words, list, drawn: '' };
}
