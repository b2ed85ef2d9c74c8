// One press uses the link up and signs this device in; who has a passkey uses it then. Opening the page has done nothing yet: mail scanners open links.

import { ApiError, answerOf, bodyOf } from '../answer.js';
import { part, setText } from '../dom.js';
import { use } from '../passkey.js';
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
  passkey_refused: [t('That was not your passkey'), t('It belongs to another address or another site. Ask for a new link, and use a passkey of yours.')],
  passkey_copied: [t('This passkey was not accepted'), t('It has counted backwards, as a copy would. Use another one, and tell whoever looks after the cameras.')],
  passkey_over: [t('That took too long'), t('A passkey is asked for once, for five minutes. Ask for a new link.')],
  link_invalid: [t('This link is not whole'), t('Perhaps the mail program cut it in two. Copy all of it, or ask for a new one.')],
};

/** The way is still open. @param {'confirm' | 'prove'} where @param {string} words */
function again(where, words) {
  setText(part(`${where}-error`, HTMLElement), words);
  part(`${where}-error`, HTMLElement).hidden = false;
  part(`${where}-button`, HTMLButtonElement).disabled = false;
}

/** @param {string} title @param {string} words */
function over(title, words) {
  setText(part('over-title', HTMLElement), title);
  setText(part('over-words', HTMLElement), words);
  turnTo('over');
}

/** @param {'factor' | 'over'} card */
function turnTo(card) {
  for (const other of document.querySelectorAll('.door__card')) /** @type {HTMLElement} */ (other).hidden = other.id !== card;
  part(`${card}-title`, HTMLElement).focus();
}

/** @param {ApiError} error */
function show(error) {
  const known = WORDS[error.code];
  if (known) over(...known);
  // The link is still good: only the way to the server was not.
  else if (error.status < 400 || error.status === 429 || error.status > 500) again('confirm', error.message);
  else over(t('That did not work'), `${error.message} ${error.hint}`.trim());
}

/** @param {string} path @param {Record<string, any>} body */
function send(path, body) {
  return answerOf(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), referrerPolicy: 'no-referrer' });
}

/** @param {Response} response */
async function enter(response) {
  const answer = await bodyOf(() => response.json());
  keep(answer);
  location.replace(typeof answer.next === 'string' ? samePath(answer.next) : next);
}

/** The second half: the passkey, then what it says to the server. @param {import('../passkey.js').Asked} asked */
function askForPasskey({ ticket, options }) {
  /** @type {Record<string, any> | null} */
  let credential = null;
  const go = async () => {
    part('prove-button', HTMLButtonElement).disabled = true;
    part('prove-error', HTMLElement).hidden = true;
    try {
      credential ??= await use(options);
      await enter(await send('/api/token/passkey/', { ticket, credential }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const known = WORDS[error.code];
      if (known) over(...known);
      else again('prove', `${error.message} ${error.hint}`.trim());
    }
  };
  part('prove', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    void go();
  });
  turnTo('factor');
  void go();
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    const response = await send('/api/token/', { link });
    if (response.status === 202) askForPasskey(await bodyOf(() => response.json()));
    else await enter(response);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(error);
  }
});
