// Small pictures of instants, for the pointer on the timeline: asked for when the pointer rests, dropped when it moves on.

import { ApiError } from './answer.js';
import { snapshot } from './api.js';
import { Lru } from './lru.js';
import { SECOND, iso } from './time.js';

const REST_MS = 80;
const KEPT = 100;
// Keyframes are about so far apart: nearer instants have the same picture.
const GRID_MS = 2 * SECOND;

export class Thumbnails {
  /** @type {Lru<{url: string}>} */
  #kept = new Lru(KEPT, ({ url }) => url && URL.revokeObjectURL(url));
  /** @type {AbortController | null} */
  #asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;
  #wanted = NaN;

  /** @param {string} camera @param {(url: string | null) => void} show the picture's address, empty: there is none, null: it is on its way */
  constructor(camera, show) {
    this.camera = camera;
    this.show = show;
  }

  /** @param {number} at */
  want(at) {
    const key = Math.floor(at / GRID_MS);
    if (key === this.#wanted) return;
    this.rest();
    this.#wanted = key;
    const known = this.#kept.get(key);
    this.show(known ? known.url : null);
    if (!known) this.#resting = setTimeout(() => void this.#ask(key), REST_MS);
  }

  /** The pointer is elsewhere. */
  rest() {
    clearTimeout(this.#resting);
    this.#asking?.abort();
    this.#asking = null;
    this.#wanted = NaN;
  }

  /** Gives all pictures back; may be called twice. */
  close() {
    this.rest();
    this.#kept.clear();
  }

  /** @param {number} key */
  async #ask(key) {
    const asking = (this.#asking = new AbortController());
    try {
      const { picture } = await snapshot(this.camera, { at: iso((key + 1) * GRID_MS - 1), signal: asking.signal });
      if (!asking.signal.aborted) this.#keep(key, URL.createObjectURL(picture));
    } catch (error) {
      if (asking.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      // "Nothing stored" stays so for a while; a busy server may be asked again by the next move.
      if (error.status === 404) this.#keep(key, '');
      else this.show('');
    }
  }

  /** @param {number} key @param {string} url */
  #keep(key, url) {
    this.#kept.set(key, { url });
    if (this.#wanted === key) this.show(url);
  }
}
