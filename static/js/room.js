// The one connection of this page to the room: says hello, comes back by itself, and never sends what it cannot.
// It lives as long as the sign-in, not as the token it began with: nothing is to be renewed in it.

import { ApiError } from './answer.js';
import { Emitter } from './emitter.js';
import { FRAME_BYTES_MAX, ProtocolError, SUBPROTOCOL, VERSION, decode } from './protocol.js';
import { access, renew } from './token.js';

/** @typedef {import('./protocol.js').FromServer} FromServer */
/** @typedef {'connecting' | 'open' | 'closed'} RoomState closed: gone, and being tried again; connecting: first try */
/** @typedef {{[T in FromServer['type']]: Extract<FromServer, {type: T}>}} ByType */
/** @typedef {ByType & {state: RoomState, signed_out: null}} RoomEvents */

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
const PING_EVERY_MS = 10_000;
const SILENCE_MS = 25_000;
const OPENS_WITHIN_MS = 3000;
const NOT_SIGNED_IN = 4401;
const TOO_MUCH = 4429;

/** Wait before the n-th try: doubled, capped, and spread so that a hundred pages do not come back at once. @param {number} n @param {number} luck 0..1 */
export function backoff_ms(n, luck) {
  const cap = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** n);
  return Math.round(cap / 2 + (cap / 2) * luck);
}

/** @extends {Emitter<RoomEvents>} */
export class Room extends Emitter {
  /** @type {RoomState} */
  state = 'connecting';
  /** Own full JID, once welcome. */
  jid = '';
  /** @type {RTCIceServer[]} */
  iceServers = [];
  /** Server's clock minus this device's. */
  clockOffset_ms = 0;
  /** Why the server closed the door, in words; empty when it is only the network. */
  reason = '';

  /** @type {WebSocket | null} */
  #socket = null;
  #tries = 0;
  #heard_at = 0;
  #running = false;
  #greeted = '';
  #welcome_at = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #beat;

  constructor() {
    super();
    addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.retryNow());
  }

  /** Connects, and keeps at it until close(). */
  start() {
    if (this.#running) return;
    this.#running = true;
    this.#beat = setInterval(() => this.#check(), PING_EVERY_MS);
    void this.#connect();
  }

  close() {
    this.#running = false;
    clearTimeout(this.#retry);
    clearInterval(this.#beat);
    this.#socket?.close(1000);
    this.#socket = null;
    this.#become('closed');
  }

  /** The server's clock. */
  now() {
    return Date.now() + this.clockOffset_ms;
  }

  /** False when it could not be sent: then nothing has happened. @param {{type: string} & Record<string, unknown>} message */
  send(message) {
    if (this.state !== 'open') return false;
    return this.#write(message);
  }

  /** @param {Record<string, unknown>} message */
  #write(message) {
    const frame = JSON.stringify(message);
    if (this.#socket?.readyState !== WebSocket.OPEN || new TextEncoder().encode(frame).length > FRAME_BYTES_MAX) return false;
    this.#socket.send(frame);
    return true;
  }

  retryNow() {
    if (!this.#running || (this.#socket && !this.#drop(this.#socket))) return;
    clearTimeout(this.#retry);
    this.#tries = 0;
    void this.#connect();
  }

  async #connect() {
    let token;
    try {
      token = await access();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.status === 401 ? this.emit('signed_out', null) : this.#later();
    }
    if (!this.#running || this.#socket) return;
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/room`, SUBPROTOCOL);
    this.#socket = socket;
    this.#heard_at = Date.now();
    socket.onopen = () => this.#hello(token);
    socket.onmessage = ({ data }) => this.#socket === socket && this.#hear(data);
    socket.onclose = ({ code, reason }) => this.#socket === socket && this.#closed(code, reason);
  }

  /** @param {string} token */
  #hello(token) {
    this.#greeted = token;
    this.#write({ type: 'hello', version: VERSION, token, agent: 'web', capabilities: ['view'] });
  }

  /** @param {unknown} data */
  #hear(data) {
    this.#heard_at = Date.now();
    let message;
    try {
      message = decode(data);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      console.warn(`The room said something this page does not understand (${error.code}): ${error.message}`);
      return;
    }
    if (message.type === 'welcome') this.#welcome(message);
    if (message.type === 'pong') this.clockOffset_ms = Math.round(message.server_ms + (Date.now() - message.sent_ms) / 2 - Date.now());
    this.emit(message.type, /** @type {any} */ (message));
    if (message.type === 'welcome') this.#become('open');
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  #welcome(welcome) {
    this.#welcome_at = Date.now();
    this.reason = '';
    this.jid = welcome.jid;
    if (this.state !== 'open') this.clockOffset_ms = welcome.server_ms - Date.now();
    this.iceServers = welcome.ice_servers.map(({ urls, username, credential }) => (credential ? { urls, username, credential } : { urls }));
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    this.#socket = null;
    this.reason = reason;
    // Only a connection that held for a while shows that all is well again.
    if (this.state === 'open' && Date.now() - this.#welcome_at > LONGEST_WAIT_MS) this.#tries = 0;
    if (code === TOO_MUCH) this.#tries = Math.max(this.#tries, 5);
    if (code === NOT_SIGNED_IN) return void this.#renew();
    this.#later();
  }

  async #renew() {
    try {
      await renew(this.#greeted);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return this.emit('signed_out', null);
    }
    this.#later();
  }

  #later() {
    this.#become('closed');
    if (!this.#running) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), backoff_ms(this.#tries++, Math.random()));
  }

  #check() {
    if (!this.#socket) return;
    // Also one that does not even open: browsers wait for minutes on a network that swallows everything.
    if (Date.now() - this.#heard_at > SILENCE_MS) return this.#giveUp(this.#socket);
    this.#write({ type: 'ping', sent_ms: Date.now() });
  }

  /** True when it was let go: one that has not opened for a while may have been begun on another network. @param {WebSocket} socket */
  #drop(socket) {
    if (socket.readyState === WebSocket.OPEN || Date.now() - this.#heard_at < OPENS_WITHIN_MS) return false;
    this.#socket = null;
    socket.close();
    return true;
  }

  /** A socket that says nothing is gone, whatever it says of itself. @param {WebSocket} socket */
  #giveUp(socket) {
    this.#socket = null;
    socket.close();
    this.#later();
  }

  /** @param {RoomState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit('state', state);
  }
}
