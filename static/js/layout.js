// How the wall is laid out, full screen, and the keys that go from camera to camera.

import { part } from './dom.js';
import { fit } from './fit.js';

const KEY = 'ucam.layout';
/** Cameras in a row; `auto`: all of them on one screen, if they fit. */
const LAYOUTS = ['auto', '1', '2', '3', '4', '6'];
/** On less, the style sheet alone decides. */
const DESK = 640;
/** Below the wall and beside it, px; between tiles; a place's head; a picture's strip and words. */
const EDGE = 16;
const GAP = 12;
const HEAD = 32;
const FOOT = 64;

export class Layout {
  #arranged = '';

  /** @param {HTMLElement} wall */
  constructor(wall) {
    this.wall = wall;
    const choice = part('layout', HTMLSelectElement);
    const kept = localStorage.getItem(KEY) ?? 'auto';
    choice.value = LAYOUTS.includes(kept) ? kept : 'auto';
    choice.addEventListener('change', () => this.#set(choice.value));
    this.#set(choice.value);
    // It sees the cameras come, the room's panel open and the window change.
    new ResizeObserver(() => this.#arrange()).observe(wall);
    addEventListener('resize', () => this.#arrange());
    const full = part('wall-full', HTMLButtonElement);
    full.addEventListener('click', () => void this.fullscreen());
    full.hidden = !document.fullscreenEnabled;
    document.addEventListener('fullscreenchange', () => full.setAttribute('aria-pressed', String(Boolean(document.fullscreenElement))));
    document.addEventListener('keydown', (event) => this.#key(event));
  }

  /** The wall alone on the screen, or no longer. */
  async fullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await part('main', HTMLElement).requestFullscreen();
  }

  /** @param {string} layout */
  #set(layout) {
    this.wall.dataset.columns = layout;
    localStorage.setItem(KEY, layout);
    this.#arrange();
  }

  /** Every camera to its place; nothing is touched while nothing has changed. */
  #arrange() {
    const places = [...this.wall.children].filter((place) => place instanceof HTMLElement && !place.ariaBusy);
    const tiles = places.map((place) => /** @type {HTMLElement[]} */ ([...place.querySelectorAll('.tile')]));
    const counts = tiles.map(({ length }) => length);
    const screen = this.#screen();
    const key = JSON.stringify([counts, screen, this.wall.dataset.columns]);
    if (key === this.#arranged) return;
    this.#arranged = key;
    const fits = this.wall.clientWidth >= DESK && counts.every(Boolean) && counts.length > 0;
    this.wall.toggleAttribute('data-fit', fits);
    if (!fits) return;
    const { stands, picture } = fit(counts, screen, Number(this.wall.dataset.columns) || undefined);
    this.wall.style.setProperty('--picture', `${Math.floor(picture)}px`);
    stands.forEach(({ rows, share, abreast }, n) => {
      const { style } = /** @type {HTMLElement} */ (places[n]);
      style.setProperty('--share', String(share));
      style.setProperty('--abreast', String(abreast));
      const each = rows.flatMap((row) => Array(row.tiles).fill(row));
      tiles[n].forEach((tile, m) => {
        tile.style.setProperty('--in-row', each[m].tiles);
        tile.toggleAttribute('data-lies', each[m].lies);
      });
    });
  }

  /** Room for the wall, the same with a scroll bar and without. @returns {import('./fit.js').Screen} */
  #screen() {
    const bar = innerWidth - document.documentElement.clientWidth;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    return { width: this.wall.clientWidth + bar - EDGE, height: innerHeight - this.wall.offsetTop - EDGE, gap: GAP * rem, head: HEAD * rem, foot: FOOT * rem };
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof HTMLElement)) return;
    if (target.closest('input, textarea, select, details[open], dialog, .panel')) return;
    if (key === 'f') void this.fullscreen();
    else if (/^[1-9]$/.test(key)) this.#links()[Number(key) - 1]?.focus();
    else if (!key.startsWith('Arrow') || !this.#move(key)) return;
    event.preventDefault();
  }

  /** @returns {HTMLAnchorElement[]} */
  #links() {
    return [...this.wall.querySelectorAll('a')].filter((link) => link.classList.contains('tile__link'));
  }

  /** Focus to the next camera in that direction, as the eye sees it. @param {string} key */
  #move(key) {
    const links = this.#links();
    const from = links.find((link) => link === document.activeElement);
    if (!from) return Boolean(links[0]?.focus() ?? links.length);
    const here = centre(from);
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
    const far = (/** @type {HTMLElement} */ link) => {
      const { x, y } = centre(link);
      const along = (x - here.x) * dx + (y - here.y) * dy;
      const across = Math.abs((x - here.x) * dy) + Math.abs((y - here.y) * dx);
      return along > 10 ? along + across * 3 : Infinity;
    };
    const best = links.reduce((a, b) => (far(b) < far(a) ? b : a));
    if (far(best) < Infinity) best.focus();
    return true;
  }
}

/** @param {HTMLElement} link */
function centre(link) {
  const { left, top, width, height } = (link.closest('.tile') ?? link).getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}
