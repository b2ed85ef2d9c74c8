// A second camera that keeps the clock of the first player: live with it, and in the past at the same instant.

import { Cover } from './cover.js';
import { spanAt, spanWords } from './coverage.js';
import { h, icon, replace } from './dom.js';
import { Live } from './live.js';
import { pace } from './pace.js';
import { Playback } from './playback.js';
import { Still } from './still.js';
import { t } from './text.js';
import { fittingStream } from './thrift.js';
import { SECOND, clock, dayStart } from './time.js';

/** @typedef {import('./player.js').Player} Player */

const LOOK_EVERY_MS = 200;
const COVER_EVERY_MS = 10 * SECOND;
// A jump takes about so long until its picture stands: the leader plays on meanwhile.
const JUMP_MS = 150;
const JUMP_AGAIN_MS = 1500;

export class Mate {
  #jumped_at = -Infinity;
  #front = true;
  #rate = 1;
  /** @type {(() => void)[]} */
  #offs = [];
  /** @type {ReturnType<typeof setInterval>[]} */
  #timers = [];
  #told = '';

  /** @param {import('./place.js').Place} place @param {import('./api.js').Camera} camera @param {Player} leader @param {() => void} leave */
  constructor(place, camera, leader, leave) {
    this.place = place;
    this.camera = camera;
    this.leader = leader;
    const image = h('img', { alt: '', hidden: true });
    this.liveVideo = h('video', { 'data-part': 'live', playsinline: true, autoplay: true, disablepictureinpicture: true, 'aria-label': t('Live picture of {camera}', { camera: camera.name }) });
    this.pastVideo = h('video', { 'data-part': 'past', playsinline: true, disablepictureinpicture: true, 'aria-label': t('Recorded picture of {camera}', { camera: camera.name }) });
    this.liveVideo.muted = this.pastVideo.muted = true;
    this.veil = h('div', { class: 'veil', hidden: true });
    this.element = h('figure', { class: 'mate', 'data-camera': camera.jid, 'data-show': 'still' },
      h('div', { class: 'stage__picture' }, image, this.pastVideo, this.liveVideo, this.veil),
      h('figcaption', { class: 'mate__name' }, h('strong', {}, camera.name),
        h('button', { class: 'btn btn--quiet btn--icon push', type: 'button', 'aria-label': t('Put {camera} away', { camera: camera.name }), title: t('Put away'), onclick: leave }, icon('close'))));
    this.still = new Still(image, camera);
    this.live = new Live(place.room, camera.jid, this.liveVideo, { stream: fittingStream({ one: true }) });
    this.past = new Playback(camera.jid, this.pastVideo, () => place.room.now());
    this.cover = new Cover(camera, () => place.room.now());
    this.live.on('state', () => this.#render());
    this.past.on('picture', () => this.#render());
    this.past.on('problem', () => this.#render());
    this.#offs = [leader.on('change', () => this.follow()), leader.on('time', () => this.follow()), place.on('camera', (changed) => changed === camera && this.follow())];
    this.#timers = [setInterval(() => this.follow(), LOOK_EVERY_MS), setInterval(() => this.#front && this.#askCover(true), COVER_EVERY_MS)];
    void this.still.refresh();
    this.follow();
  }

  /** Somebody looks, or nobody does. @param {boolean} looked */
  look(looked) {
    this.#front = looked;
    this.follow();
  }

  /** Does what the first player does. */
  follow() {
    if (!this.#front) {
      this.live.stop();
      if (this.past.state !== 'idle') this.past.close();
    } else if (this.leader.mode === 'live') this.#followLive();
    else this.#followPast();
    this.#render();
  }

  /** Lets go of everything; may be called twice. */
  close() {
    for (const off of this.#offs.splice(0)) off();
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.live.stop();
    this.past.close();
    this.still.close();
    this.element.remove();
  }

  #followLive() {
    if (this.past.state !== 'idle') this.past.close();
    if (this.camera.online) this.live.start();
    else this.live.stop();
  }

  #followPast() {
    this.live.stop();
    if (!this.cover.allowed) return;
    this.#askCover(false);
    const { leader, past } = this;
    const at = Number.isNaN(leader.precise) ? leader.at : leader.precise;
    if (Number.isNaN(at)) return;
    if (this.#rate !== leader.rate) past.setRate((this.#rate = leader.rate));
    const { do: act, rate } = pace(at, past.precise, this.#has(at), leader.running);
    if (act === 'jump') return this.#jump(at);
    if (act === 'wait') return past.pause();
    if (!leader.running) return past.pause();
    past.nudge(rate);
    if (this.pastVideo.paused) past.play();
  }

  /** @param {number} at */
  #jump(at) {
    if (this.past.state === 'loading' || this.pastVideo.seeking || performance.now() - this.#jumped_at < (this.leader.running ? JUMP_AGAIN_MS : JUMP_MS)) return;
    this.#jumped_at = performance.now();
    const { running, rate } = this.leader;
    this.past.seek(running ? at + JUMP_MS * rate : at, running);
  }

  /** Whether there is a picture at an instant: the loaded stretch knows best, else the coverage. @param {number} at */
  #has(at) {
    const span = spanAt(this.cover.spans, at);
    return this.past.pictureAt(at) ?? (span ? span.state === 'stored' : true);
  }

  /** @param {boolean} again */
  #askCover(again) {
    if (this.leader.mode === 'past' && !Number.isNaN(this.leader.at)) void this.cover.ask(dayStart(this.leader.at), again);
  }

  #render() {
    const show = this.#shown();
    this.element.dataset.show = show;
    const words = show === 'still' ? this.#why() : '';
    if (words === this.#told) return;
    this.#told = words;
    this.veil.hidden = !words;
    replace(this.veil, words ? h('div', { class: 'tile__note' }, icon(this.leader.mode === 'live' ? 'offline' : 'clock'), h('span', {}, words)) : null);
  }

  /** @returns {'live' | 'past' | 'still'} */
  #shown() {
    if (this.leader.mode === 'live') return this.live.state === 'live' ? 'live' : 'still';
    return this.pastVideo.readyState > 1 && this.cover.allowed && this.#has(this.leader.at) ? 'past' : 'still';
  }

  /** Why there is no picture. */
  #why() {
    const { leader, camera } = this;
    if (leader.mode === 'live') return camera.online ? (this.live.state === 'connecting' ? t('Connecting') : this.live.reason) : t('Offline');
    if (!this.cover.allowed) return t('Its recordings are not yours to see');
    if (this.#has(leader.at)) return t('Loading');
    const span = spanAt(this.cover.spans, leader.at);
    const words = !span || span.state === 'stored' ? '' : `: ${spanWords(span)}`;
    return span?.state === 'on_camera' ? t('Still on the camera, on its way') : t('No footage at {time}', { time: clock(leader.at).slice(0, 5) }) + words;
  }
}
