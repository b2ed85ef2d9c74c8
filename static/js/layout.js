// How the wall is laid out, full screen, and the keys that go from camera to camera.

import { part } from './dom.js';

const KEY = 'ucam.layout';
/** Cameras in a row; `auto`: as many as fit well. */
const LAYOUTS = ['auto', '1', '2', '3', '4', '6'];

export class Layout {
  /** @param {HTMLElement} wall */
  constructor(wall) {
    this.wall = wall;
    const choice = part('layout', HTMLSelectElement);
    const kept = localStorage.getItem(KEY) ?? 'auto';
    choice.value = LAYOUTS.includes(kept) ? kept : 'auto';
    choice.addEventListener('change', () => this.#set(choice.value));
    this.#set(choice.value);
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
