// Ranges of one camera that nothing deletes: who keeps them, why, until when; placed and let go by those who may.

import { ApiError } from './answer.js';
import { get, post, remove } from './api.js';
import { part, setText } from './dom.js';
import { Emitter } from './emitter.js';
import { rangeText } from './range.js';
import { t } from './text.js';
import { MINUTE, date, dayAfter, iso, parse } from './time.js';

/** @typedef {import('./window.js').Window} Window */
/** @typedef {{id: number, from: number, to: number, owner: string, reason: string, until: number}} Held */

const AGAIN_EVERY_MS = MINUTE;
const DAYS = 30;

/** @extends {Emitter<{holds: Held[]}>} */
export class Holds extends Emitter {
  /** @type {Held[]} */
  all = [];
  /** What the dialog is about. @type {Window | null} */
  #range = null;
  /** @type {Held | null} */
  #leaving = null;
  #dialog = part('hold-dialog', HTMLDialogElement);
  #reason = part('hold-reason', HTMLInputElement);
  #until = part('hold-until', HTMLInputElement);
  #release = part('release-dialog', HTMLDialogElement);

  /** @param {import('./api.js').Camera} camera @param {() => number} now */
  constructor(camera, now) {
    super();
    this.camera = camera;
    this.now = now;
    this.mayHold = camera.may.includes('hold');
    part('hold-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#place();
    });
    part('release-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#letGo();
    });
    for (const dialog of [this.#dialog, this.#release]) dialog.querySelector('[data-do="close"]')?.addEventListener('click', () => dialog.close());
    setInterval(() => document.visibilityState === 'visible' && void this.load(), AGAIN_EVERY_MS);
  }

  async load() {
    if (!this.mayHold && !this.camera.may.includes('replay')) return;
    try {
      /** @type {import('./api.js').Hold[]} */
      const holds = await get(`/api/holds/?camera=${encodeURIComponent(this.camera.jid)}`);
      this.#set(holds.map(read));
    } catch (error) {
      // The list stays as it is; the next round asks again.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** Asks why and until when. @param {Window} range */
  ask(range) {
    this.#range = range;
    setText(part('hold-range', HTMLElement), rangeText(range, this.now()));
    this.#until.min = dateValue(this.now());
    this.#until.value ||= dateValue(this.now() + DAYS * 24 * 60 * MINUTE);
    say('hold-error', '');
    this.#dialog.showModal();
    this.#reason.focus();
  }

  /** Asks whether it is meant. @param {number} id */
  askRelease(id) {
    const held = this.all.find((hold) => hold.id === id);
    if (!held) return;
    this.#leaving = held;
    setText(part('release-range', HTMLElement), `${rangeText(held, this.now())}: ${held.reason}`);
    say('release-error', '');
    this.#release.showModal();
  }

  async #place() {
    const reason = this.#reason.value.trim();
    const until = dayAfter(parse(`${this.#until.value}T00:00:00`));
    if (!this.#range) return;
    if (!reason) return say('hold-error', t('Say why: others will wonder.'));
    if (Number.isNaN(until)) return say('hold-error', t('Until when? The hold ends by itself then.'));
    const { from, to } = this.#range;
    await attempt('hold-error', async () => {
      const hold = await post('/api/holds/', { camera: this.camera.jid, from: iso(from), to: iso(to), reason, until: iso(until) });
      this.#reason.value = '';
      this.#dialog.close();
      this.#set([read(hold), ...this.all]);
    });
  }

  async #letGo() {
    const held = this.#leaving;
    if (!held) return;
    await attempt('release-error', async () => {
      await remove(`/api/holds/${held.id}/`);
      this.#release.close();
      this.#set(this.all.filter(({ id }) => id !== held.id));
    });
  }

  /** @param {Held[]} holds */
  #set(holds) {
    this.all = holds;
    this.emit('holds', holds);
  }
}

/** @param {import('./api.js').Hold} hold @returns {Held} */
function read({ id, from, to, owner, reason, until }) {
  return { id, from: parse(from), to: parse(to), owner, reason, until: parse(until) };
}

/** "until 24 December 2026". @param {Held} held */
export function untilWords({ until }) {
  return t('until {date}', { date: date(until - 1) });
}

/** As an input of a date has it, in the viewer's zone. @param {number} ms */
function dateValue(ms) {
  const local = new Date(ms);
  return [local.getFullYear(), local.getMonth() + 1, local.getDate()].map((number) => String(number).padStart(2, '0')).join('-');
}

/** @param {string} id @param {string} words */
function say(id, words) {
  const error = part(id, HTMLElement);
  error.hidden = !words;
  setText(error, words);
}

/** @param {string} id where it is said what went wrong @param {() => Promise<void>} act */
async function attempt(id, act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(id, [error.message, error.hint].filter(Boolean).join(' '));
  }
}
