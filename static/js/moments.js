// What happened here on a day: gaps with their cause, alerts, and what was said about this camera.

import { alertIcon } from './alerts.js';
import { ApiError } from './answer.js';
import { getAlertsAbout, getMessagesAbout } from './api.js';
import { causeWords, within } from './coverage.js';
import { h, icon, part, replace, setText } from './dom.js';
import { Emitter } from './emitter.js';
import { untilWords } from './holds.js';
import { segments } from './mention.js';
import { bare } from './protocol.js';
import { t } from './text.js';
import { SECOND, clock, dayAfter, dayStart, duration, hourMinute, iso, parse } from './time.js';

/** @typedef {import('./timeline.js').Moment} Moment */
/** @typedef {import('./protocol.js').AlertNotice} AlertNotice */
/** @typedef {import('./protocol.js').Chat} Chat */

const WORTH_MS = 2 * SECOND;

/** @extends {Emitter<{moments: Moment[], seek: number, release: number}>} */
export class Moments extends Emitter {
  /** @type {Map<number, AlertNotice>} */
  #alerts = new Map();
  /** @type {Map<string, Chat>} */
  #messages = new Map();
  /** @type {import('./coverage.js').Span[]} */
  #spans = [];
  /** @type {import('./holds.js').Held[]} */
  #holds = [];
  #day = 0;
  /** Days whose alerts and messages were fetched, by first millisecond. @type {Set<number>} */
  #fetched = new Set();
  #drawn = '';

  /** @param {import('./place.js').Place} place @param {string} camera */
  constructor(place, camera) {
    super();
    this.place = place;
    this.camera = camera;
    this.list = part('moments', HTMLUListElement);
    place.room.on('alert', ({ alert }) => this.#heard([alert], []));
    place.room.on('welcome', ({ messages }) => {
      this.#fetched.clear();
      this.#heard([], messages);
      void this.#fetch();
    });
    place.room.on('chat', (message) => this.#heard([], [message]));
  }

  /** What was raised and said on the day that is shown, once. */
  async #fetch() {
    const day = this.#day;
    if (!day || this.#fetched.has(day)) return;
    this.#fetched.add(day);
    try {
      const [alerts, messages] = await Promise.all([getAlertsAbout(this.camera, day, dayAfter(day)), getMessagesAbout(this.camera, day, dayAfter(day))]);
      this.#heard(alerts, messages);
    } catch (error) {
      // The list lives without old alerts; the open ones come by the room, and the next welcome asks again.
      if (!(error instanceof ApiError)) throw error;
      this.#fetched.delete(day);
    }
  }

  /** @param {number} day @param {import('./coverage.js').Span[]} spans */
  setDay(day, spans) {
    this.#day = day;
    this.#spans = spans;
    this.#render();
    void this.#fetch();
  }

  /** @param {import('./holds.js').Held[]} holds */
  setHolds(holds) {
    this.#holds = holds;
    this.#render();
  }

  /** @param {AlertNotice[]} alerts @param {Chat[]} messages */
  #heard(alerts, messages) {
    for (const alert of alerts) if (alert.camera === this.camera) this.#alerts.set(alert.id, alert);
    for (const message of messages) if (bare(message.camera) === this.camera && message.at && !message.kind) this.#messages.set(message.id, message);
    this.#render();
  }

  #render() {
    if (!this.#day) return;
    const now = this.place.room.now();
    const end = dayAfter(this.#day);
    const all = [...this.#gaps(now), ...this.#raised(), ...this.#said(), ...this.#held()].filter(({ at }) => at >= this.#day && at < end).sort((a, b) => b.at - a.at);
    setText(part('moments-title', HTMLElement), this.#day === dayStart(now) ? t('Today here') : t('That day here'));
    setText(part('moments-count', HTMLElement), all.length ? String(all.length) : '');
    const key = JSON.stringify(all);
    if (key === this.#drawn) return;
    this.#drawn = key;
    replace(this.list, ...(all.length ? all.map((one) => this.#line(one)) : [h('li', { class: 'muted moments__none' }, t('No gaps, no alerts, nothing said. What is lost or said about this camera stands here.'))]));
    this.emit('moments', all);
  }

  /** @param {Moment} one */
  #line(one) {
    const button = h('button', { class: 'moment', type: 'button', 'data-kind': one.kind, onclick: () => this.emit('seek', one.at) },
      h('time', { datetime: iso(one.at), title: clock(one.at) }, hourMinute(one.at)), icon(one.icon), h('span', {}, one.title, one.detail ? h('small', {}, one.detail) : null));
    const { hold } = one;
    if (hold === undefined) return h('li', {}, button);
    return h('li', { class: 'moment__row' }, button, h('button', { class: 'btn btn--quiet', type: 'button', 'aria-label': t('Let go: {what}', { what: one.title }), onclick: () => this.emit('release', hold) }, t('Let go')));
  }

  /** @param {number} now @returns {Moment[]} */
  #gaps(now) {
    const told = within(this.#spans, this.#day, Math.min(dayAfter(this.#day), now));
    return told.filter(({ state, cause, from, to }) => state !== 'stored' && (state !== 'unknown' || cause === 'not_allowed') && to - from >= WORTH_MS).map(({ state, cause, from, to }) => {
      const why = cause ? causeWords(cause) : '';
      const until = to >= now - 5 * SECOND ? t('until now') : t('until {date}', { date: clock(to) });
      const length = duration(to - from);
      if (state === 'lost') return { at: from, kind: 'lost', icon: 'lost', title: t('Lost {length}', { length }) + (why ? `: ${why}` : ''), detail: until, marked: false };
      if (state === 'off') return { at: from, kind: 'off', icon: 'off', title: t('Off') + (why ? `: ${why}` : ''), detail: `${length}, ${until}`, marked: false };
      if (state === 'unknown') return { at: from, kind: 'off', icon: 'clock', title: t('Older than you may see'), detail: until, marked: false };
      return { at: from, kind: 'pending', icon: 'on-camera', title: t('{length} on the camera', { length }), detail: t('Safe there, on its way to storage'), marked: false };
    });
  }

  /** @returns {Moment[]} */
  #raised() {
    return [...this.#alerts.values()].map((alert) => {
      const who = alert.claimed_by ? (alert.state === 'cleared' ? t('{who} had it', { who: this.place.nameOf(alert.claimed_by) }) : t('{who} has it', { who: this.place.nameOf(alert.claimed_by) })) : '';
      const over = alert.state === 'cleared' ? t('over at {time}', { time: hourMinute(parse(alert.cleared_at)) }) : t('still open');
      return { at: parse(alert.raised_at), kind: alert.level === 'critical' ? 'lost' : 'pending', icon: alert.state === 'cleared' ? 'alerts' : alertIcon(alert), title: alert.title, detail: [who, over].filter(Boolean).join(', '), marked: true };
    });
  }

  /** Those that reach into the day; one that began before stands at its first instant. @returns {Moment[]} */
  #held() {
    const mayRelease = this.place.cameras.get(this.camera)?.may.includes('hold');
    return this.#holds.filter(({ to }) => to > this.#day).map((held) => ({
      at: Math.max(held.from, this.#day), kind: 'hold', icon: 'hold', title: t('Held by {who}, {length}', { who: this.place.nameOf(held.owner), length: duration(held.to - held.from) }), detail: `${held.reason}, ${untilWords(held)}`, marked: true,
      ...(mayRelease ? { hold: held.id } : {}),
    }));
  }

  /** Mentions by name. @param {string} text */
  #words(text) {
    return segments(text, (jid) => this.place.nameOf(jid) !== jid).map(({ jid, text: words }) => (jid ? `@${this.place.nameOf(jid)}` : words)).join('');
  }

  /** @returns {Moment[]} */
  #said() {
    return [...this.#messages.values()].map((message) => ({ at: parse(message.at), kind: 'message', icon: 'room', title: `${message.from_name || this.place.nameOf(message.from)}: ${this.#words(message.text)}`, detail: '', marked: true }));
  }
}
