// A range on the timeline with two handles: drawn with the mouse and Shift, by finger on the handles, by the keys I and O.

import { part, setText } from './dom.js';
import { Emitter } from './emitter.js';
import { SECOND, clock } from './time.js';
import { share } from './window.js';

/** @typedef {import('./window.js').Window} Window */

export const SHORTEST = SECOND;

/** @extends {Emitter<{change: Window | null, drag: number}>} drag: the instant under a handle that is held, NaN when it is let go */
export class Selection extends Emitter {
  /** @type {Window | null} */
  range = null;
  /** Where a range that is being drawn began. */
  #anchor = NaN;
  /** How far from its end a handle was taken hold of, in ms: it does not jump under the finger. */
  #held = 0;
  #layer = part('tl-select', HTMLElement);
  #grips = { from: part('tl-grip-from', HTMLElement), to: part('tl-grip-to', HTMLElement) };

  /** @param {(event: {clientX: number}) => number} at instant under a pointer @param {() => number} now */
  constructor(at, now) {
    super();
    this.at = at;
    this.now = now;
    this.#listen('from');
    this.#listen('to');
  }

  get drawing() {
    return !Number.isNaN(this.#anchor);
  }

  /** @param {number} at */
  begin(at) {
    this.#anchor = Math.min(at, this.now());
  }

  /** @param {number} at */
  extend(at) {
    this.set({ from: Math.min(this.#anchor, at), to: Math.max(this.#anchor, at) });
  }

  finish() {
    this.#anchor = NaN;
  }

  /** @param {Window | null} range */
  set(range) {
    this.range = range && ordered(range, this.now());
    this.emit('change', this.range);
  }

  /** One end to an instant; the other follows when it is overtaken. @param {'from' | 'to'} end @param {number} at @param {number} [length] of a range that begins with it */
  setEnd(end, at, length = 30 * SECOND) {
    const { from, to } = this.range ?? (end === 'from' ? { from: at, to: at + length } : { from: at - length, to: at });
    if (end === 'from') this.set({ from: at, to: to > at ? to : at + length });
    else this.set({ from: from < at ? from : at - length, to: at });
  }

  /** @param {Window} shown */
  draw(shown) {
    const { range } = this;
    const a = range ? share(shown, range.from) : 0;
    const b = range ? share(shown, range.to) : 0;
    this.#layer.hidden = !range || b < 0 || a > 1;
    if (!range || this.#layer.hidden) return;
    this.#layer.style.setProperty('--from', `${Math.max(0, a) * 100}%`);
    this.#layer.style.setProperty('--to', `${Math.min(1, b) * 100}%`);
    this.#drawGrip('from', range.from, a >= 0);
    this.#drawGrip('to', range.to, b <= 1);
  }

  /** @param {'from' | 'to'} end @param {number} at @param {boolean} seen */
  #drawGrip(end, at, seen) {
    const grip = this.#grips[end];
    grip.hidden = !seen;
    grip.setAttribute('aria-valuenow', String(Math.round(at / SECOND)));
    grip.setAttribute('aria-valuetext', clock(at));
    setText(/** @type {HTMLElement} */ (grip.firstElementChild), clock(at));
  }

  /** @param {'from' | 'to'} end */
  #listen(end) {
    const grip = this.#grips[end];
    grip.addEventListener('pointerdown', (event) => {
      event.stopPropagation();
      grip.setPointerCapture(event.pointerId);
      this.#held = this.at(event) - (this.range?.[end] ?? NaN);
    });
    grip.addEventListener('pointermove', (event) => {
      if (!grip.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      this.#pull(end, this.at(event) - this.#held);
      this.emit('drag', this.range?.[end] ?? NaN);
    });
    for (const over of /** @type {const} */ (['pointerup', 'pointercancel'])) {
      grip.addEventListener(over, (event) => {
        event.stopPropagation();
        this.emit('drag', NaN);
      });
    }
    grip.addEventListener('keydown', (event) => this.#key(end, event));
  }

  /** @param {'from' | 'to'} end @param {KeyboardEvent} event */
  #key(end, event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -60, PageUp: 60 }[event.key];
    if (!step || !this.range) return;
    event.preventDefault();
    event.stopPropagation();
    this.#pull(end, this.range[end] + step * (event.shiftKey ? 10 : 1) * SECOND);
  }

  /** A handle stops at the other one. @param {'from' | 'to'} end @param {number} at */
  #pull(end, at) {
    const { range } = this;
    if (!range) return;
    this.set(end === 'from' ? { from: Math.min(at, range.to - SHORTEST), to: range.to } : { from: range.from, to: Math.max(at, range.from + SHORTEST) });
  }
}

/** Whole, not in the future, never empty. @param {Window} range @param {number} now @returns {Window} */
export function ordered({ from, to }, now) {
  const until = Math.round(Math.min(Math.max(from, to), now));
  return { from: Math.min(Math.round(Math.min(from, to)), until - SHORTEST), to: until };
}
