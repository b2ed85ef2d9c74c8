// Parts of the pages with settings: a titled section, a box to tick, a field with its label.

import { h } from './dom.js';

/** @param {string} id @param {string} title @param {string} words @param {...import('./dom.js').Child} children */
export function section(id, title, words, ...children) {
  return h('section', { id, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), h('p', {}, words), ...children);
}

/** @param {string} words @param {boolean} on @param {(on: boolean) => void} change */
export function check(words, on, change) {
  const box = h('input', { type: 'checkbox', checked: on });
  box.addEventListener('change', () => change(box.checked));
  return h('label', { class: 'check' }, box, words);
}

/** @param {string} id @param {string} label @param {HTMLElement} input @param {string} [hint] */
export function field(id, label, input, hint) {
  return h('div', { class: 'field' }, h('label', { class: 'field__label', for: id }, label), input, hint ? h('p', { class: 'field__hint' }, hint) : null);
}
