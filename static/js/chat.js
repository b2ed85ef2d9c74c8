// The conversation of the room: history, messages as they come, alerts, gaps, exports and comings and goings in the same stream.

import { ApiError } from './answer.js';
import { Told, alertCard } from './alerts.js';
import { cameraPage, getAlerts, getMessages, getOpenAlerts } from './api.js';
import { h, icon, setText } from './dom.js';
import { EVENT_ICONS, eventWords } from './event.js';
import { cameraFace, face } from './faces.js';
import { GapRows, gapsWords } from './gaps.js';
import { segments } from './mention.js';
import { bare } from './protocol.js';
import { Still } from './still.js';
import { Stream } from './stream.js';
import { t } from './text.js';
import { clock, date, hourMinute, moment, parse, withTimes } from './time.js';

/** @typedef {import('./protocol.js').Chat} Chat */
/** @typedef {import('./protocol.js').AlertNotice} AlertNotice */
/** @typedef {import('./stream.js').Line} Line */
/** @typedef {(camera: string, at: number) => boolean} Jump at NaN: live; true when the page itself went there */

const PAGE = 50;
const NEAR_BOTTOM = 60;
/** So many lines stay on the page while its end is read; older ones come again when somebody scrolls up. */
const KEPT = 400;
const FILTER = 'ucam.stream';

export class Conversation {
  /** @type {Map<number, {line: Line, message: Chat}>} messages by number */
  #messages = new Map();
  /** @type {Map<number, {line: Line, alert: AlertNotice}>} alerts by number */
  #alerts = new Map();
  #toldAlerts = new Told();
  #oldest = Infinity;
  #complete = false;
  #loading = false;
  #pinned = true;
  /** @type {HTMLElement | null} what was said since the person was here last begins below it */
  #newMark = null;

  /**
   * @param {{log: HTMLElement, list: HTMLOListElement}} parts log scrolls, list holds the messages
   * @param {{room: import('./room.js').Room, place: import('./place.js').Place, unread: import('./unread.js').Unread}} page
   * @param {Jump} [jump]
   */
  constructor({ log, list }, { room, place, unread }, jump) {
    this.log = log;
    this.list = list;
    this.room = room;
    this.place = place;
    this.unread = unread;
    this.stream = new Stream(list, () => room.now());
    this.gaps = new GapRows(this.stream, (gaps) => gapsWords(gaps, place.nameOf(gaps[0].camera), room.now()), (gap) => this.#happened(gap));
    this.earlier = h('button', { class: 'btn btn--quiet chat__earlier', type: 'button', hidden: true, onclick: () => void this.#older() }, t('Earlier messages'));
    this.empty = h('p', { class: 'muted chat__empty', hidden: true }, t('Nothing said yet. What you write here is seen by everybody who shares a place with you.'));
    list.before(this.earlier, this.empty);
    room.on('welcome', ({ messages }) => this.#welcome(messages));
    room.on('chat', (message) => this.#said(message));
    room.on('alert', ({ alert }) => this.#alert(alert));
    place.on('came', ({ kind, jid }) => this.#event(kind === 'camera' ? 'camera' : 'people', t('{who} came', { who: place.nameOf(jid) }), jid));
    place.on('left', ({ jid }) => this.#event('offline', t('{who} left', { who: place.nameOf(jid) }), jid));
    place.on('loaded', () => this.#again());
    log.addEventListener('scroll', () => this.#scrolled());
    if (jump) list.addEventListener('click', (event) => this.#follow(event, jump));
    addEventListener('focus', () => this.#seen());
    document.addEventListener('visibilitychange', () => this.#seen());
    new ResizeObserver(() => this.#pinned && this.#toBottom()).observe(log);
    this.#filter();
  }

  /** @param {Chat[]} messages */
  #welcome(messages) {
    // After a cut there may be a hole between what was seen and the newest: then begin anew.
    const known = messages.some(({ id }) => this.#messages.has(Number(id)));
    if (!known && this.#messages.size) this.#clear();
    if (!this.#messages.size) this.#complete = messages.length < PAGE;
    const first = this.#newMark ? undefined : messages.find((message) => this.unread.isNew(message));
    for (const message of messages) this.#put(message);
    if (first) this.#markNew(Number(first.id));
    this.#drawn();
    void this.#openAlerts();
  }

  /** Those that are open; and what became of those that were, while this page heard nothing. */
  async #openAlerts() {
    const asked = performance.now();
    try {
      const open = this.#toldAlerts.over(await getOpenAlerts(), asked);
      const over = [...this.#alerts.values()].some(({ alert }) => alert.state !== 'cleared' && !open.has(alert.id));
      const latest = over ? this.#toldAlerts.over(await getAlerts(), asked) : new Map();
      for (const [id, alert] of latest) if (this.#alerts.has(id)) this.#putAlert(alert);
      for (const alert of open.values()) this.#putAlert(alert);
      this.#drawn();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** @param {Chat} message */
  #said(message) {
    if (bare(message.from) === bare(this.room.jid) && !message.kind) this.#pinned = true;
    this.#put(message);
    this.#drawn();
  }

  /** @param {AlertNotice} alert */
  #alert(alert) {
    this.#toldAlerts.take(alert);
    this.#putAlert(alert);
    this.#drawn();
  }

  /** A line about somebody who came or went; kept only while the page is open. @param {string} picture @param {string} words @param {string} jid */
  #event(picture, words, jid) {
    if (bare(jid) === bare(this.room.jid)) return;
    const at = this.room.now();
    const element = h('li', { class: 'msg msg--event' }, icon(picture), h('div', {}, `${words} · `, time(at, hourMinute(at))));
    this.stream.add({ at, id: 0, kind: 'event', element });
    this.#drawn();
  }

  /** @param {Chat} message */
  #put(message) {
    const id = Number(message.id);
    if (this.#messages.has(id)) return;
    this.#oldest = Math.min(this.#oldest, id);
    /** @type {Line} */
    const line = { at: parse(message.sent_at), id, kind: message.kind ? 'event' : 'said', element: this.#element(message), ...(message.kind === 'gap' ? { gap: message } : {}) };
    this.#messages.set(id, { line, message });
    this.stream.add(line);
  }

  /** @param {AlertNotice} alert */
  #putAlert(alert) {
    const element = h('li', {}, alertCard(alert, this.place));
    const known = this.#alerts.get(alert.id);
    if (known) {
      known.alert = alert;
      return this.stream.change(known.line, element);
    }
    /** @type {Line} */
    const line = { at: parse(alert.raised_at), id: 0, kind: 'alert', element };
    this.#alerts.set(alert.id, { line, alert });
    this.stream.add(line);
  }

  /** Names are known now: words about people and cameras are made anew. */
  #again() {
    for (const { line, message } of this.#messages.values()) this.stream.change(line, this.#element(message));
    for (const { alert } of [...this.#alerts.values()]) this.#putAlert(alert);
    this.#drawn();
  }

  #clear() {
    this.stream.clear();
    this.#messages.clear();
    this.#alerts.clear();
    this.#oldest = Infinity;
    this.#newMark?.remove();
    this.#newMark = null;
  }

  /** @param {number} id of the first message that is new */
  #markNew(id) {
    this.#newMark = h('li', { class: 'day day--new' }, t('New'));
    this.#messages.get(id)?.line.element.before(this.#newMark);
  }

  #drawn() {
    if (this.#pinned) this.#trim();
    this.gaps.render();
    this.earlier.hidden = this.#complete || !Number.isFinite(this.#oldest);
    this.empty.hidden = this.stream.lines.length > 0;
    if (this.#pinned) this.#toBottom();
  }

  /** Who reads the end needs no thousand lines above it. */
  #trim() {
    if (this.stream.lines.length <= KEPT + PAGE) return;
    for (const line of this.stream.trim(KEPT)) this.#forget(line);
  }

  /** Messages come again when somebody scrolls up. @param {Line} line */
  #forget(line) {
    for (const [id, { line: known }] of this.#alerts) if (known === line) this.#alerts.delete(id);
    if (!this.#messages.delete(line.id)) return;
    this.#oldest = Math.max(this.#oldest, line.id + 1);
    this.#complete = false;
  }

  #toBottom() {
    this.log.scrollTop = this.log.scrollHeight;
    this.#seen();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    this.#pinned = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM;
    if (this.#pinned) this.#seen();
    if (scrollTop < NEAR_BOTTOM && scrollHeight > clientHeight) void this.#older();
  }

  /** Read is what stood at the bottom of a conversation that somebody had in front of them. */
  #seen() {
    const onScreen = this.log.clientHeight > 0 && document.visibilityState === 'visible' && document.hasFocus();
    if (this.#pinned && onScreen) this.unread.seen();
  }

  async #older() {
    if (this.#loading || this.#complete || !Number.isFinite(this.#oldest)) return;
    this.#loading = true;
    this.earlier.disabled = true;
    setText(this.earlier, t('Loading earlier messages'));
    try {
      const before = this.#oldest;
      const messages = await getMessages(before);
      // Begun anew or cut meanwhile: these would leave a hole below them.
      if (before !== this.#oldest) return setText(this.earlier, t('Earlier messages'));
      this.#complete = messages.length < PAGE;
      this.#pinned = false;
      const below = this.log.scrollHeight - this.log.scrollTop;
      for (const message of messages) this.#put(message);
      setText(this.earlier, t('Earlier messages'));
      this.#drawn();
      this.log.scrollTop = this.log.scrollHeight - below;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.earlier, t('{problem} Press to try again.', { problem: error.message }));
    } finally {
      this.#loading = false;
      this.earlier.disabled = false;
    }
  }

  /** What of the stream is shown: chosen on one page, kept for all. */
  #filter() {
    const choice = document.getElementById('stream-filter');
    if (!(choice instanceof HTMLSelectElement)) return;
    const show = () => {
      this.list.dataset.show = choice.value;
      localStorage.setItem(FILTER, choice.value);
      if (this.#pinned) this.#toBottom();
    };
    const kept = localStorage.getItem(FILTER);
    if (kept && [...choice.options].some(({ value }) => value === kept)) choice.value = kept;
    choice.addEventListener('change', show);
    show();
  }

  /** A link to an instant moves the players of this page, when it has some. @param {MouseEvent} event @param {Jump} jump */
  #follow(event, jump) {
    const link = event.target instanceof Element ? event.target.closest('a[data-camera]') : null;
    if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (jump(link.dataset.camera ?? '', parse(link.dataset.at))) event.preventDefault();
  }

  /** @param {Chat} message */
  #element(message) {
    if (!message.kind) return this.#message(message);
    return h('li', { class: 'msg msg--event', 'data-message': message.id, 'data-kind': message.kind }, icon(EVENT_ICONS[message.kind] ?? 'clock'), this.#happened(message));
  }

  /** @param {Chat} message */
  #happened(message) {
    const camera = this.place.nameOf(message.camera);
    const words = eventWords(message, { who: message.from_name || this.place.nameOf(message.from), camera }, this.room.now());
    return h('div', {}, this.place.cameras.has(bare(message.camera)) ? this.#link(message, 'link link--quiet', words) : words);
  }

  /** @param {Chat} message */
  #message(message) {
    const from = bare(message.from);
    const name = this.place.cameras.get(from)?.name ?? (message.from_name || this.place.nameOf(from));
    const at = parse(message.sent_at);
    const camera = this.place.cameras.has(from);
    const privately = message.to && h('span', { class: 'muted' }, t('to {who} only', { who: this.place.nameOf(message.to) }));
    const mine = this.place.me?.jid;
    const toMe = Boolean(mine && message.text.toLowerCase().includes(`@${mine}`));
    return h('li', { class: toMe ? 'msg msg--to-me' : 'msg', 'data-message': message.id }, camera ? cameraFace() : face(name),
      h('div', { class: 'msg__head' }, h('span', { class: 'msg__from' }, name), time(at, hourMinute(at), 'msg__at'), privately),
      h('div', { class: 'msg__body' }, this.#words(camera ? withTimes(message.text, this.room.now()) : message.text), this.#instant(message)));
  }

  /** @param {string} text */
  #words(text) {
    const parts = segments(text, (name) => this.place.knows(name)).map(({ jid, text: words }) =>
      jid ? h('span', { class: jid === this.place.me?.jid ? 'mention mention--me' : 'mention', title: jid }, `@${this.place.nameOf(jid)}`) : words);
    return h('p', { class: 'msg__text' }, ...parts);
  }

  /** A link to the camera at the instant the message speaks of. @param {Chat} message */
  #instant(message) {
    const camera = this.place.cameras.get(bare(message.camera));
    if (!message.camera || !camera) return null;
    const at = parse(message.at);
    const when = Number.isNaN(at) ? h('span', {}, icon('live'), t('Live')) : h('span', {}, icon('play'), time(at, `${moment(at, this.room.now()).replace(hourMinute(at), clock(at))}`));
    const words = h('div', {}, h('strong', {}, this.place.nameOf(message.camera)), when);
    if (Number.isNaN(at) || bare(message.from) !== bare(message.camera)) return this.#link(message, 'instant instant--plain', words);
    // A camera that speaks of an instant of its own was asked for a picture.
    const image = /** @type {HTMLImageElement} */ (h('img', { alt: '' }));
    const still = new Still(image, camera);
    image.addEventListener('load', () => still.close());
    void still.refresh(message.at ?? undefined);
    return this.#link(message, 'instant', image, words);
  }

  /** @param {Chat} message @param {string} looks @param {...(Node | string)} inside */
  #link(message, looks, ...inside) {
    const camera = bare(message.camera);
    return h('a', { class: looks, href: cameraPage(camera, message.at), 'data-camera': camera, 'data-at': message.at }, ...inside);
  }
}

/** @param {number} at @param {string} words @param {string} [name] */
function time(at, words, name) {
  return h('time', { datetime: Number.isNaN(at) ? '' : new Date(at).toISOString(), class: name ?? null, title: Number.isNaN(at) ? '' : `${date(at)}, ${clock(at)}` }, words);
}
