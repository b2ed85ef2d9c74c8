// Stops the weekly letter by the link that stands in it. Opening the page does nothing yet: mail scanners open links.

import { ApiError, answerOf } from '../answer.js';
import { h, part, replace, setText } from '../dom.js';
import { t } from '../text.js';

const key = location.hash.slice(1);
const words = part('door-words', HTMLElement);
const doing = part('door-do', HTMLElement);
const stop = h('button', { class: 'btn btn--primary btn--big', type: 'button' }, t('Stop the letter'));

stop.addEventListener('click', async () => {
  stop.disabled = true;
  try {
    await answerOf('/api/letter/stop/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ key }), referrerPolicy: 'no-referrer' });
    setText(part('door-title', HTMLElement), t('It comes no more'));
    replace(words, h('p', {}, t('Under Notifications you can have it again.')));
    replace(doing);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    stop.disabled = false;
    replace(words, h('p', { role: 'alert' }, `${error.message} ${t('You can also switch it off under Notifications.')}`));
  }
});
replace(words, h('p', {}, t('On Monday mornings it tells how the week of your cameras was. Shall it come no more?')));
replace(doing, stop, h('a', { class: 'btn btn--quiet full', href: '/notifications/' }, t('No, let me choose what comes')));
