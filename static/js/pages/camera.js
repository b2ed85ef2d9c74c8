// One camera: the player from live to years back, the day under it, and the room beside it.

import { Abreast } from '../abreast.js';
import { Attention } from '../attention.js';
import { Calendar } from '../calendar.js';
import { useKeys } from '../camera_keys.js';
import { Conversation } from '../chat.js';
import { Composer, aboutWords } from '../composer.js';
import { conditionOf } from '../condition.js';
import { Cover } from '../cover.js';
import { h, icon, part, replace, setIcon, setText } from '../dom.js';
import { Exports } from '../exports.js';
import { FollowMe } from '../follow.js';
import { state, watchers } from '../faces.js';
import { loadInto, start } from '../frame.js';
import { Holds } from '../holds.js';
import { readInstant } from '../instant.js';
import { Moments } from '../moments.js';
import { Player, RATES } from '../player.js';
import { prepare } from '../playback.js';
import { RangeBar } from '../range.js';
import { keepPeople } from '../roster.js';
import { SoundControl } from '../sound.js';
import { linkTo, shares } from '../share.js';
import { t } from '../text.js';
import { SECOND, ago, clock, day, dayAfter, dayStart, inZone, iso, parse, timeThere } from '../time.js';
import { Timeline } from '../timeline.js';

const COVER_EVERY_MS = 10 * SECOND;
const AWAITED_EVERY_MS = 2 * SECOND;
const jid = decodeURIComponent(location.pathname.split('/').filter(Boolean).at(-1) ?? '');

class CameraPage {
  #clock = part('clock', HTMLTimeElement);
  #there = part('clock-there', HTMLElement);
  /** Which way somewhere is the last that was taken. */
  #going = 0;

  /** @param {{place: import('../place.js').Place, room: import('../room.js').Room, invitations: import('../follow.js').Invitations}} page @param {import('../api.js').Camera} camera */
  constructor({ place, room, invitations }, camera) {
    this.place = place;
    this.room = room;
    this.camera = camera;
    this.replay = camera.may.includes('replay');
    this.stage = part('stage', HTMLElement);
    const now = () => room.now();
    this.cover = new Cover(camera, now);
    this.player = new Player(this.stage, place, camera, () => this.cover.spans);
    this.sound = new SoundControl(this.player, part('save', HTMLButtonElement));
    this.timeline = new Timeline(now, camera);
    this.abreast = new Abreast(place, this.player);
    this.follow = new FollowMe(place, this.player, this.abreast, invitations);
    this.range = new RangeBar(this.timeline.selection, { spansOf: () => this.cover.spans, may: camera.may, now });
    this.exports = new Exports(camera.jid, place.me?.jid ?? '', now);
    this.holds = new Holds(camera, now);
    this.moments = new Moments(place, camera.jid);
    this.calendar = new Calendar(camera, now, (chosen) => this.timeline.goToDay(chosen));
    this.#head();
    this.#wire();
    useKeys({ player: this.player, timeline: this.timeline, sound: this.sound, abreast: this.abreast, replay: this.replay, own: (act) => this.#own(act), fullscreen: () => void this.#fullscreen(), save: () => void this.#save() });
  }

  begin() {
    document.title = `${this.camera.name} · ucam`;
    part('camera', HTMLElement).removeAttribute('data-waits');
    part('no-replay', HTMLElement).hidden = this.replay;
    part('timeline', HTMLElement).hidden = !this.replay;
    for (const control of document.querySelectorAll('[data-needs="replay"]')) control.toggleAttribute('hidden', !this.replay);
    void this.player.still.refresh();
    void this.holds.load();
    if (this.camera.may.includes('export')) void this.exports.load();
    this.abreast.begin();
    const at = parse(new URLSearchParams(location.search).get('at'));
    this.#day(dayStart(Number.isNaN(at) ? this.room.now() : at));
    if (Number.isNaN(at) || !this.replay) this.player.goLive();
    else void this.#deepLink(at, parse(new URLSearchParams(location.search).get('until')));
    part('lead', HTMLButtonElement).hidden = false;
    if (this.replay) prepare();
    this.follow.begin();
    new Attention().watch(this.stage, (looked) => {
      this.player.look(looked);
      this.abreast.look(looked);
    });
    setInterval(() => this.#tick(), 500);
    setInterval(() => !Number.isNaN(this.player.awaited) && this.cover.ask(dayStart(this.player.awaited), true), AWAITED_EVERY_MS);
    setInterval(() => document.visibilityState === 'visible' && this.#lookAtCover(), COVER_EVERY_MS);
    this.#tick();
  }

  /** Today goes on, and so does another day that is shown while a camera still ships it; what midnight cut is asked for once more. */
  #lookAtCover() {
    const { day } = this.timeline;
    void this.cover.ask(dayStart(this.room.now()), true);
    void this.cover.ask(day, this.cover.mayGrow(day));
  }

  /** The coverage first, so that a gap says what it is instead of failing to play. @param {number} at @param {number} [until] end of a range that begins there */
  async #deepLink(at, until = NaN) {
    this.timeline.setInstant(at);
    if (until > at) this.timeline.show({ from: at, to: until });
    const number = ++this.#going;
    await this.cover.ask(dayStart(at), true);
    // Whoever went elsewhere while that was on its way is not to be fetched back.
    if (number === this.#going) this.player.seek(at, true);
  }

  /** All players of the page go to an instant; the camera it is about joins them when it is not here. @param {string} camera @param {number} at NaN: live */
  jump(camera, at) {
    if (!this.place.cameras.has(camera)) return false;
    if (camera !== this.camera.jid && !this.abreast.mates.has(camera)) this.abreast.add(camera);
    this.#own(() => (Number.isNaN(at) || !this.replay ? this.player.goLive() : void this.#deepLink(at)));
    this.stage.scrollIntoView({ block: 'nearest' });
    return true;
  }

  #head() {
    const { camera } = this;
    setText(part('name', HTMLElement), camera.name);
    setText(part('first-name', HTMLElement), camera.name);
    setText(part('jid', HTMLElement), camera.jid);
    this.#condition();
    this.place.on('camera', (changed) => {
      if (changed !== camera) return;
      this.#condition();
      this.player.cameraChanged();
    });
    this.place.on('people', () => this.#condition());
  }

  #condition() {
    const condition = conditionOf(this.camera, this.room.now());
    replace(part('state', HTMLElement), state(condition), condition.support ? h('span', { class: 'bar__sub only-desk' }, condition.support) : null);
    watchers(part('watchers', HTMLElement), this.place, this.camera.watchers);
    // What it said last was true then: of a camera that is away nobody knows what waits on it.
    const spool = this.camera.online ? this.camera.status?.spool_unshipped_bytes : undefined;
    setText(part('fact-spool', HTMLElement), spool === undefined ? t('not known') : spool > 8 * 2 ** 20 ? t('{n} MB to send', { n: Math.round(spool / 2 ** 20) }) : t('nothing'));
    const offset = this.camera.status?.clock_offset_ms;
    setText(part('fact-clock', HTMLElement), typeof offset !== 'number' ? t('not told') : Math.abs(offset) < 1000 ? t('right') : t('off by {n} s', { n: Math.round(Math.abs(offset) / 1000) }));
  }

  #wire() {
    const { player, timeline } = this;
    player.on('change', () => this.#controls());
    player.on('time', () => this.#tick());
    player.on('facts', (facts) => this.#facts(facts));
    timeline.on('seek', ({ at, slack }) => this.#own(() => player.seek(at, undefined, slack)));
    timeline.on('day', (at) => this.#day(at));
    timeline.on('window', ({ from, to }) => [from, to].forEach((at) => void this.cover.ask(dayStart(at))));
    this.cover.on('day', (at) => this.#covered(at));
    this.moments.on('moments', (moments) => timeline.setMoments(moments));
    this.moments.on('seek', (at) => this.#own(() => player.seek(at, true)));
    this.#wireRange();
    press('back', () => this.#own(() => player.skip(-10 * SECOND)));
    press('forward', () => this.#own(() => player.skip(10 * SECOND)));
    press('step-back', () => this.#own(() => player.step(-1)));
    press('step-forward', () => this.#own(() => player.step(1)));
    press('play', () => this.#own(() => player.toggle()));
    press('live', () => this.#own(() => player.goLive()));
    press('full', () => void this.#fullscreen());
    press('save', () => void this.#save());
    shares(part('share', HTMLButtonElement), () => linkTo({ at: player.mode === 'live' ? NaN : player.at }), this.camera.name);
    press('day-before', () => timeline.goToDay(dayStart(timeline.day - 1)));
    press('day-after', () => timeline.goToDay(dayAfter(timeline.day)));
    const rate = part('rate', HTMLSelectElement);
    rate.append(...RATES.map((value) => h('option', { value, selected: value === 1 }, `${value}×`)));
    rate.addEventListener('change', () => this.#own(() => player.setRate(Number(rate.value))));
    part('go', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#go();
    });
  }

  /** The person moves the player: who followed somebody goes their own way from here. @param {() => void} act */
  #own(act) {
    this.#going++;
    this.follow.ownWay();
    act();
  }

  /** What is made of a selected range, and the holds that stand. */
  #wireRange() {
    const { timeline, moments, holds } = this;
    press('select', () => timeline.select());
    shares(part('range-share', HTMLButtonElement), () => linkTo({ at: timeline.selection.range?.from ?? NaN, until: timeline.selection.range?.to }), this.camera.name);
    this.range.on('export', ({ range, exact }) => void this.exports.ask(this.#exported(), range, exact));
    this.range.on('hold', (range) => holds.ask(range));
    this.abreast.on('change', () => this.range.setCameras(this.#exported().length));
    holds.on('holds', (all) => {
      timeline.setHolds(all);
      moments.setHolds(all);
    });
    moments.on('release', (id) => holds.askRelease(id));
  }

  /** The cameras on the screen whose footage the person may take away. */
  #exported() {
    const mates = [...this.abreast.mates.values()].map(({ camera }) => camera);
    return [this.camera, ...mates].filter(({ may }) => may.includes('export')).map((camera) => camera.jid);
  }

  /** To the instant that was typed. */
  #go() {
    const field = part('go-to', HTMLInputElement);
    const at = readInstant(field.value, this.room.now(), this.timeline.day);
    const error = part('go-error', HTMLElement);
    const words = Number.isNaN(at) ? t('Type a time such as 14:02:10, yesterday 14:02 or 24 Nov 9:15.') : at > this.room.now() ? t('That time is still to come.') : '';
    setText(error, words);
    error.hidden = !words;
    field.setAttribute('aria-invalid', String(Boolean(words)));
    if (words) return;
    field.value = '';
    field.blur();
    this.#own(() => void this.#deepLink(at));
  }

  #controls() {
    const { player } = this;
    const play = part('play', HTMLButtonElement);
    const still = player.paused || player.idle;
    setIcon(/** @type {SVGElement} */ (play.firstElementChild), still ? 'play' : 'pause');
    play.setAttribute('aria-label', still ? t('Play') : t('Pause'));
    play.disabled = player.idle;
    const live = part('live', HTMLButtonElement);
    live.setAttribute('aria-pressed', String(player.mode === 'live'));
    const rate = part('rate', HTMLSelectElement);
    rate.value = String(player.rate);
    part('save', HTMLButtonElement).disabled = this.stage.dataset.show === 'still';
    this.#tick();
  }

  #tick() {
    const { mode, lastPicture } = this.player;
    const now = this.room.now();
    const at = Number.isNaN(lastPicture) ? this.player.at : lastPicture;
    if (Number.isNaN(at)) return;
    setText(this.#clock, clock(at));
    this.#clock.dateTime = iso(at);
    this.#clock.title = inZone(at, this.camera.timezone);
    setText(this.#there, timeThere(at, this.camera.timezone));
    const words = !Number.isNaN(lastPicture) ? t('last picture') : mode === 'live' ? { live: t('live'), connecting: t('connecting'), fallback: t('nearly live'), failed: t('no live picture'), idle: this.camera.online ? '' : t('offline') }[this.player.live.state] : ago(at, now);
    setText(part('clock-words', HTMLElement), words);
    for (const fact of document.querySelectorAll('[data-fact="live"]')) fact.toggleAttribute('hidden', this.player.live.state !== 'live');
    if (this.replay) this.timeline.setInstant(at);
    setText(part('say-about-words', HTMLElement), aboutWords(this.camera.name, mode === 'live' ? null : at));
    part('day-after', HTMLButtonElement).disabled = dayAfter(this.timeline.day) > now;
  }

  /** @param {number} at first millisecond of the day that is shown */
  #day(at) {
    const date = part('tl-date', HTMLTimeElement);
    setText(date, day(at));
    date.dateTime = iso(at);
    this.calendar.setDay(at);
    void this.cover.ask(at);
    this.moments.setDay(at, this.cover.day(at));
  }

  /** A day is known, or known better. @param {number} at */
  #covered(at) {
    this.timeline.setSpans(this.cover.spans);
    this.range.render();
    this.player.covered();
    if (at === this.timeline.day) this.moments.setDay(at, this.cover.day(at));
  }

  /** @param {import('../live.js').LiveFacts} facts */
  #facts({ latency_ms, width, height, fps, kbit, way }) {
    setText(part('fact-latency', HTMLElement), latency_ms === null ? '…' : `${latency_ms} ms`);
    setText(part('fact-picture', HTMLElement), width && fps ? `${width}×${height}, ${t('{n} a second', { n: fps })}, ${kbit >= 1000 ? `${(kbit / 1000).toFixed(1)} Mbit/s` : `${kbit} kbit/s`}` : '…');
    setText(part('fact-way', HTMLElement), way ? { direct: t('direct'), relay: t('relay') }[way] : '…');
  }

  async #fullscreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    const video = /** @type {HTMLVideoElement & {webkitEnterFullscreen?: () => void}} */ (this.player.mode === 'live' ? this.player.liveVideo : this.player.pastVideo);
    // iPhones know only a video that fills the screen.
    if (this.stage.requestFullscreen) await this.stage.requestFullscreen();
    else video.webkitEnterFullscreen?.();
  }

  /** The picture on the screen as a file, named by camera and instant. */
  async #save() {
    const { at } = this.player;
    const picture = await this.player.picture();
    if (!picture) return;
    const url = URL.createObjectURL(picture);
    const name = `${this.camera.jid.split('@')[0]} ${iso(at).slice(0, 19).replaceAll(':', '-')}Z.jpg`;
    h('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

/** @param {string} id @param {() => void} act */
function press(id, act) {
  part(id, HTMLButtonElement).addEventListener('click', act);
}

/** The room or the day beside the player. */
function sides() {
  const tabs = [part('tab-moments', HTMLButtonElement), part('tab-room', HTMLButtonElement)];
  const parts = [part('side-moments', HTMLElement), part('side-room', HTMLElement)];
  const show = (/** @type {number} */ chosen) => {
    tabs.forEach((tab, n) => tab.setAttribute('aria-pressed', String(n === chosen)));
    parts.forEach((side, n) => (side.hidden = n !== chosen));
    if (chosen === 1) part('room-log', HTMLElement).scrollTop = part('room-log', HTMLElement).scrollHeight;
    localStorage.setItem('ucam.side', String(chosen));
  };
  tabs.forEach((tab, n) => tab.addEventListener('click', () => show(n)));
  show(localStorage.getItem('ucam.side') === '1' ? 1 : 0);
}

const page = start();
if (page) {
  sides();
  const { place } = page;
  const body = part('camera', HTMLElement);
  /** @type {CameraPage | null} */
  let shown = null;
  keepPeople(place, { list: part('people', HTMLUListElement), faces: part('people-faces', HTMLElement), count: part('people-count', HTMLElement) });
  new Conversation({ log: part('room-log', HTMLElement), list: part('room-list', HTMLOListElement) }, page, (camera, at) => shown?.jump(camera, at) ?? false);
  new Composer(part('say-form', HTMLFormElement), page, () =>
    shown && { camera: jid, at: shown.player.mode === 'live' ? page.room.now() : shown.player.at });
  void loadInto(part('problem', HTMLElement), async () => {
    await place.load();
    const camera = place.cameras.get(jid);
    if (!camera) return unknown(body);
    part('problem', HTMLElement).replaceChildren();
    shown = new CameraPage(page, camera);
    shown.begin();
  });
}

/** @param {HTMLElement} body */
function unknown(body) {
  setText(part('name', HTMLElement), t('No such camera'));
  replace(body, h('div', { class: 'empty' }, icon('camera'), h('h2', {}, t('There is nothing here for you')), h('p', {}, t('Either there is no camera at this address, or it is not yours to see. Whoever looks after the cameras can tell.')),
    h('a', { class: 'btn btn--primary', href: '/' }, t('All cameras'))));
}
