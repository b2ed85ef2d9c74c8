// One player from live to years back: the live picture, the recorded past, and words where there is neither.

import { conditionOf } from './condition.js';
import { causeWords, missing, spanAt, spanWords, storedFrom, unknownWords } from './coverage.js';
import { h, icon, replace } from './dom.js';
import { Emitter } from './emitter.js';
import { Live } from './live.js';
import { Playback } from './playback.js';
import { Still } from './still.js';
import { t } from './text.js';
import { fittingStream } from './thrift.js';
import { MINUTE, SECOND, clock, duration, moment, parse } from './time.js';

/** @typedef {'live' | 'past'} Mode */
/** @typedef {import('./coverage.js').Span} Span */

const NOTE_MS = 12 * SECOND;
const STANDS_MS = 30 * SECOND;
const LOOK_EVERY_MS = 5 * SECOND;
export const RATES = [0.5, 1, 2, 4, 8];

/** @extends {Emitter<{time: number, change: null, facts: import('./live.js').LiveFacts}>} */
export class Player extends Emitter {
  /** @type {Mode} */
  mode = 'live';
  /** Instant of a live picture that was stopped; NaN else. */
  #held = NaN;
  /** Instant whose footage is on its way from the camera, and plays once it has come; NaN else. */
  awaited = NaN;
  #front = true;
  /** What played when nobody looked any more plays on when somebody does. */
  #resumes = false;
  #rate = 1;
  /** The instant shown before; NaN after a seek. */
  #before = NaN;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #noted;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;

  /**
   * @param {HTMLElement} stage with two videos, an image and a place for words
   * @param {import('./place.js').Place} place
   * @param {import('./api.js').Camera} camera
   * @param {(at: number) => Span[]} spansOf coverage around an instant, as far as it is known
   */
  constructor(stage, place, camera, spansOf) {
    super();
    this.stage = stage;
    this.place = place;
    this.camera = camera;
    this.spansOf = spansOf;
    this.liveVideo = pick(stage, 'video[data-part="live"]', HTMLVideoElement);
    this.pastVideo = pick(stage, 'video[data-part="past"]', HTMLVideoElement);
    this.veil = pick(stage, '[data-part="veil"]', HTMLElement);
    this.notice = pick(stage, '[data-part="notice"]', HTMLElement);
    this.liveVideo.muted = this.pastVideo.muted = true;
    this.still = new Still(pick(stage, 'img', HTMLImageElement), camera);
    this.live = new Live(place.room, camera.jid, this.liveVideo, { stream: fittingStream(), sound: true });
    this.past = new Playback(camera.jid, this.pastVideo, () => place.room.now());
    this.live.on('state', () => this.#liveChanged());
    this.live.on('facts', (facts) => this.mode === 'live' && this.emit('facts', facts));
    this.live.on('sound', () => this.#changed());
    this.past.on('sound', () => this.#changed());
    this.past.on('picture', () => this.#pastPicture());
    this.past.on('time', (at) => this.mode === 'past' && this.#passed(at));
    this.past.on('state', () => this.#changed());
    this.past.on('problem', (problem) => this.#problem(problem));
    this.past.on('end', (at) => this.#ended(at));
  }

  muted = true;
  volume = 1;

  /** There is something to hear with the picture on the screen. */
  get hasSound() {
    return this.stage.dataset.show === 'past' ? this.past.hasSound : this.live.hasSound;
  }

  /** @param {boolean} muted @param {number} volume 0 to 1 */
  setSound(muted, volume) {
    this.muted = muted;
    this.volume = volume;
    for (const video of [this.liveVideo, this.pastVideo]) {
      video.muted = muted;
      video.volume = volume;
    }
    this.#changed();
  }

  /** Instant on the screen. */
  get at() {
    if (this.mode === 'live') return this.live.state === 'fallback' && !Number.isNaN(this.past.at) ? this.past.at : this.place.room.now();
    return Number.isNaN(this.#held) ? this.past.at : this.#held;
  }

  /** Instant of the last picture that stands in for a live one; NaN while there is another. */
  get lastPicture() {
    if (this.mode !== 'live' || this.live.state === 'connecting') return NaN;
    if (this.stage.dataset.show === 'still') return this.still.at;
    // The recording that stands in has come to its end and nothing more comes.
    const old = this.stage.dataset.show === 'past' && !this.past.running && this.place.room.now() - this.past.at > STANDS_MS;
    return old ? this.past.at : NaN;
  }

  /** Instant of the recorded picture on the screen, to the frame; NaN while there is none. */
  get precise() {
    if (this.mode === 'live') return NaN;
    return Number.isNaN(this.#held) ? this.past.precise : this.#held;
  }

  /** Recorded pictures follow each other just now. */
  get running() {
    return this.mode === 'past' && Number.isNaN(this.#held) && this.past.running;
  }

  /** There is nothing that could be stopped or played: no live picture comes and nothing stands in. */
  get idle() {
    return this.mode === 'live' && this.stage.dataset.show === 'still' && !this.camera.online;
  }

  get paused() {
    return this.mode === 'past' && (!Number.isNaN(this.#held) || this.pastVideo.paused);
  }

  goLive() {
    this.#held = this.awaited = NaN;
    this.mode = 'live';
    if (this.live.state !== 'fallback') this.past.close();
    this.#veilWith(null);
    if (Number.isNaN(this.still.at)) void this.still.refresh();
    if (this.camera.online && this.#front) this.live.start();
    if (this.live.state === 'live') this.stage.dataset.show = 'live';
    else if (this.stage.dataset.show === 'past') this.stage.dataset.show = 'still';
    this.#offline();
    this.#changed();
  }

  /** @param {number} at @param {boolean} [play] @param {number} [slack] ms that the picture may be earlier, if it is there sooner */
  seek(at, play = !this.paused, slack = 0) {
    const now = this.place.room.now();
    if (at >= now - SECOND) return this.goLive();
    this.#held = this.awaited = this.#before = NaN;
    this.mode = 'past';
    this.live.stop();
    this.#say(null);
    const span = spanAt(this.spansOf(at), at);
    if (span && (span.state === 'lost' || span.state === 'off' || span.state === 'on_camera' || span.cause === 'not_allowed')) this.#gap(span, at);
    else {
      this.#veilWith(null);
      this.past.seek(at, play, slack);
    }
    this.emit('time', at);
    this.#changed();
  }

  /** The coverage is known better: what was awaited may have come. */
  covered() {
    if (spanAt(this.spansOf(this.awaited), this.awaited)?.state === 'stored') this.seek(this.awaited, true);
  }

  toggle() {
    if (this.idle) return;
    this.#resumes = false;
    if (this.mode === 'live') return this.#hold();
    if (!Number.isNaN(this.#held)) return this.seek(this.#held, true);
    if (this.pastVideo.paused) this.past.play();
    else this.past.pause();
    this.#changed();
  }

  /** @param {number} ms */
  skip(ms) {
    this.seek(this.at + ms);
  }

  /** @param {1 | -1} direction */
  step(direction) {
    if (this.mode === 'live') this.#hold();
    if (Number.isNaN(this.#held)) this.past.step(direction);
    else this.seek(this.#held + direction * 40, false);
  }

  /** @param {number} rate */
  setRate(rate) {
    this.#rate = rate;
    this.past.setRate(rate);
    if (this.mode === 'live' && rate < 1) this.seek(this.place.room.now() - 5 * SECOND, true);
    this.#changed();
  }

  /** A little faster or slower for a while, to keep somebody else's time. @param {number} factor */
  nudge(factor) {
    if (this.mode === 'past') this.past.nudge(factor);
  }

  get rate() {
    return this.mode === 'live' ? 1 : this.#rate;
  }

  /** The picture on the screen, at its own size. @returns {Promise<Blob | null>} */
  async picture() {
    const video = this.stage.dataset.show === 'live' ? this.liveVideo : this.pastVideo;
    if (!video.videoWidth) return null;
    const canvas = h('canvas', { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    return new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.92));
  }

  /** The camera came or went. */
  cameraChanged() {
    if (this.mode !== 'live') return;
    if (this.camera.online && this.#front) {
      this.#veilWith(null);
      this.live.start();
    } else this.live.stop();
    this.#offline();
    if (this.live.state === 'fallback') this.#sayFallback();
    this.#changed();
  }

  /** Somebody looks, or nobody does. @param {boolean} looked */
  look(looked) {
    this.#front = looked;
    if (this.mode !== 'live') return this.#rest(!looked);
    if (looked) this.goLive();
    else {
      this.live.stop();
      this.past.close();
    }
  }

  /** @param {boolean} resting */
  #rest(resting) {
    if (!resting) return this.#resumes ? this.past.play() : undefined;
    this.#resumes = !this.paused;
    this.past.pause();
  }

  /** Stops the live picture where it is; what follows is on storage. */
  #hold() {
    this.#held = this.at;
    this.mode = 'past';
    this.liveVideo.pause();
    if (this.stage.dataset.show === 'past') this.past.pause();
    this.live.stop();
    this.#say(null);
    this.emit('time', this.#held);
    this.#changed();
  }

  #liveChanged() {
    const { state } = this.live;
    this.stage.dataset.live = state;
    this.#lookAgainWhile(this.mode === 'live' && state === 'fallback');
    if (this.mode !== 'live') return this.#changed();
    if (state === 'live') {
      this.past.close();
      this.#say(null);
      this.#veilWith(null);
      this.stage.dataset.show = 'live';
    } else if (state === 'fallback' && this.past.state === 'idle' && this.still.allowed) this.past.newest();
    if (state === 'fallback') this.#sayFallback();
    if (state === 'failed') this.#say('lost', t('No live picture'), this.live.reason, t('Try again'), () => this.#tryLive());
    this.#changed();
  }

  /** @param {boolean} wanted */
  #lookAgainWhile(wanted) {
    clearInterval(this.#looking);
    this.#looking = wanted ? setInterval(() => this.#lookAgain(), LOOK_EVERY_MS) : undefined;
  }

  /** The newest still, again and again, until the recording stands in; who may not see recordings has nothing else. */
  #lookAgain() {
    if (this.stage.dataset.show === 'past') return;
    void this.still.refresh().then(() => this.#changed());
    if (this.still.allowed && this.past.state === 'idle') this.past.newest();
  }

  #tryLive() {
    this.live.stop();
    this.goLive();
  }

  #sayFallback() {
    const { state, word, support } = conditionOf(this.camera, this.place.room.now());
    // Without a recording there is nothing that could stand in, and nobody may read that nothing is lost.
    if (state === 'lost' || state === 'off') return this.#say(state, word, `${support.replace(/\.?$/, '.')} ${t('The live picture comes by itself when the camera is back.')}`);
    if (!this.still.allowed) return this.#say('pending', t('No live picture just now'), `${this.live.reason} ${t('It is tried on.')}`, t('Try now'), () => this.#tryLive());
    if (this.place.room.now() - this.lastPicture > STANDS_MS) return this.#sayLast(state === 'pending');
    const behind = this.stage.dataset.show === 'past' && !Number.isNaN(this.past.at) ? t('Live through storage, {length} behind', { length: duration(this.place.room.now() - this.past.at) }) : t('Looking for another way');
    this.#say('pending', behind, `${this.live.reason} ${t('You see the recording as it arrives. Nothing is lost.')}`, t('Try direct again'), () => this.#tryLive());
  }

  /** The recording has come to its end, and so has what stood in for a live picture. @param {boolean} kept the camera keeps what follows */
  #sayLast(kept) {
    const time = moment(this.lastPicture, this.place.room.now());
    const words = kept ? t('The last picture is of {time}. What was recorded since is safe on the camera.', { time }) : t('The last picture is of {time}.', { time });
    this.#say('pending', t('No live picture just now'), `${this.live.reason} ${words}`, t('Try now'), () => this.#tryLive());
  }

  #pastPicture() {
    if (this.mode === 'past' || this.live.state === 'fallback') {
      this.stage.dataset.show = 'past';
      this.#veilWith(null);
    }
    // What did not arrive has come.
    if (this.mode === 'past' && this.notice.dataset.kind === 'lost') this.#say(null);
    if (this.mode === 'live' && this.live.state === 'fallback') this.#sayFallback();
    this.#changed();
  }

  #offline() {
    if (this.mode !== 'live' || this.camera.online) return;
    const since = parse(this.camera.offline_since);
    const latest = parse(this.camera.latest_at);
    const words = Number.isNaN(since) ? t('Never seen here yet') : t('Offline since {time}', { time: moment(since, this.place.room.now()) });
    const back = Number.isNaN(latest) || !this.still.allowed ? null : h('button', { class: 'btn', type: 'button', onclick: () => this.seek(latest - MINUTE, true) }, icon('play'), t('Play the last minute, from {time}', { time: clock(latest - MINUTE) }));
    this.#veilWith(h('div', { class: 'tile__note' }, icon('offline'), h('strong', {}, words), h('span', {}, Number.isNaN(since) ? t('The picture comes once it is set up') : t('The live picture comes by itself when the camera is back.')), back));
  }

  /** @param {Span} span @param {number} at */
  #gap(span, at) {
    this.past.close();
    this.past.at = at;
    this.stage.dataset.show = 'still';
    if (span.state === 'on_camera') this.awaited = at;
    const next = storedFrom(this.spansOf(at), at);
    const why = span.cause ? causeWords(span.cause) : '';
    const length = duration(span.to - span.from);
    const words = { lost: t('Lost {length}', { length }) + (why ? `: ${why}` : ''), off: t('Off {why}, {length}', { why, length }), on_camera: t('Still on the camera'), stored: '', unknown: unknownWords(span) }[span.state];
    const more = span.state === 'on_camera' ? t('This part is safe on the camera and on its way to storage. It plays as soon as it is there.') : t('From {begin} to {end} there is no picture.', { begin: clock(span.from), end: clock(span.to) });
    const name = { lost: 'lost', off: 'off', on_camera: 'on-camera', stored: 'stored', unknown: 'clock' }[span.state];
    this.#veilWith(h('div', { class: 'tile__note' }, icon(name), h('strong', {}, words), h('span', {}, more),
      h('button', { class: 'btn', type: 'button', onclick: () => (next === undefined ? this.goLive() : this.seek(next, true)) }, icon('play'), next === undefined ? t('Go to live') : t('Go on at {time}', { time: clock(next) }))));
  }

  /** @param {import('./playback.js').PlaybackProblem} problem */
  #problem({ code, message }) {
    if (this.mode === 'live') return code === 'nothing' ? this.#noPicture() : undefined;
    if (code !== 'nothing') return this.#say('lost', t('The recording stops here'), message);
    const span = spanAt(this.spansOf(this.past.at), this.past.at);
    const next = storedFrom(this.spansOf(this.past.at), this.past.at);
    this.stage.dataset.show = 'still';
    this.#veilWith(h('div', { class: 'tile__note' }, icon('clock'), h('strong', {}, t('Nothing is stored at {time}', { time: clock(this.past.at) })), span?.cause ? h('span', {}, `${spanWords(span)}.`) : null,
      h('button', { class: 'btn', type: 'button', onclick: () => (next === undefined ? this.goLive() : this.seek(next, true)) }, icon('play'), next === undefined ? t('Go to live') : t('Go on at {time}', { time: clock(next) }))));
    this.#changed();
  }

  /** Not even a recording stands in for the live picture: the last one stays. */
  #noPicture() {
    this.stage.dataset.show = 'still';
    this.#changed();
  }

  /** The loaded stretch is played: on with the next, else live. @param {number} at */
  #ended(at) {
    if (this.mode !== 'past') return;
    const next = storedFrom(this.spansOf(at), at);
    this.seek(next ?? at, true);
    if (next) this.#skipped(at, next);
  }

  /** Pictures go on; what has no picture takes no time, and a note says what it was. @param {number} at */
  #passed(at) {
    const before = this.#before;
    this.#before = at;
    this.emit('time', at);
    if (!this.paused && at - before > SECOND) this.#skipped(before, at);
  }

  /** @param {number} from @param {number} to */
  #skipped(from, to) {
    const gaps = missing(this.spansOf(from), from, to);
    if (!gaps.length) return;
    this.#say('note', t('Skipped {length} without a picture', { length: duration(gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0)) }),
      t('{what}, from {begin} to {end}.', { what: gaps.map(spanWords).join(', '), begin: clock(gaps[0].from), end: clock(gaps[gaps.length - 1].to) }));
    this.#noted = setTimeout(() => this.#say(null), NOTE_MS);
  }

  /** @param {HTMLElement | null} words */
  #veilWith(words) {
    this.veil.hidden = !words;
    replace(this.veil, words);
  }

  /** A notice below the picture, never over it. @param {'pending' | 'lost' | 'note' | 'off' | null} kind @param {string} [title] @param {string} [words] @param {string} [action] @param {() => void} [act] */
  #say(kind, title = '', words = '', action = '', act = undefined) {
    clearTimeout(this.#noted);
    this.notice.hidden = !kind;
    if (!kind) {
      delete this.notice.dataset.kind;
      return replace(this.notice);
    }
    this.notice.dataset.kind = kind;
    replace(this.notice, icon({ lost: 'warning', pending: 'direct', note: 'forward-10', off: 'off' }[kind]), h('div', {}, h('strong', {}, title), h('p', {}, words)),
      act ? h('button', { class: 'btn push', type: 'button', onclick: act }, icon('refresh'), action) : null);
  }

  #changed() {
    this.stage.dataset.mode = this.mode;
    this.stage.dataset.live = this.live.state;
    this.stage.toggleAttribute('data-busy', this.mode === 'past' ? ['loading', 'waiting'].includes(this.past.state) : this.live.state === 'connecting');
    this.emit('change', null);
  }
}

/**
 * @template {Element} T
 * @param {HTMLElement} root @param {string} selector @param {new () => T} type
 * @returns {T}
 */
function pick(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`The player has no ${selector}.`);
  return element;
}
