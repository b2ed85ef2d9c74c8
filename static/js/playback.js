// The recorded past in a <video>: hls.js over byte ranges, with the person's token; over chunk boundaries and gaps, up to the growing edge.

import { cameraPath, toSignIn } from './api.js';
import { ApiError } from './answer.js';
import { Emitter } from './emitter.js';
import { endOf, hasPicture, instantOf, isRewritten, mediaTimeOf, rangeFor, shorter } from './playlist.js';
import { t } from './text.js';
import { saving } from './thrift.js';
import { SECOND, iso } from './time.js';
import { access, current, renew } from './token.js';

/** @typedef {typeof import('../vendor/hls.js').default} HlsClass */
/** @typedef {import('../vendor/hls.js').default} Hls */
/** @typedef {import('./playlist.js').Piece} Piece */
/** @typedef {'idle' | 'loading' | 'playing' | 'paused' | 'waiting'} PlaybackState */
/** @typedef {{code: 'nothing' | 'network' | 'media', message: string}} PlaybackProblem */

const BEHIND_EDGE = 4 * SECOND;
const TRY_AGAIN_MS = 3000;
// As short as it goes, a fragment each: less to fetch before the first picture, and the newest sooner.
const SEGMENT_MS = 1000;

/**
 * Debugging handle, read by the browser tests: `window.ucam.clocks` maps a camera's JID to the player of its recordings.
 * @type {Map<string, Playback>}
 */
const clocks = new Map();
Object.assign(window, { ucam: { ...Reflect.get(window, 'ucam'), clocks } });

/** @type {Promise<HlsClass> | null} */
let library = null;

/** hls.js weighs more than the rest of the page: it is fetched with the first look at the past, or by `prepare`. @returns {Promise<HlsClass>} */
function hlsClass() {
  library ??= import('../vendor/hls.js').then((module) => module.default, (error) => {
    library = null; // the network may be back next time
    throw error;
  });
  return library;
}

/** For those who may look at the past soon: in a moment in which nothing else is to be done. */
export function prepare() {
  const fetched = () => void hlsClass().catch(() => undefined); // it is tried again when it is needed
  if (saving()) return;
  if ('requestIdleCallback' in window) requestIdleCallback(fetched);
  else setTimeout(fetched, SECOND);
}

/** @extends {Emitter<{sound: boolean, time: number, state: PlaybackState, picture: null, problem: PlaybackProblem, end: number}>} */
export class Playback extends Emitter {
  /** @type {PlaybackState} */
  state = 'idle';
  /** Instant on the screen; NaN while there is none. */
  at = NaN;
  /** What is loaded has sound. */
  hasSound = false;

  /** @type {Hls | null} */
  #hls = null;
  /** @type {Piece[]} */
  #pieces = [];
  /** @type {import('./playlist.js').Range} */
  #range = { from: 0, to: 0 };
  #wanted = NaN;
  #slack = 0;
  #loading = 0;
  #rate = 1;
  #frame_s = 1 / 25;
  #recovered_at = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /** @param {string} camera @param {HTMLVideoElement} video @param {() => number} now server's clock */
  constructor(camera, video, now) {
    super();
    this.camera = camera;
    this.video = video;
    this.now = now;
    video.addEventListener('timeupdate', () => this.#tell());
    video.addEventListener('seeked', () => this.#shown());
    video.addEventListener('loadeddata', () => this.#shown());
    video.addEventListener('playing', () => this.#become('playing'));
    video.addEventListener('pause', () => {
      this.#tell();
      if (!video.ended && this.#hls) this.#become('paused');
    });
    video.addEventListener('waiting', () => !video.paused && this.#become('waiting'));
    video.addEventListener('ended', () => this.emit('end', this.#range.to ?? this.at));
  }

  /** Instant of the picture on the screen, to the frame; NaN while there is none. */
  get precise() {
    if (!this.#hls || !this.video.readyState || this.video.seeking) return NaN;
    return instantOf(this.#pieces, this.video.currentTime) ?? NaN;
  }

  /** Whether pictures follow each other just now. */
  get running() {
    return this.state === 'playing' && !this.video.paused && !this.video.seeking;
  }

  /** What the loaded stretch has at an instant: undefined when it says nothing about it. @param {number} at */
  pictureAt(at) {
    const begun = this.#pieces.length > 0 && at >= this.#range.from && at < (this.#range.to ?? Infinity);
    return begun ? hasPicture(this.#pieces, at) : undefined;
  }

  /** Plays a little faster or slower for a while; the speed that was asked for stays. @param {number} factor */
  nudge(factor) {
    const rate = this.#rate * factor;
    if (Math.abs(this.video.playbackRate - rate) > 0.005) this.video.playbackRate = rate;
  }

  /** Shows an instant, or one up to `slack` ms before it that is shown sooner; plays on when `play`. @param {number} at @param {boolean} play @param {number} [slack] */
  seek(at, play, slack = 0) {
    this.#wanted = at;
    this.#slack = slack;
    this.#playWanted = play;
    this.at = at;
    const target = this.#hls && this.#inside(at) ? mediaTimeOf(this.#pieces, at, slack) : null;
    if (target === null) return void this.#load(rangeFor(at, this.now()));
    this.video.currentTime = target;
    this.#start();
  }

  /** The newest that is stored, growing on: stands in for the live picture. */
  newest() {
    this.#wanted = Infinity;
    this.#slack = 0;
    this.#playWanted = true;
    void this.#load({ from: this.now() - 60 * SECOND, to: null });
  }

  #playWanted = false;

  play() {
    this.#playWanted = true;
    this.#start();
  }

  pause() {
    this.#playWanted = false;
    this.video.pause();
  }

  /** @param {number} rate */
  setRate(rate) {
    this.#rate = rate;
    this.video.playbackRate = rate;
  }

  /** One frame on or back. @param {1 | -1} direction */
  step(direction) {
    this.pause();
    const target = this.video.currentTime + direction * this.#frame_s;
    const at = instantOf(this.#pieces, target);
    if (at === null) return this.seek(this.at + direction * this.#frame_s * 1000, false);
    this.video.currentTime = target;
  }

  /** Lets go of everything; may be called twice. */
  close() {
    this.#loading++;
    clearTimeout(this.#retry);
    const hls = this.#hls;
    this.#hls = null;
    if (clocks.get(this.camera) === this) clocks.delete(this.camera);
    this.#pieces = [];
    hls?.destroy();
    this.video.pause();
    this.video.removeAttribute('src');
    this.video.load();
    this.at = NaN;
    this.#become('idle');
  }

  /** @param {number} at */
  #inside(at) {
    const end = endOf(this.#pieces);
    return end !== null && at >= this.#range.from && at < (this.#range.to ?? end);
  }

  /** @param {import('./playlist.js').Range} range */
  async #load(range) {
    const number = ++this.#loading;
    clearTimeout(this.#retry);
    this.#become('loading');
    const Class = await hlsClass().catch(() => null);
    if (number !== this.#loading) return;
    if (!Class) return this.#later(this.#wanted);
    this.#hls?.destroy();
    clocks.set(this.camera, this);
    this.#pieces = [];
    this.#range = range;
    const hls = (this.#hls = new Class({
      autoStartLoad: false,
      // Fragmented MP4 passes through as it is: only its boxes are read, which is no work to fetch 41 kB of worker for.
      enableWorker: false,
      backBufferLength: 60,
      maxBufferLength: 20,
      liveDurationInfinity: true,
      xhrSetup: (xhr, url) => this.#withToken(xhr, url),
    }));
    hls.once(Class.Events.LEVEL_LOADED, (_, { details }) => this.#loaded(hls, details));
    hls.on(Class.Events.BUFFER_CODECS, (_, { audio, audiovideo }) => {
      this.hasSound = Boolean(audio) || /mp4a/.test(audiovideo?.codec ?? '');
      this.emit('sound', this.hasSound);
    });
    hls.on(Class.Events.LEVEL_UPDATED, (_, { details }) => this.#updated(hls, details));
    hls.on(Class.Events.ERROR, (_, error) => error.fatal && void this.#failed(Class, hls, error));
    const to = range.to === null ? '' : `&to=${encodeURIComponent(iso(range.to))}`;
    hls.loadSource(cameraPath(this.camera, `playlist.m3u8?from=${encodeURIComponent(iso(range.from))}${to}&segment_ms=${SEGMENT_MS}`));
    hls.attachMedia(this.video);
    this.#watchFrames(hls);
  }

  /** @param {XMLHttpRequest} xhr @param {string} url */
  async #withToken(xhr, url) {
    const token = await access();
    if (xhr.readyState === XMLHttpRequest.UNSENT) xhr.open('GET', url, true);
    xhr.setRequestHeader('Authorization', `Bearer ${token}`);
  }

  /** @param {Hls} hls @param {import('../vendor/hls.js').LevelDetails} details */
  #loaded(hls, details) {
    if (this.#hls !== hls) return;
    this.#pieces = details.fragments;
    const end = endOf(this.#pieces);
    if (end === null) return this.#nothing();
    const at = Math.min(this.#wanted, end - (this.#range.to === null ? BEHIND_EDGE : SECOND));
    // A position of 0 means "where you like" to hls.js while the list grows.
    hls.startLoad(Math.max(mediaTimeOf(this.#pieces, at, this.#slack) ?? 0, 0.001));
    this.#start();
  }

  /** The growing list came again; when it is another than it was, or has grown long, it is begun anew where the picture stands. @param {Hls} hls @param {import('../vendor/hls.js').LevelDetails} details */
  #updated(hls, details) {
    if (this.#hls !== hls) return;
    const rewritten = isRewritten(this.#pieces, details.fragments);
    this.#pieces = details.fragments;
    if (Number.isNaN(this.at)) return;
    const range = shorter(this.#range, this.at, this.now()) ?? (rewritten ? this.#range : null);
    if (!range) return;
    this.#wanted = this.at;
    this.#slack = 0;
    void this.#load(range);
  }

  #start() {
    this.video.playbackRate = this.#rate;
    if (!this.#playWanted) return this.video.pause();
    this.video.play().catch((error) => {
      // AbortError: another seek came in between. NotAllowedError: the person presses play.
      if (error.name !== 'AbortError') this.#become('paused');
    });
  }

  #shown() {
    if (!this.#hls) return;
    this.#tell();
    this.emit('picture', null);
    if (this.video.paused) this.#become('paused');
  }

  #tell() {
    const at = this.video.readyState ? instantOf(this.#pieces, this.video.currentTime) : null;
    if (at === null || !this.#hls || this.video.seeking) return;
    this.at = at;
    this.emit('time', at);
  }

  /** Learns the length of a frame from the pictures themselves. @param {Hls} hls */
  #watchFrames(hls) {
    let before = NaN;
    const frame = (/** @type {number} */ _, /** @type {{mediaTime: number}} */ { mediaTime }) => {
      if (this.#hls !== hls) return;
      const length = mediaTime - before;
      if (length > 0.005 && length < 0.5 && this.#rate <= 1) this.#frame_s = length;
      before = mediaTime;
      this.video.requestVideoFrameCallback(frame);
    };
    this.video.requestVideoFrameCallback(frame);
  }

  #nothing() {
    const at = this.#wanted;
    this.close();
    if (Number.isFinite(at)) this.at = at;
    this.emit('problem', { code: 'nothing', message: t('Nothing is stored here.') });
  }

  /** @param {HlsClass} Class @param {Hls} hls @param {import('../vendor/hls.js').ErrorData} error */
  async #failed(Class, hls, error) {
    if (this.#hls !== hls) return;
    const status = error.response?.code;
    if (status === 404 || error.details === Class.ErrorDetails.LEVEL_EMPTY_ERROR) return this.#nothing();
    if (status === 401 && !(await this.#renewed())) return;
    if (error.type === Class.ErrorTypes.MEDIA_ERROR && performance.now() - this.#recovered_at > 10_000) {
      this.#recovered_at = performance.now();
      hls.recoverMediaError();
      return;
    }
    if (this.#hls !== hls) return;
    const at = Number.isNaN(this.at) ? this.#wanted : this.at;
    const media = error.type === Class.ErrorTypes.MEDIA_ERROR;
    if (!media) return this.#later(at);
    this.emit('problem', { code: 'media', message: t('This part cannot be shown. Its file may be damaged; the parts before and after it play.') });
  }

  /** It does not arrive: said, and tried again. @param {number} at */
  #later(at) {
    this.emit('problem', { code: 'network', message: t('The recording does not arrive just now. It is tried again.') });
    this.#retry = setTimeout(() => {
      this.#wanted = at;
      void this.#load(at === Infinity ? { from: this.now() - 60 * SECOND, to: null } : rangeFor(at, this.now()));
    }, TRY_AGAIN_MS);
  }

  async #renewed() {
    try {
      await renew(current());
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) toSignIn();
      return error.status !== 401;
    }
  }

  /** @param {PlaybackState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit('state', state);
  }
}
