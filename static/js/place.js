// Who and what is there, as the API told it at first and the room keeps it: cameras, people, who watches what.

import { ApiError } from './answer.js';
import { getCameras, getMe } from './api.js';
import { Emitter } from './emitter.js';
import { bare } from './protocol.js';

/** @typedef {import('./api.js').Camera} Camera */
/** @typedef {import('./api.js').Me} Me */
/** @typedef {import('./protocol.js').Peer} Peer */
/** @typedef {{jid: string, name: string}} Person */

/** Who goes from page to page is away for a moment; only who stays away has left. */
const AWAY_MS = 8000;

/** @extends {Emitter<{camera: Camera, people: null, loaded: null, came: Peer, left: Peer}>} */
export class Place extends Emitter {
  /** @type {Map<string, Camera>} by bare JID */
  cameras = new Map();
  /** @type {Map<string, Peer>} by full JID */
  peers = new Map();
  /** @type {Me | null} */
  me = null;
  #looking = false;
  /** Names of those who were here, by bare JID. @type {Map<string, string>} */
  #names = new Map();
  /** Who watches, and how cameras say they are, as the room told it since its welcome. @type {{watching: Map<string, string[]>, statuses: Map<string, import('./protocol.js').Status>}} */
  #told = { watching: new Map(), statuses: new Map() };
  /** Those who have gone just now, by bare JID. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #leaving = new Map();

  /** @param {import('./room.js').Room} room */
  constructor(room) {
    super();
    this.room = room;
    room.on('welcome', (welcome) => this.#welcome(welcome));
    room.on('online', ({ peer }) => this.#online(peer));
    room.on('offline', ({ jid }) => this.#offline(jid));
    room.on('watching', ({ camera, viewers }) => this.#watching(camera, viewers));
    room.on('status', (status) => {
      this.#told.statuses.set(bare(status.from), status);
      this.#change(bare(status.from), (camera) => (camera.status = status));
    });
  }

  /** Fetches the person and all cameras; throws ApiError. */
  async load() {
    const [me, cameras] = await Promise.all([getMe(), getCameras()]);
    this.me = me;
    // Those that are known stay the same objects: tiles and players hold them.
    this.cameras = new Map(cameras.map((camera) => [camera.jid, Object.assign(this.cameras.get(camera.jid) ?? camera, camera)]));
    // The room is newer: what it told while this answer was on its way found no cameras yet.
    if (this.room.state === 'open') this.#asTold();
    this.emit('loaded', null);
  }

  /** Everybody in the room, one entry a person however many pages are open; oneself first. @returns {Person[]} */
  people() {
    /** @type {Map<string, Person>} */
    const found = new Map();
    if (this.me) found.set(this.me.jid, { jid: this.me.jid, name: this.nameOf(this.me.jid) });
    for (const peer of this.peers.values()) {
      if (peer.kind === 'person') found.set(bare(peer.jid), { jid: bare(peer.jid), name: this.nameOf(peer.jid) });
    }
    const mine = this.me?.jid;
    return [...found.values()].sort((a, b) => Number(b.jid === mine) - Number(a.jid === mine) || a.name.localeCompare(b.name));
  }

  /** What this person watches now. @param {string} jid bare */
  watchedBy(jid) {
    return [...this.cameras.values()].filter(({ watchers }) => watchers.includes(jid));
  }

  /** Name of a person or camera, else what stands before the @. @param {string} jid */
  nameOf(jid) {
    const address = bare(jid);
    if (this.me && address === this.me.jid) return this.me.name || this.me.email;
    const camera = this.cameras.get(address);
    if (camera) return camera.name;
    return this.#names.get(address) || address.split('@', 1)[0];
  }

  /** Name of the place that something is about: of its camera, or of the whole of it. @param {{camera: string, location: string}} about */
  placeOf({ camera, location }) {
    const one = this.cameras.get(bare(camera)) ?? [...this.cameras.values()].find((known) => known.location === location);
    return one?.location_name || one?.location || location;
  }

  /** Somebody who is not here now, but whose words are. @param {string} jid @param {string | undefined} name */
  #learn(jid, name) {
    if (name && !this.#names.has(bare(jid))) this.#names.set(bare(jid), name);
  }

  /** Whether this is a camera or a person with a name. @param {string} jid bare */
  knows(jid) {
    return jid === this.me?.jid || this.cameras.has(jid) || this.#names.has(jid);
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  #welcome(welcome) {
    this.peers = new Map(welcome.roster.map((peer) => [peer.jid, peer]));
    for (const peer of welcome.roster) this.#names.set(bare(peer.jid), peer.name);
    for (const { from, from_name } of welcome.messages) this.#learn(from, from_name);
    this.#told = { watching: new Map(Object.entries(welcome.watching)), statuses: new Map(welcome.statuses.map((status) => [bare(status.from), status])) };
    this.#asTold();
    if (welcome.roster.some(({ kind, jid }) => kind === 'camera' && !this.cameras.has(bare(jid)))) void this.#look();
    this.emit('people', null);
  }

  /** Cameras as the room knows them. */
  #asTold() {
    const online = new Set([...this.peers.values()].filter(({ kind }) => kind === 'camera').map(({ jid }) => bare(jid)));
    for (const camera of this.cameras.values()) {
      this.#change(camera.jid, () => {
        this.#setOnline(camera, online.has(camera.jid));
        camera.watchers = this.#told.watching.get(camera.jid) ?? [];
        camera.status = this.#told.statuses.get(camera.jid) ?? camera.status;
      });
    }
  }

  /** A camera came that was added, moved or given to the person since the list was fetched. */
  async #look() {
    if (!this.me || this.#looking) return;
    this.#looking = true;
    try {
      await this.load();
    } catch (error) {
      // The next camera that comes, or a reload, asks again; the notice of the lost connection says the rest.
      if (!(error instanceof ApiError)) throw error;
    } finally {
      this.#looking = false;
    }
  }

  /** @param {Peer} peer */
  #online(peer) {
    if (peer.kind === 'camera' && !this.cameras.has(bare(peer.jid))) void this.#look();
    const before = this.#isHere(peer.jid);
    this.peers.set(peer.jid, peer);
    this.#names.set(bare(peer.jid), peer.name);
    if (!this.#stays(peer.jid) && !before) this.emit('came', peer);
    if (peer.kind === 'camera') this.#change(bare(peer.jid), (camera) => this.#setOnline(camera, true));
    this.emit('people', null);
  }

  /** @param {string} jid */
  #offline(jid) {
    const peer = this.peers.get(jid);
    this.peers.delete(jid);
    if (peer && !this.#isHere(jid)) this.#leaving.set(bare(jid), setTimeout(() => this.#gone(peer), AWAY_MS));
    if (!this.#isHere(jid)) this.#change(bare(jid), (camera) => this.#setOnline(camera, false));
    this.emit('people', null);
  }

  /** @param {string} jid */
  #isHere(jid) {
    return [...this.peers.keys()].some((other) => bare(other) === bare(jid));
  }

  /** Whether somebody who had just gone is back: then nobody came or left. @param {string} jid */
  #stays(jid) {
    clearTimeout(this.#leaving.get(bare(jid)));
    return this.#leaving.delete(bare(jid));
  }

  /** @param {Peer} peer */
  #gone(peer) {
    this.#leaving.delete(bare(peer.jid));
    if (!this.#isHere(peer.jid)) this.emit('left', peer);
  }

  /** @param {Camera} camera @param {boolean} online */
  #setOnline(camera, online) {
    if (camera.online && !online) camera.offline_since = new Date(this.room.now()).toISOString();
    camera.online = online;
  }

  /** @param {string} camera @param {string[]} viewers */
  #watching(camera, viewers) {
    this.#told.watching.set(bare(camera), viewers);
    this.#change(bare(camera), (known) => (known.watchers = viewers));
    this.emit('people', null);
  }

  /** @param {string} jid @param {(camera: Camera) => void} change */
  #change(jid, change) {
    const camera = this.cameras.get(jid);
    if (!camera) return;
    change(camera);
    this.emit('camera', camera);
  }
}

/** Two letters for a face. @param {string} name */
export function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? words[0][0] + words[1][0] : (words[0] ?? '?').slice(0, 2);
  return letters.toLocaleUpperCase();
}
