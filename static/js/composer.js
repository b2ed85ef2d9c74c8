// The line to write in: Enter sends, Shift+Enter breaks the line, @ completes, and nothing typed is lost when the room is away.

import { h, icon, part, replace } from './dom.js';
import { cameraFace, face } from './faces.js';
import { askedCommand } from './commands.js';
import { asked, completed, matching } from './mention.js';
import { spokenInstant } from './spoken.js';
import { bare } from './protocol.js';
import { t } from './text.js';
import { SECOND, clock, dayStart, iso, parse } from './time.js';

const LONGEST = 4000;
/** Clocks of this page and of the server agree so far. */
const CLOCKS_MS = 5 * SECOND;

export class Composer {
  /** Where what is being completed begins. @type {{from: number} | null} */
  #asked = null;
  /** What each offered line puts in its place, the @ included. @type {string[]} */
  #offered = [];
  #chosen = 0;
  #sent = 0;
  /** What was said and when, by our own mark, until the room gave it back. @type {Map<string, {text: string, at: number}>} */
  #waiting = new Map();

  /**
   * @param {HTMLFormElement} form with a textarea and a list for completions
   * @param {{room: import('./room.js').Room, place: import('./place.js').Place}} page
   * @param {(() => {camera: string, at: number | null} | null)} [about] what the message speaks of
   */
  constructor(form, { room, place }, about) {
    this.form = form;
    this.room = room;
    this.place = place;
    this.about = about;
    this.input = part('say', HTMLTextAreaElement);
    this.list = part('say-mentions', HTMLUListElement);
    this.error = part('say-error', HTMLElement);
    this.aboutChip = form.querySelector('[data-about]');
    form.addEventListener('submit', (event) => this.#submit(event));
    this.input.addEventListener('keydown', (event) => this.#key(event));
    this.input.addEventListener('input', () => this.#offer());
    this.input.addEventListener('click', () => this.#offer());
    this.input.addEventListener('blur', () => setTimeout(() => this.#close(), 150));
    room.on('error', (message) => this.#refused(message));
    room.on('chat', (message) => this.#delivered(message));
    room.on('welcome', ({ messages }) => messages.forEach((message) => this.#delivered(message)));
    room.on('state', (state) => state === 'open' && this.#back());
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    if (!text) return;
    if (text.length > LONGEST) return this.#say(t('A message has at most {most} characters, this one {n}. Cut it in two.', { most: LONGEST, n: text.length }));
    const about = (this.#aboutWanted() ? this.about?.() : null) ?? this.#spoken(text);
    const id = `say-${++this.#sent}`;
    const where = about ? { camera: about.camera, ...(about.at === null ? {} : { at: iso(about.at) }) } : {};
    if (!this.room.send({ type: 'chat', id, text, ...where })) return this.#say(t('Not sent: this page has no connection just now. Your words stay here; send them when it is back.'));
    this.#waiting.set(id, { text, at: this.room.now() });
    this.input.value = '';
    this.#say('');
    this.#close();
  }

  /** The camera and the instant that the words themselves name. @param {string} text */
  #spoken(text) {
    const now = this.room.now();
    return spokenInstant(text, [...this.place.cameras.values()], now, dayStart(now));
  }

  #aboutWanted() {
    return this.aboutChip instanceof HTMLInputElement && this.aboutChip.checked;
  }

  /** @param {import('./protocol.js').ErrorMessage} message */
  #refused({ id, message, hint }) {
    const refused = this.#waiting.get(id);
    if (!refused) return;
    this.#waiting.delete(id);
    this.#giveBack([refused.text]);
    this.#say(t('Not sent: {problem}', { problem: [message, hint].filter(Boolean).join(' ') }));
  }

  /** The room is open again: what was said into a connection that broke, and does not stand in the room, was lost. */
  #back() {
    const lost = [...this.#waiting.values()].map(({ text }) => text);
    this.#waiting.clear();
    this.#giveBack(lost);
    this.#say(lost.length ? t('Not sent: the connection broke. Your words stand here again.') : '');
  }

  /** Before what was written since. @param {string[]} texts */
  #giveBack(texts) {
    if (texts.length) this.input.value = [...texts, this.input.value].filter(Boolean).join('\n');
  }

  /** @param {import('./protocol.js').Chat} message */
  #delivered({ from, text, kind, sent_at }) {
    if (kind || bare(from) !== bare(this.room.jid)) return;
    for (const [id, waiting] of this.#waiting) if (waiting.text === text && parse(sent_at) >= waiting.at - CLOCKS_MS) return void this.#waiting.delete(id);
  }

  /** @param {string} words */
  #say(words) {
    this.error.hidden = !words;
    replace(this.error, words && icon('warning'), words);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (!this.list.hidden && this.#pick(event)) return event.preventDefault();
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  /** Keys of the open list; true when the key was one. @param {KeyboardEvent} event */
  #pick({ key }) {
    if (key === 'Escape') this.#close();
    else if (key === 'ArrowDown' || key === 'ArrowUp') this.#choose(this.#chosen + (key === 'ArrowDown' ? 1 : -1));
    else if (key === 'Enter' || key === 'Tab') this.#take(this.#chosen);
    else return false;
    return true;
  }

  #offer() {
    const { value, selectionStart } = this.input;
    const command = askedCommand(value, selectionStart, (name) => this.#cameraOf(name));
    const mention = command ? null : asked(value, selectionStart);
    this.#asked = command ?? mention;
    const lines = command ? command.offered.map(({ word, says }) => ({ put: word, inside: [icon('camera'), h('span', {}, word), h('span', { class: 'jid' }, says)] })) : this.#mentions(mention);
    this.#offered = lines.map(({ put }) => put);
    if (!lines.length) return this.#close();
    this.list.replaceChildren(...lines.map(({ inside }, n) => this.#option(inside, n)));
    this.list.hidden = false;
    this.input.setAttribute('aria-expanded', 'true');
    this.#choose(0);
  }

  /** @param {{part: string} | null} mention */
  #mentions(mention) {
    const found = mention ? matching(this.#candidates(), mention.part) : [];
    return found.map(({ jid, name }) => ({ put: `@${jid}`, inside: [this.place.cameras.has(jid) ? cameraFace() : face(name), h('span', {}, name), h('span', { class: 'jid' }, jid)] }));
  }

  /** A camera by its address or what stands before the @. @param {string} name */
  #cameraOf(name) {
    return this.place.cameras.get(name) ?? [...this.place.cameras.values()].find(({ jid }) => jid.split('@', 1)[0] === name);
  }

  /** @returns {import('./mention.js').Candidate[]} */
  #candidates() {
    const people = this.place.people().filter(({ jid }) => jid !== this.place.me?.jid);
    const cameras = [...this.place.cameras.values()].map(({ jid, name }) => ({ jid, name }));
    return [...people.map(({ jid, name }) => ({ jid, name })), ...cameras];
  }

  /** @param {Node[]} inside @param {number} n */
  #option(inside, n) {
    return h('li', { class: 'mentions__one', role: 'option', id: `say-mention-${n}`, onpointerdown: (/** @type {Event} */ event) => event.preventDefault(), onclick: () => this.#take(n) }, ...inside);
  }

  /** @param {number} n */
  #choose(n) {
    this.#chosen = (n + this.#offered.length) % this.#offered.length;
    [...this.list.children].forEach((option, index) => option.setAttribute('aria-selected', String(index === this.#chosen)));
    this.input.setAttribute('aria-activedescendant', `say-mention-${this.#chosen}`);
  }

  /** @param {number} n */
  #take(n) {
    if (!this.#asked) return;
    const { text, caret } = completed(this.input.value, this.input.selectionStart, this.#asked, this.#offered[n]);
    this.input.value = text;
    this.input.setSelectionRange(caret, caret);
    this.#close();
    this.input.focus();
    this.#offer();
  }

  #close() {
    this.list.hidden = true;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
    this.#asked = null;
  }
}

/** "about Front door at 14:41:23". @param {string} name @param {number | null} at */
export function aboutWords(name, at) {
  return at === null ? t('about {camera}, live', { camera: name }) : t('about {camera} at {time}', { camera: name, time: clock(at) });
}
