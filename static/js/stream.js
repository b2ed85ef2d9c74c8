// Lines in order of time under one list, a separator for each day. A new line costs the same among ten as among ten thousand.

import { h } from './dom.js';
import { dayStart, dayWord } from './time.js';

/** @typedef {'said' | 'alert' | 'event'} LineKind */
/** @typedef {{at: number, id: number, kind: LineKind, element: HTMLElement, gap?: import('./protocol.js').Chat}} Line id orders what has the same instant; gap: the message, when it tells of one */

export class Stream {
  /** In order. @type {Line[]} */
  lines = [];
  /** Separators by first millisecond of their day. @type {Map<number, HTMLElement>} */
  #days = new Map();

  /** @param {HTMLOListElement} list @param {() => number} now */
  constructor(list, now) {
    this.list = list;
    this.now = now;
  }

  /** @param {Line} line */
  add(line) {
    line.element.dataset.line = line.kind;
    let place = this.lines.length;
    while (place > 0 && after(this.lines[place - 1], line)) place--;
    this.lines.splice(place, 0, line);
    this.list.insertBefore(line.element, this.#before(place));
  }

  /** Another element for the same line. @param {Line} line @param {HTMLElement} element */
  change(line, element) {
    element.dataset.line = line.kind;
    line.element.replaceWith(element);
    line.element = element;
  }

  /** Takes the oldest away until `most` are left; what went. @param {number} most @returns {Line[]} */
  trim(most) {
    const gone = this.lines.splice(0, Math.max(0, this.lines.length - most));
    for (const { element } of gone) element.remove();
    const first = this.lines[0] ? dayStart(this.lines[0].at) : Infinity;
    for (const [start, element] of this.#days) {
      if (start >= first) continue;
      element.remove();
      this.#days.delete(start);
    }
    return gone;
  }

  clear() {
    this.trim(0);
  }

  /** What the line at this place stands before, its day's separator made when it is missing. @param {number} place @returns {Element | null} */
  #before(place) {
    const start = dayStart(this.lines[place].at);
    const next = this.lines[place + 1];
    const sameDay = next && dayStart(next.at) === start;
    const anchor = !next ? null : sameDay ? next.element : (this.#days.get(dayStart(next.at)) ?? next.element);
    if (!this.#days.has(start)) {
      const separator = h('li', { class: 'day' }, h('time', { datetime: new Date(start).toISOString() }, dayWord(start, this.now())));
      this.#days.set(start, separator);
      this.list.insertBefore(separator, anchor);
    }
    return anchor;
  }
}

/** @param {Line} a @param {Line} b */
function after(a, b) {
  return a.at > b.at || (a.at === b.at && a.id > b.id);
}
