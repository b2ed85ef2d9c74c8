// Coverage as a picture: bands with a texture each, so that colour is never the only sign.

import { WORDS, bands, rangeWords, totals, within } from './coverage.js';
import { h, s } from './dom.js';
import { language } from './text.js';
import { duration } from './time.js';

/** @typedef {import('./coverage.js').Span} Span */
/** @typedef {import('./coverage.js').State} State */

/** Textures that all strips of a page use; put once into the body. */
export function textures() {
  return s('svg', { class: 'cov sr', 'aria-hidden': 'true' },
    s('defs', {},
      s('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(30)' },
        s('rect', { class: 'pending', width: 6, height: 6 }), s('path', { class: 'hatch', d: 'M0 0v6' })),
      s('pattern', { id: 'broken', width: 8, height: 64, patternUnits: 'userSpaceOnUse' }, s('rect', { class: 'lost', width: 6, height: 64 })),
      s('pattern', { id: 'dots', width: 6, height: 6, patternUnits: 'userSpaceOnUse' }, s('circle', { class: 'unknown', cx: 3, cy: 3, r: 1 }))));
}

/** The shape of one band. @param {State} state @param {number} x @param {number} width in percent */
export function shape(state, x, width) {
  const place = { x: `${x}%`, width: `${width}%`, height: '100%' };
  switch (state) {
    case 'stored': return s('rect', { class: 'stored', ...place });
    case 'on_camera': return s('rect', { fill: 'url(#hatch)', ...place });
    case 'lost': return s('rect', { fill: 'url(#broken)', ...place });
    case 'off': return s('line', { class: 'off', x1: `${x}%`, x2: `${x + width}%`, y1: '50%', y2: '50%' });
    case 'unknown': return s('rect', { fill: 'url(#dots)', ...place });
  }
}

/** Draws a range into a strip and tells it in words. @param {SVGElement} strip @param {Span[]} spans @param {number} from @param {number} to @param {string} name */
export function draw(strip, spans, from, to, name) {
  const shapes = bands(spans, from, to).map(({ state, x, width }) => shape(state, x, width));
  strip.replaceChildren(s('rect', { class: 'bed', width: '100%', height: '100%' }), ...shapes);
  strip.setAttribute('aria-label', `${name}: ${rangeWords(within(spans, from, to))}`);
}

/** Legend and sums in one. `share`: of many cameras, whose hours together would say nothing. @param {HTMLUListElement} list @param {Span[]} spans @param {{share?: boolean}} [how] */
export function ledger(list, spans, { share = false } = {}) {
  const sums = totals(spans);
  const shown = /** @type {State[]} */ (['stored', 'on_camera', 'off', 'lost']).filter((state) => state === 'stored' || sums[state] > 0);
  list.replaceChildren(...shown.map((state) => h('li', {}, swatch(state), h('span', {}, `${WORDS[state]} `, h('b', {}, share && state === 'stored' ? storedShare(sums) : duration(sums[state]))))));
}

/** "97.4 %" of what was to be recorded; never rounded up to all. @param {Record<State, number>} sums */
export function storedShare({ stored, on_camera, lost }) {
  const wanted = stored + on_camera + lost;
  if (!wanted) return '0 %';
  const share = stored / wanted;
  return `${(share === 1 ? 100 : Math.min(99.9, Math.floor(share * 1000) / 10)).toLocaleString(language)} %`;
}

/** @param {State} state */
export function swatch(state) {
  return s('svg', { class: 'swatch cov', 'aria-hidden': 'true' }, s('rect', { class: 'bed', width: '100%', height: '100%' }), shape(state, 0, 100));
}
