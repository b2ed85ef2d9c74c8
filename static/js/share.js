// A link to what stands on the page, handed over the way the device does it: its own sheet on a phone, the clipboard, else to be copied by hand.

import { h, icon, replace, setIcon } from './dom.js';
import { t } from './text.js';
import { iso } from './time.js';

const TOLD_FOR_MS = 2500;

/** The page's address with an instant, or with a range, and with the cameras beside. @param {{at: number, until?: number}} what at NaN: live */
export function linkTo({ at, until = NaN }) {
  const url = new URL(location.href);
  url.hash = '';
  for (const [name, ms] of /** @type {[string, number][]} */ ([['at', at], ['until', until]])) {
    if (Number.isNaN(ms)) url.searchParams.delete(name);
    else url.searchParams.set(name, iso(ms));
  }
  return url.href;
}

/** A button that hands over a link. @param {HTMLButtonElement} button with a picture in it @param {() => string} link @param {string} title */
export function shares(button, link, title) {
  const picture = /** @type {SVGElement} */ (button.querySelector('.icon'));
  const told = h('span', { class: 'sr', role: 'status' });
  button.after(told);
  button.addEventListener('click', async () => {
    if (!(await handOver(link(), title))) return;
    setIcon(picture, 'check');
    told.textContent = t('Link copied');
    setTimeout(() => {
      setIcon(picture, 'share');
      told.textContent = '';
    }, TOLD_FOR_MS);
  });
}

/** True when the link is in the clipboard. @param {string} url @param {string} title */
async function handOver(url, title) {
  try {
    if (matchMedia('(pointer: coarse)').matches && navigator.share) {
      await navigator.share({ title, url });
      return false;
    }
    await navigator.clipboard.writeText(url);
    return true;
  } catch (error) {
    // Without https there is neither sheet nor clipboard; a browser may refuse; or the person closed the sheet.
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    if (error.name !== 'AbortError') byHand(url);
    return false;
  }
}

/** @param {string} url */
function byHand(url) {
  const field = h('input', { class: 'input', type: 'text', readonly: true, value: url, 'aria-label': t('Link') });
  const sheet = h('dialog', { class: 'sheet', 'aria-label': t('Link') });
  replace(sheet, h('form', { class: 'stack', method: 'dialog' }, h('p', { class: 'support' }, t('Copy this link; it opens the camera at this moment for whoever may see it.')), field,
    h('div', { class: 'row' }, h('button', { class: 'btn', type: 'submit' }, icon('close'), t('Close')))));
  sheet.addEventListener('close', () => sheet.remove());
  document.body.append(sheet);
  sheet.showModal();
  field.select();
}
