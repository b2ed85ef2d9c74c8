// The wall: every camera this person may watch, by place, with the room beside it.

import { ApiError } from '../answer.js';
import { cameraPath, get } from '../api.js';
import { Attention } from '../attention.js';
import { Conversation } from '../chat.js';
import { Composer } from '../composer.js';
import { conditionOf, summary } from '../condition.js';
import { readSpans } from '../coverage.js';
import { h, icon, part, replace, setText } from '../dom.js';
import { loadInto, start } from '../frame.js';
import { offerKeys } from '../keys.js';
import { Layout } from '../layout.js';
import { keepPeople } from '../roster.js';
import { ledger } from '../strip.js';
import { t } from '../text.js';
import { Tile } from '../tile.js';
import { HOUR, iso } from '../time.js';

/** @typedef {import('../place.js').Place} Place */
/** @typedef {import('../coverage.js').Span} Span */

const COVER_EVERY_MS = 60_000;

class Wall {
  /** @type {Map<string, Tile>} by JID */
  tiles = new Map();
  /** @type {Map<string, HTMLElement>} line of each place by domain */
  lines = new Map();
  /** @type {Map<string, HTMLElement>} tiles of each place by domain */
  lists = new Map();
  /** @type {Map<string, Span[]>} */
  spans = new Map();
  attention = new Attention();
  #covering = false;
  body = part('wall', HTMLElement);

  /** @param {Place} place */
  constructor(place) {
    this.place = place;
    place.on('loaded', () => this.#arrange());
    place.on('camera', (camera) => this.#changed(camera));
    place.on('people', () => this.tiles.forEach((tile) => tile.render()));
  }

  async load() {
    await this.place.load();
    await this.cover();
  }

  /** A tile for each camera, by place. Those that stand there stay where they are: a picture that is moved would stop. */
  #arrange() {
    const cameras = [...this.place.cameras.values()];
    for (const [jid, tile] of this.tiles) if (!this.place.cameras.has(jid)) this.#takeAway(jid, tile);
    if (!cameras.length) return replace(this.body, this.#empty());
    if (!this.tiles.size) replace(this.body);
    for (const camera of cameras) if (!this.tiles.has(camera.jid)) this.#listOf(camera).append(this.#tile(camera));
    this.#summaries();
  }

  /** Not the person's any more. @param {string} jid @param {Tile} tile */
  #takeAway(jid, tile) {
    tile.close();
    this.attention.forget(tile.element);
    const place = tile.element.closest('section');
    tile.element.remove();
    this.tiles.delete(jid);
    this.spans.delete(jid);
    if (place?.querySelector('.tile')) return;
    place?.remove();
    this.lists.delete(tile.camera.location);
    this.lines.delete(tile.camera.location);
  }

  /** Coverage of the last 24 hours, one camera after the other: the wall is usable long before. One round at a time. */
  async cover() {
    if (this.#covering) return;
    this.#covering = true;
    await this.#cover().finally(() => (this.#covering = false));
  }

  async #cover() {
    const to = this.place.room.now();
    const from = to - 24 * HOUR;
    for (const [jid, tile] of this.tiles) {
      if (!tile.still.allowed) {
        tile.strip.setAttribute('aria-label', t('Last 24 hours: recordings are not yours to see'));
        continue;
      }
      try {
        const spans = readSpans(await get(cameraPath(jid, `coverage/?from=${encodeURIComponent(iso(from))}&to=${encodeURIComponent(iso(to))}`)));
        this.spans.set(jid, spans);
        tile.cover(spans, from, to);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        tile.strip.setAttribute('aria-label', t('Last 24 hours: not known just now'));
      }
    }
    if (this.spans.size) ledger(part('ledger', HTMLUListElement), [...this.spans.values()].flat(), { share: true });
  }

  /** Times in words go on. */
  tick() {
    for (const tile of this.tiles.values()) tile.render();
    this.#summaries();
  }

  /** @param {import('../api.js').Camera} camera */
  #tile(camera) {
    const tile = new Tile(this.place, camera);
    this.tiles.set(camera.jid, tile);
    this.attention.watch(tile.element, (looked) => tile.look(looked));
    return tile.element;
  }

  /** The tiles of its place, which is made when it is the first one there. @param {import('../api.js').Camera} camera */
  #listOf({ location, location_name }) {
    const known = this.lists.get(location);
    if (known) return known;
    const [line, list, id] = [h('p', {}), h('ul', { class: 'tiles' }), `place-${location}`];
    this.lines.set(location, line);
    this.lists.set(location, list);
    this.body.append(h('section', { class: 'place', 'aria-labelledby': id }, h('header', { class: 'place__head' }, h('h2', { id }, location_name || location), line), list));
    return list;
  }

  /** @param {import('../api.js').Camera} camera */
  #changed(camera) {
    this.tiles.get(camera.jid)?.changed();
    this.#summaries();
  }

  #summaries() {
    const now = this.place.room.now();
    const all = [...this.place.cameras.values()].map((camera) => ({ location: camera.location, condition: conditionOf(camera, now) }));
    for (const [location, line] of this.lines) setText(line, summary(all.filter((one) => one.location === location).map(({ condition }) => condition)));
    const fine = all.filter(({ condition }) => condition.state === 'recording').length;
    replace(part('truth', HTMLElement), h('span', {}, h('strong', {}, t('{n} of {all} recording.', { n: fine, all: all.length })), fine === all.length ? '' : ` ${summary(all.map(({ condition }) => condition).filter(({ state }) => state !== 'recording'))}.`));
  }

  #empty() {
    const { me } = this.place;
    const words = me?.operator
      ? h('p', {}, t('Add a place, then a camera, in the administration. It makes the card for a new Raspberry Pi, or one line for a Pi that runs already.'))
      : h('p', {}, t('Whoever looks after the cameras has not given you one to watch yet. Ask them for a place.'));
    return h('div', { class: 'empty' }, icon('camera'), h('h2', {}, me?.operator ? t('Add your first camera') : t('No cameras for you yet')), words,
      me?.operator ? h('a', { class: 'btn btn--primary', href: '/admin/' }, t('Open the administration')) : null);
  }
}

function panel() {
  const panelPart = part('panel', HTMLElement);
  const toggle = part('panel-toggle', HTMLButtonElement);
  const set = (/** @type {boolean} */ open) => {
    panelPart.toggleAttribute('data-collapsed', !open);
    toggle.setAttribute('aria-expanded', String(open));
    localStorage.setItem('ucam.panel', open ? 'open' : 'closed');
  };
  toggle.addEventListener('click', () => set(panelPart.hasAttribute('data-collapsed')));
  set(localStorage.getItem('ucam.panel') !== 'closed');
}

const page = start();
if (page) {
  const wall = new Wall(page.place);
  new Layout(wall.body);
  offerKeys([['← → ↑ ↓', t('from camera to camera')], ['1 … 9', t('to that camera')], ['Enter', t('open it')], ['F', t('full screen')]]);
  panel();
  keepPeople(page.place, { list: part('people', HTMLUListElement), faces: part('people-faces', HTMLElement), count: part('people-count', HTMLElement) });
  new Conversation({ log: part('room-log', HTMLElement), list: part('room-list', HTMLOListElement) }, page);
  new Composer(part('say-form', HTMLFormElement), page);
  page.unread.on('count', (count) => {
    const badge = part('panel-unread', HTMLElement);
    badge.hidden = count === 0;
    setText(badge, String(count));
    badge.setAttribute('aria-label', t('{n} unread', { n: count }));
  });
  void loadInto(wall.body, () => wall.load());
  setInterval(() => document.visibilityState === 'visible' && void wall.cover(), COVER_EVERY_MS);
  setInterval(() => wall.tick(), 10_000);
}
