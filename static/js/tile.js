// One camera on the wall: a still at once, live as soon as it is in view, the last 24 hours under it, state and watchers in words.

import { cameraPage } from './api.js';
import { conditionOf } from './condition.js';
import { h, icon, replace, s, setIcon, setText } from './dom.js';
import { watchers } from './faces.js';
import { Live } from './live.js';
import { Still } from './still.js';
import { draw } from './strip.js';
import { t } from './text.js';
import { clock } from './time.js';

/** @typedef {import('./api.js').Camera} Camera */
/** @typedef {import('./coverage.js').Span} Span */

const STILL_EVERY_MS = 5000;

export class Tile {
  /** @type {import('./live.js').LiveFacts | null} */
  #facts = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #stills;
  #looked = false;
  #wasOnline = false;

  /** @param {import('./place.js').Place} place @param {Camera} camera */
  constructor(place, camera) {
    this.place = place;
    this.camera = camera;
    this.image = h('img', { alt: '', hidden: true, width: 640, height: 360 });
    this.video = h('video', { muted: true, autoplay: true, playsinline: true, 'aria-hidden': 'true', disablepictureinpicture: true });
    this.video.muted = true;
    this.note = h('div', { class: 'tile__note', hidden: true });
    this.strip = s('svg', { class: 'cov', role: 'img', 'aria-label': t('Last 24 hours: loading') });
    this.stateIcon = icon('recording');
    this.stateWord = document.createTextNode('');
    this.state = h('span', { class: 'state' }, this.stateIcon, this.stateWord);
    this.support = h('p', { class: 'tile__meta' });
    this.watchers = h('span', { class: 'watchers', hidden: true });
    this.link = h('a', { class: 'tile__link', href: cameraPage(camera.jid) }, camera.name);
    this.element = h('li', { class: 'tile', 'data-camera': camera.jid, 'data-live': 'idle' },
      h('div', { class: 'tile__picture' }, this.image, this.video, this.note), this.strip,
      h('div', { class: 'tile__foot' }, h('h3', { class: 'tile__name' }, this.link), this.state, this.support, this.watchers));
    this.still = new Still(this.image, camera);
    this.live = new Live(place.room, camera.jid, this.video, { stream: 'sub' });
    this.live.on('state', () => this.#liveChanged());
    this.live.on('facts', (facts) => this.#told(facts));
    this.render();
  }

  /** In view or not: media follows. @param {boolean} looked */
  look(looked) {
    this.#looked = looked;
    if (looked && Number.isNaN(this.still.at)) void this.still.refresh().then(() => this.render());
    this.#follow();
  }

  /** The camera changed: online, status, watchers. */
  changed() {
    this.#follow();
    this.render();
  }

  /** @param {Span[]} spans @param {number} from @param {number} to */
  cover(spans, from, to) {
    draw(this.strip, spans, from, to, t('Last 24 hours'));
  }

  render() {
    const condition = conditionOf(this.camera, this.place.room.now());
    const shown = this.#shown(condition);
    this.element.dataset.state = shown.state;
    this.state.dataset.state = shown.state;
    setIcon(this.stateIcon, shown.icon);
    setText(this.stateWord, shown.word);
    setText(this.support, shown.support);
    this.support.title = shown.support;
    this.note.hidden = !shown.note;
    if (shown.note) replace(this.note, icon(shown.icon), h('strong', {}, shown.note), h('span', {}, this.#noPicture()));
    this.image.alt = this.image.hidden ? '' : this.#alt();
    watchers(this.watchers, this.place, this.camera.watchers);
  }

  /** What stands in the picture's place, in words. */
  #noPicture() {
    if (!this.image.hidden) return t('Last picture shown');
    if (!this.camera.online && !this.camera.offline_since) return t('The picture comes once it is set up');
    return this.still.allowed ? t('No picture yet') : t('The picture comes when it is back');
  }

  close() {
    clearInterval(this.#stills);
    this.live.stop();
    this.still.close();
  }

  #follow() {
    if (this.#looked && this.camera.online) {
      // A camera that just came back gets a fresh try instead of an old wait.
      if (!this.#wasOnline) this.live.stop();
      this.live.start();
    } else this.live.stop();
    this.#wasOnline = this.camera.online;
  }

  #liveChanged() {
    const { state } = this.live;
    this.element.dataset.live = state;
    if (state !== 'live') this.#facts = null;
    clearInterval(this.#stills);
    if (state === 'fallback' || state === 'failed') this.#refreshStills();
    this.render();
  }

  #refreshStills() {
    this.#stills = setInterval(() => void this.still.refresh().then(() => this.render()), STILL_EVERY_MS);
  }

  /** @param {import('./live.js').LiveFacts} facts */
  #told(facts) {
    this.#facts = facts;
    this.render();
  }

  /** The camera's condition, as far as this viewer's picture changes it. @param {import('./condition.js').Condition} condition */
  #shown(condition) {
    const { state } = this.live;
    const fine = condition.state === 'recording';
    if (state === 'live') {
      const late = this.#facts?.latency_ms;
      const support = [condition.support || condition.word, typeof late === 'number' ? `${late} ms` : ''].filter(Boolean).join(' · ');
      return fine ? { ...condition, state: 'live', icon: 'live', word: t('Live'), support } : { ...condition, note: '' };
    }
    const taken = Number.isNaN(this.still.at) ? '' : t('still of {time}', { time: clock(this.still.at) });
    if (fine && state === 'connecting') return { ...condition, state: 'connecting', icon: 'connecting', word: t('Connecting'), support: [t('Recording'), taken].filter(Boolean).join(' · ') };
    if (fine && (state === 'fallback' || state === 'failed')) return { ...condition, support: [t('No live picture'), taken || t('trying on')].join(' · ') };
    return fine && !condition.support ? { ...condition, support: taken } : condition;
  }

  #alt() {
    return Number.isNaN(this.still.at) ? t('{camera}, still picture', { camera: this.camera.name }) : t('{camera}, still picture of {time}', { camera: this.camera.name, time: clock(this.still.at) });
  }
}
