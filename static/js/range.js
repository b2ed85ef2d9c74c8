// The selected range in words, and what can be made of it: an export, a hold.

import { rangeWords, totals, within } from './coverage.js';
import { part, setText } from './dom.js';
import { Emitter } from './emitter.js';
import { t } from './text.js';
import { clock, day, dayStart, duration } from './time.js';

/** @typedef {import('./window.js').Window} Window */
/** @typedef {import('./coverage.js').Span} Span */

/** @extends {Emitter<{export: {range: Window, exact: boolean}, hold: Window}>} */
export class RangeBar extends Emitter {
  /** @type {Window | null} */
  #range = null;
  #export = part('range-export', HTMLButtonElement);
  #exact = part('range-exact', HTMLInputElement);

  /** @param {import('./selection.js').Selection} selection @param {{spansOf: () => Span[], may: string[], now: () => number}} place */
  constructor(selection, { spansOf, may, now }) {
    super();
    this.selection = selection;
    this.spansOf = spansOf;
    this.now = now;
    for (const right of ['export', 'hold']) {
      for (const control of document.querySelectorAll(`#range [data-needs="${right}"]`)) control.toggleAttribute('hidden', !may.includes(right));
    }
    selection.on('change', () => this.render());
    part('range-clear', HTMLButtonElement).addEventListener('click', () => selection.set(null));
    this.#export.addEventListener('click', () => this.#range && this.emit('export', { range: this.#range, exact: this.#exact.checked }));
    part('range-hold', HTMLButtonElement).addEventListener('click', () => this.#range && this.emit('hold', this.#range));
  }

  /** How many cameras an export takes. @param {number} count */
  setCameras(count) {
    setText(part('range-export-words', HTMLElement), count > 1 ? t('Export {n} cameras', { n: count }) : t('Export'));
  }

  /** What is selected, and what became of it as far as that is known by now. */
  render() {
    const range = (this.#range = this.selection.range);
    part('range', HTMLElement).hidden = !range;
    part('select', HTMLButtonElement).hidden = Boolean(range);
    if (!range) return;
    setText(part('range-span', HTMLElement), rangeText(range, this.now()));
    setText(part('range-words', HTMLElement), `${duration(range.to - range.from)}, ${storedWords(within(this.spansOf(), range.from, range.to))}`);
  }
}

/** "14:38:00 – 14:44:30", with the day when it is not today's. @param {Window} range @param {number} now */
export function rangeText({ from, to }, now) {
  const words = `${clock(from)} – ${dayStart(from) === dayStart(to) ? '' : `${day(to)}, `}${clock(to)}`;
  return dayStart(from) === dayStart(now) ? words : `${day(from)}, ${words}`;
}

/** "all stored", "40 s stored, Lost 12 s: no power from 14:05". @param {Span[]} spans */
export function storedWords(spans) {
  const { stored } = totals(spans);
  const missing = spans.filter(({ state }) => state !== 'stored');
  if (!missing.length) return rangeWords(spans);
  if (!stored) return t('nothing stored');
  return t('{length} stored, {what}', { length: duration(stored), what: missing.length === 1 ? rangeWords(missing).split(';')[0] : t('{n} gaps', { n: missing.length }) });
}
