// Exports of one camera: asked for, on their way, ready to be fetched, or failed, in words. They live on the server: a reload finds them again.

import { ApiError } from './answer.js';
import { get, post, remove } from './api.js';
import { h, icon, part, replace, setText } from './dom.js';
import { rangeText } from './range.js';
import { t } from './text.js';
import { HOUR, MINUTE, SECOND, duration, iso, parse } from './time.js';

/** @typedef {import('./api.js').Export} Export */
/** @typedef {import('./window.js').Window} Window */

const LOOK_EVERY_MS = SECOND;
// A download link is good for an hour.
const LINK_EVERY_MS = 20 * MINUTE;
const TOLD_FOR = 24 * HOUR;

export class Exports {
  /** @type {Map<string, Export>} newest first */
  #jobs = new Map();
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Set<string>} put away by the person */
  #away = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #looking;
  /** When the list was asked for; 0: never, exports are not this person's. */
  #loaded_at = 0;
  #section = part('exports', HTMLElement);
  #list = part('exports-list', HTMLUListElement);
  #error = part('exports-error', HTMLElement);

  /** @param {string} camera @param {string} owner JID of the person @param {() => number} now */
  constructor(camera, owner, now) {
    this.camera = camera;
    this.owner = owner;
    this.now = now;
    setInterval(() => this.#freshen(), LINK_EVERY_MS);
    document.addEventListener('visibilitychange', () => this.now() - this.#loaded_at > LINK_EVERY_MS && this.#freshen());
  }

  /** While nobody looks links grow old; they are new again when somebody does. */
  #freshen() {
    if (document.visibilityState === 'visible' && this.#loaded_at) void this.load();
  }

  /** The person's own, of this camera. */
  async load() {
    this.#loaded_at = this.now();
    await this.#try(async () => {
      /** @type {Export[]} */
      const all = await get('/api/exports/');
      this.#jobs = new Map(all.filter((job) => job.owner === this.owner && job.cameras.includes(this.camera)).map((job) => [job.id, job]));
    });
    this.#render();
  }

  /** @param {string[]} cameras @param {Window} range @param {boolean} exact */
  async ask(cameras, { from, to }, exact) {
    await this.#try(async () => {
      /** @type {Export} */
      const job = await post('/api/exports/', { cameras, from: iso(from), to: iso(to), exact });
      this.#jobs = new Map([[job.id, job], ...this.#jobs]);
    });
    this.#render();
    this.#section.scrollIntoView({ block: 'nearest' });
  }

  /** @param {Export} job */
  async #cancel(job) {
    if (['failed', 'expired', 'cancelled'].includes(job.state)) this.#away.add(job.id);
    else {
      await this.#try(async () => {
        await remove(`/api/exports/${job.id}/`);
        this.#away.add(job.id);
      });
      await this.#look();
    }
    this.#render();
  }

  async #look() {
    const running = [...this.#jobs.values()].filter(unfinished);
    await this.#try(async () => {
      for (const { id } of running) this.#jobs.set(id, await get(`/api/exports/${id}/`));
    });
    this.#render();
  }

  /** What goes wrong is said in the list; the next look tries again. @param {() => Promise<void>} act */
  async #try(act) {
    try {
      await act();
      this.#say('');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#say([error.message, error.hint].filter(Boolean).join(' '));
    }
  }

  /** @param {string} words */
  #say(words) {
    this.#error.hidden = !words;
    setText(this.#error, words);
  }

  #render() {
    const now = this.now();
    const shown = [...this.#jobs.values()].filter((job) => !this.#away.has(job.id) && worthTelling(job, now));
    this.#section.hidden = !shown.length && this.#error.hidden;
    const rows = shown.map((job) => {
      const row = this.#rows.get(job.id) ?? new Row(() => void this.#cancel(/** @type {Export} */ (this.#jobs.get(job.id))));
      this.#rows.set(job.id, row);
      row.show(job, now);
      return row.element;
    });
    // Rows stay the same elements: a button under the finger or the focus is not taken away.
    if (rows.length !== this.#list.children.length || rows.some((row, n) => row !== this.#list.children[n])) replace(this.#list, ...rows);
    clearTimeout(this.#looking);
    if (shown.some(unfinished)) this.#looking = setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }
}

/** One export: what, how far, what to do. */
class Row {
  #title = h('strong', { class: 'num' });
  #words = h('span', { class: 'muted', role: 'status' });
  #progress = h('progress', { class: 'progress', max: 1, 'aria-label': t('Progress') });
  #fetch = h('a', { class: 'btn btn--primary', hidden: true }, icon('export'), t('Download'));
  #stop = h('button', { class: 'btn', type: 'button' });

  /** @param {() => void} stop */
  constructor(stop) {
    this.#stop.addEventListener('click', stop);
    this.element = h('li', { class: 'job' }, icon('export'), h('div', { class: 'job__what' }, this.#title, this.#words, this.#progress), this.#fetch, this.#stop);
  }

  /** @param {Export} job @param {number} now */
  show(job, now) {
    this.element.dataset.state = job.state;
    setText(this.#title, rangeText({ from: parse(job.from), to: parse(job.to) }, now) + (job.cameras.length > 1 ? t(', {n} cameras', { n: job.cameras.length }) : ''));
    setText(this.#words, jobWords(job, now));
    this.#progress.hidden = !unfinished(job);
    if (job.state === 'waiting') this.#progress.removeAttribute('value');
    else this.#progress.value = job.progress;
    this.#fetch.hidden = !job.download;
    if (job.download) {
      this.#fetch.href = job.download;
      this.#fetch.download = job.name;
    }
    setText(this.#stop, unfinished(job) ? t('Cancel') : job.state === 'done' ? t('Delete') : t('Put away'));
  }
}

/** @param {Export} job */
function unfinished({ state }) {
  return state === 'waiting' || state === 'running';
}

/** @param {Export} job @param {number} now */
function worthTelling(job, now) {
  return job.state !== 'cancelled' && (unfinished(job) || now - parse(job.expires_at ?? job.created_at) < TOLD_FOR);
}

/** How an export is, for people. @param {Export} job @param {number} now */
export function jobWords({ state, progress, message, bytes, expires_at }, now) {
  switch (state) {
    case 'waiting': return message || t('Waits for its turn.');
    case 'running': return `${Math.floor(progress * 100)} %. ${message}`.trim();
    case 'done': return t('Ready, {size}. Kept for {length} more.', { size: sizeWords(bytes ?? 0), length: duration(parse(expires_at) - now) });
    case 'failed': return message || t('It could not be made.');
    case 'expired': return message || t('Its file was deleted.');
    case 'cancelled': return t('Cancelled.');
  }
}

/** "340 kB", "12 MB", "1.4 GB". @param {number} bytes */
export function sizeWords(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
