// The keys of a page on a sheet, for who presses ? or looks into the menu.

import { h, icon } from './dom.js';
import { t } from './text.js';

/** @typedef {[string, string]} Key keys as they are labelled, what they do */

/** @param {Key[]} keys */
export function offerKeys(keys) {
  const sheet = h('dialog', { class: 'sheet', 'aria-labelledby': 'keys-title' },
    h('form', { class: 'stack', method: 'dialog' }, h('h2', { id: 'keys-title' }, t('Keys')),
      h('dl', { class: 'keys' }, ...[...keys, /** @type {Key} */ (['?', t('this list')])].flatMap(([key, words]) => [h('dt', {}, ...key.split(' ').map((one) => h('kbd', {}, one))), h('dd', {}, words)])),
      h('div', { class: 'row' }, h('button', { class: 'btn', type: 'submit' }, icon('close'), t('Close')))));
  document.body.append(sheet);
  const show = () => sheet.open || sheet.showModal();
  document.addEventListener('keydown', ({ key, target }) => {
    if (key === '?' && !(target instanceof HTMLElement && target.closest('input:not([type=range]), textarea, select, dialog'))) show();
  });
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-do="keys"]'))) {
    button.hidden = false;
    button.addEventListener('click', show);
  }
}
