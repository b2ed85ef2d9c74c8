// Up to four cameras on one clock: the first player leads, the others keep its time. Which they are stands in the address.
// From here one goes to another camera too, at the moment that this one shows.

import { cameraPage } from './api.js';
import { h, icon, part, replace } from './dom.js';
import { Emitter } from './emitter.js';
import { Mate } from './mate.js';
import { t } from './text.js';
import { iso } from './time.js';

const MOST = 4;
const KEY = 'with';

/** `own`: the person chose, not whom they follow. @extends {Emitter<{change: null, own: null}>} */
export class Abreast extends Emitter {
  /** @type {Map<string, Mate>} by JID */
  mates = new Map();
  #pictures = part('pictures', HTMLElement);
  #pop = part('add', HTMLDetailsElement);
  #list = part('add-list', HTMLUListElement);

  /** @param {import('./place.js').Place} place @param {import('./player.js').Player} leader */
  constructor(place, leader) {
    super();
    this.place = place;
    this.leader = leader;
    this.#pop.addEventListener('toggle', () => this.#pop.open && this.#offer());
    this.#pop.hidden = place.cameras.size < 2;
  }

  /** Those that the address names. */
  begin() {
    for (const jid of new URLSearchParams(location.search).getAll(KEY)) this.add(jid);
  }

  /** @param {string} jid */
  add(jid) {
    const camera = this.place.cameras.get(jid);
    if (!camera || jid === this.leader.camera.jid || this.mates.has(jid) || this.mates.size >= MOST - 1) return;
    const mate = new Mate(this.place, camera, this.leader, () => this.#putAway(jid));
    this.mates.set(jid, mate);
    this.#pictures.append(mate.element);
    this.#changed();
  }

  /** @param {string} jid */
  remove(jid) {
    this.mates.get(jid)?.close();
    this.mates.delete(jid);
    this.#changed();
  }

  /** These and no others, as far as the person may see them: what somebody shows who is followed. @param {string[]} jids */
  show(jids) {
    for (const jid of this.mates.keys()) if (!jids.includes(jid)) this.remove(jid);
    for (const jid of jids) this.add(jid);
  }

  /** @param {boolean} looked */
  look(looked) {
    for (const mate of this.mates.values()) mate.look(looked);
  }

  #changed() {
    this.#pictures.dataset.count = String(this.mates.size + 1);
    const url = new URL(location.href);
    url.searchParams.delete(KEY);
    for (const jid of this.mates.keys()) url.searchParams.append(KEY, jid);
    history.replaceState(null, '', url);
    this.emit('change', null);
  }

  #offer() {
    const others = [...this.place.cameras.values()].filter(({ jid }) => jid !== this.leader.camera.jid && !this.mates.has(jid));
    const full = this.mates.size >= MOST - 1;
    const words = full ? t('{n} cameras are as many as fit. Put one away first.', { n: MOST }) : others.length ? '' : t('All your cameras are here.');
    replace(this.#list, ...others.map((camera) => this.#other(camera, full)), words && h('li', { class: 'muted' }, words));
  }

  /** @param {import('./api.js').Camera} camera @param {boolean} full there is no room for one more */
  #other({ jid, name, location_name: place, location }, full) {
    const beside = t('{camera} beside this one', { camera: name });
    const there = h('a', { class: 'btn btn--quiet', href: this.#pageOf(jid) }, icon('camera'), h('span', { class: 'others__name' }, name, h('small', { class: 'muted' }, place || location)));
    // The player goes on while the list is open.
    there.addEventListener('click', () => (there.href = this.#pageOf(jid)));
    return h('li', { class: 'others__one' }, there, h('button', { class: 'btn btn--quiet btn--icon', type: 'button', disabled: full, 'aria-label': beside, title: beside, onclick: () => this.#take(jid) }, icon('plus')));
  }

  /** A camera's page at the moment that is shown here. @param {string} jid */
  #pageOf(jid) {
    const { mode, at } = this.leader;
    return cameraPage(jid, mode === 'live' || Number.isNaN(at) ? null : iso(at));
  }

  /** On to the next camera of the wall, or back, at the same moment. @param {1 | -1} by */
  turn(by) {
    const all = [...this.place.cameras.keys()];
    const next = all.at((all.indexOf(this.leader.camera.jid) + by) % all.length);
    if (next && all.length > 1) location.assign(this.#pageOf(next));
  }

  /** @param {string} jid */
  #putAway(jid) {
    this.emit('own', null);
    this.remove(jid);
  }

  /** @param {string} jid */
  #take(jid) {
    this.#pop.open = false;
    this.emit('own', null);
    this.add(jid);
  }
}
