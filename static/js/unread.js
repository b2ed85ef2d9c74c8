// How many messages of the room this person has not seen; remembered on the device, for each who signs in on it.

import { Emitter } from './emitter.js';
import { bare } from './protocol.js';

const KEY = 'ucam.read.';

/** @extends {Emitter<{count: number}>} */
export class Unread extends Emitter {
  /** @type {Set<number>} */
  #waiting = new Set();
  #newest = 0;

  /** @param {import('./room.js').Room} room @param {import('./place.js').Place} place */
  constructor(room, place) {
    super();
    this.place = place;
    room.on('welcome', ({ messages, jid }) => {
      const newest = Math.max(...messages.map(({ id }) => Number(id)));
      // A server that was restored counts from an older number on.
      if (messages.length && newest < this.read) this.#keep(newest);
      messages.forEach((message) => this.#heard(message, bare(jid)));
    });
    room.on('chat', (message) => this.#heard(message, bare(room.jid)));
    addEventListener('storage', ({ key }) => key === this.#key && this.#tell());
  }

  get read() {
    return Number(localStorage.getItem(this.#key)) || 0;
  }

  get #key() {
    return KEY + bare(this.place.room.jid);
  }

  /** @param {number} number */
  #keep(number) {
    localStorage.setItem(this.#key, String(number));
  }

  /** Said by somebody else since this person was here last. @param {import('./protocol.js').Chat} message */
  isNew({ id, from, kind }) {
    return !kind && Number(id) > this.read && bare(from) !== bare(this.place.room.jid);
  }

  /** Everything up to now is seen. */
  seen() {
    if (this.#newest > this.read) this.#keep(this.#newest);
    this.#tell();
  }

  /** @param {import('./protocol.js').Chat} message @param {string} mine */
  #heard(message, mine) {
    const number = Number(message.id);
    this.#newest = Math.max(this.#newest, number);
    if (!message.kind && number > this.read && bare(message.from) !== mine) this.#waiting.add(number);
    this.#tell();
  }

  #tell() {
    for (const number of this.#waiting) if (number <= this.read) this.#waiting.delete(number);
    this.emit('count', this.#waiting.size);
  }
}
