// People are round, cameras are square; a state is an icon and a word.

import { h, icon, replace } from './dom.js';
import { initials } from './place.js';
import { t } from './text.js';

const SHOWN = 3;

/** @param {string} name @param {string} [size] */
export function face(name, size = '') {
  return h('span', { class: size ? `face face--${size}` : 'face', 'aria-hidden': 'true' }, initials(name));
}

export function cameraFace() {
  return h('span', { class: 'face face--camera', 'aria-hidden': 'true' }, icon('camera'));
}

/** @param {{state: string, icon: string, word: string}} condition */
export function state({ state: name, icon: picture, word }) {
  return h('span', { class: 'state', 'data-state': name }, icon(picture), word);
}

/** Who watches, by face and in words. @param {HTMLElement} element @param {import('./place.js').Place} place @param {string[]} watchers bare JIDs */
export function watchers(element, place, watchers) {
  const names = watchers.map((jid) => place.nameOf(jid));
  const words = watchers.map((jid) => (jid === place.me?.jid ? t('you') : place.nameOf(jid)));
  element.hidden = names.length === 0;
  if (!names.length) return replace(element);
  const more = names.length - SHOWN;
  const said = t('Watched by {names}', { names: words.join(', ') });
  element.title = said;
  replace(element, icon('eye'), h('span', { class: 'sr' }, said),
    h('span', { class: 'watchers__faces' }, ...names.slice(0, SHOWN).map((name) => face(name, 'sm')), more > 0 && h('span', { class: 'face face--sm', 'aria-hidden': 'true' }, `+${more}`)));
}
