// What became of every second of one camera, day by day: fetched once, and again where it still grows.

import { ApiError } from './answer.js';
import { cameraPath, get } from './api.js';
import { readSpans, settled } from './coverage.js';
import { Emitter } from './emitter.js';
import { dayAfter, iso, parse } from './time.js';

/** @typedef {import('./coverage.js').Span} Span */

/** @extends {Emitter<{day: number}>} */
export class Cover extends Emitter {
  /** @type {Map<number, Span[]>} by first millisecond of the day */
  #days = new Map();
  /** Up to when each day was asked for. @type {Map<number, number>} */
  #until = new Map();
  /** @type {Map<number, Promise<void>>} */
  #loading = new Map();
  /** @type {Span[]} */
  spans = [];
  /** First instant that the ledger knows; NaN while it knows none. */
  #earliest = NaN;

  /** @param {import('./api.js').Camera} camera @param {() => number} now server's clock */
  constructor(camera, now) {
    super();
    this.camera = camera;
    this.now = now;
    this.allowed = camera.may.includes('replay');
  }

  /** Spans of one day, as far as they are known. @param {number} at its first millisecond */
  day(at) {
    const end = dayAfter(at);
    return this.spans.filter(({ from, to }) => to > at && from < end);
  }

  /** Coverage of a day, once, or again. @param {number} at @param {boolean} [again] @returns {Promise<void>} */
  ask(at, again = false) {
    if (!this.allowed || at > this.now() || (this.#isWhole(at) && !again)) return Promise.resolve();
    const loading = this.#loading.get(at) ?? this.#fetch(at).finally(() => this.#loading.delete(at));
    this.#loading.set(at, loading);
    return loading;
  }

  /** Known to its end, or as far as the page asks by itself again and again. @param {number} at */
  #isWhole(at) {
    return this.#days.has(at) && ((this.#until.get(at) ?? 0) >= dayAfter(at) || this.now() < dayAfter(at));
  }

  /** Whether something of the day may still become known. @param {number} at its first millisecond */
  mayGrow(at) {
    return this.day(at).some(({ state, cause }) => state === 'on_camera' || (state === 'unknown' && !cause));
  }

  /** @param {number} at */
  async #fetch(at) {
    const to = Math.min(dayAfter(at), this.now());
    try {
      const answer = await get(cameraPath(this.camera.jid, `coverage/?from=${encodeURIComponent(iso(at))}&to=${encodeURIComponent(iso(to))}`));
      this.#days.set(at, readSpans(answer));
      this.#until.set(at, to);
      this.#earliest = parse(answer.earliest_at);
      this.spans = settled([...this.#days].sort(([a], [b]) => a - b).flatMap(([, spans]) => spans), parse(this.camera.latest_at), this.#earliest);
      this.emit('day', at);
    } catch (error) {
      // The notice of the lost connection says what there is to say; the next round asks again.
      if (!(error instanceof ApiError)) throw error;
    }
  }
}
