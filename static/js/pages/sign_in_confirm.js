// One press uses the link up and signs this device in. Opening the page has done nothing yet: mail scanners open links.

import { ApiError, answerOf } from '../answer.js';
import { part, setText } from '../dom.js';
import { samePath } from '../path.js';
import { t } from '../text.js';
import { keep } from '../token.js';

const link = decodeURIComponent(location.pathname.split('/').filter(Boolean).at(-1) ?? '');
const next = samePath(new URLSearchParams(location.search).get('next'));
const form = part('confirm', HTMLFormElement);
const button = part('confirm-button', HTMLButtonElement);

/** @type {Record<string, [string, string]>} */
const WORDS = {
  link_used: [t('This link is used up'), t('A link works once, so that a forwarded mail opens nothing. It was not you who used it? Tell whoever looks after the cameras; they can sign that device out.')],
  link_expired: [t('This link is too old'), t('A link works for ten minutes. Ask for a new one; it is in your mail in a moment.')],
  link_invalid: [t('This link is not whole'), t('Perhaps the mail program cut it in two. Copy all of it, or ask for a new one.')],
};

/** @param {ApiError} error */
function show(error) {
  const known = WORDS[error.code];
  if (!known && error.status < 400) {
    // The link is still good: only the way to the server was not.
    setText(part('confirm-error', HTMLElement), error.message);
    part('confirm-error', HTMLElement).hidden = false;
    button.disabled = false;
    return;
  }
  setText(part('over-title', HTMLElement), known?.[0] ?? t('That did not work'));
  setText(part('over-words', HTMLElement), known?.[1] ?? `${error.message} ${error.hint}`.trim());
  form.closest('section')?.setAttribute('hidden', '');
  part('over', HTMLElement).hidden = false;
  part('over-title', HTMLElement).focus();
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    const response = await answerOf('/api/token/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ link }), referrerPolicy: 'no-referrer' });
    const answer = await response.json();
    keep(answer);
    location.replace(typeof answer.next === 'string' ? samePath(answer.next) : next);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(error);
  }
});
