// Asks for the address; the answer is the same whether it is known or not.

import { ApiError, answerOf } from '../answer.js';
import { h, icon, part, replace, setText } from '../dom.js';
import { samePath } from '../path.js';
import { t } from '../text.js';
import { signedIn } from '../token.js';

const AGAIN_AFTER_S = 45;
const next = samePath(new URLSearchParams(location.search).get('next'));
const form = part('address', HTMLFormElement);
const input = part('email', HTMLInputElement);
const error = part('email-error', HTMLElement);
const send = part('send', HTMLButtonElement);
const again = part('again', HTMLButtonElement);

/** @param {string} words */
function complain(words) {
  error.hidden = !words;
  replace(error, words && icon('warning'), words);
  input.toggleAttribute('aria-invalid', Boolean(words));
  if (words) input.setAttribute('aria-invalid', 'true');
}

/** @param {string} email */
function mistake(email) {
  if (!email) return t('Type your e-mail address. The link goes there.');
  if (!email.includes('@')) return t('There is no @ in this address. It looks like ana@example.com.');
  return input.validity.valid ? '' : t('This is no e-mail address. It looks like ana@example.com.');
}

/** @param {boolean} sent */
function show(sent) {
  part('start', HTMLElement).hidden = sent;
  part('sent', HTMLElement).hidden = !sent;
  (sent ? part('sent-title', HTMLElement) : input).focus();
}

function countDown() {
  let left = AGAIN_AFTER_S;
  again.disabled = true;
  const tick = () => {
    again.disabled = left > 0;
    setText(again, left > 0 ? t('Send again in {n} s', { n: left }) : t('Send again'));
    if (left-- > 0) setTimeout(tick, 1000);
  };
  tick();
}

async function ask() {
  const email = input.value.trim();
  complain(mistake(email));
  if (mistake(email)) return input.focus();
  send.disabled = true;
  try {
    await answerOf('/api/sign-in/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(next === '/' ? { email } : { email, next }) });
    replace(part('sent-to', HTMLElement), email);
    show(true);
    countDown();
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    show(false);
    complain(problem.hint ? `${problem.message} ${problem.hint}` : problem.message);
  } finally {
    send.disabled = false;
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void ask();
});
again.addEventListener('click', () => void ask());
part('other', HTMLButtonElement).addEventListener('click', () => show(false));
if (signedIn()) part('already', HTMLElement).replaceChildren(h('a', { class: 'btn full', href: next }, t('You are signed in here. Go to the cameras')));
