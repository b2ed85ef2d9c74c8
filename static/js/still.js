// The newest still picture of a camera in an <img>: fetched with the token, shown as a blob that is given back.

import { snapshot } from './api.js';
import { ApiError } from './answer.js';

export class Still {
  /** @type {AbortController | null} */
  #asking = null;
  #url = '';
  /** Instant of the picture; NaN while there is none. */
  at = NaN;

  /** @param {HTMLImageElement} image @param {import('./api.js').Camera} camera */
  constructor(image, camera) {
    this.image = image;
    this.camera = camera.jid;
    /** Older stills are recordings; the newest is as good as live, and for whoever may watch. */
    this.allowed = camera.may.includes('replay');
    this.source = camera;
  }

  /** Fetches the newest picture; true when it stands. @param {string} [at] */
  async refresh(at) {
    if (!this.#mayAsk(at)) return false;
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    try {
      const { picture, at: taken } = await snapshot(this.camera, { at, signal: asking.signal });
      if (asking.signal.aborted) return false;
      this.#show(picture);
      this.at = taken;
      return true;
    } catch (error) {
      // No picture is no news: the page says elsewhere what is wrong with the camera or the network.
      if (error instanceof ApiError || asking.signal.aborted) return false;
      throw error;
    }
  }

  /** There is a picture to be had. @param {string} [at] */
  #mayAsk(at) {
    if (this.allowed) return Boolean(at || this.source.latest_at || this.source.online);
    return !at && this.source.online && Boolean(this.source.latest_at) && this.source.may.includes('watch');
  }

  /** @param {Blob} picture */
  #show(picture) {
    const old = this.#url;
    this.#url = URL.createObjectURL(picture);
    this.image.src = this.#url;
    this.image.hidden = false;
    if (old) URL.revokeObjectURL(old);
  }

  close() {
    this.#asking?.abort();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = '';
  }
}
