// The door that a guest link opens: the secret stands behind the #, which no server and no log gets to see.

import { ApiError, answerOf, bodyOf } from '../answer.js';
import { getCameras, getMe, cameraPage } from '../api.js';
import { h, icon, part, replace, setText } from '../dom.js';
import { t } from '../text.js';
import { becomeGuest, forget, isGuest, keep, signedIn } from '../token.js';
import { moment, parse } from '../time.js';

const title = part('door-title', HTMLElement);
const words = part('door-words', HTMLElement);
const doing = part('door-do', HTMLElement);

/** Not asked of the server yet: it stands in the address no more. */
let secret = '';

async function enter() {
  secret = location.hash.slice(1) || secret;
  if (secret) {
    history.replaceState(null, '', '/guest/');
    const answer = await answerOf('/api/guest/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ link: secret }), referrerPolicy: 'no-referrer' });
    const tokens = await bodyOf(() => answer.json());
    secret = '';
    becomeGuest();
    keep(tokens);
  }
  if (!isGuest() || !signedIn()) return over(t('This page opens with a guest link'), t('Open the link that you were given. If it brought you here, it is over or was taken back.'));
  const [me, cameras] = await Promise.all([getMe(), getCameras()]);
  if (!me.guest) return over(t('This page opens with a guest link'), '');
  show(me, cameras);
}

/** @param {import('../api.js').Me} me @param {import('../api.js').Camera[]} cameras */
function show(me, cameras) {
  const now = Date.now();
  const { made_by: host, live, from, to, until } = /** @type {NonNullable<typeof me.guest>} */ (me.guest);
  setText(title, t('Welcome, {name}', { name: me.name }));
  const range = from && to ? t('recordings from {from} to {to}', { from: moment(parse(from), now), to: moment(parse(to), now) }) : '';
  replace(words, h('p', {}, t('{who} lets you see {what}, until {time}.', { who: host, what: [live ? t('live pictures') : '', range].filter(Boolean).join(', '), time: moment(parse(until), now) })),
    h('p', { class: 'field__hint' }, t('What you look at is written down.')));
  const at = live ? null : from;
  replace(doing, ...cameras.map(({ jid, name, location_name: place }) => h('a', { class: 'btn btn--big', href: cameraPage(jid, at) }, icon('camera'), `${name}, ${place}`)),
    cameras.length > 1 ? h('a', { class: 'btn btn--quiet full', href: '/' }, t('All of them')) : null,
    cameras.length ? null : h('p', {}, t('None of these cameras may be seen any more. Ask {who}.', { who: host })));
}

/** @param {string} what @param {string} why */
function over(what, why) {
  setText(title, what);
  replace(words, why ? h('p', {}, why) : null);
  replace(doing, h('a', { class: 'btn btn--quiet full', href: '/sign-in/', onclick: leave }, t('I have an account here')));
}

/** The tab is nobody's again. */
function leave() {
  sessionStorage.clear();
}

/** @param {unknown} error */
function refused(error) {
  if (!(error instanceof ApiError)) throw error;
  if (isGuest() && (error.status === 401 || error.code === 'guest_over')) forget();
  const gone = error.code === 'guest_over' || error.status === 401;
  if (gone) secret = '';
  over(gone ? t('This link is over') : t('That did not work'), gone ? t('It ended, or was taken back. Ask whoever gave it to you for a new one.') : `${error.message} ${error.hint}`);
  if (!gone) doing.prepend(h('button', { class: 'btn btn--primary btn--big', type: 'button', onclick: () => void enter().catch(refused) }, icon('refresh'), t('Try again')));
}

// A link that is opened in a tab that stands here already changes only what is behind the #.
addEventListener('hashchange', () => void enter().catch(refused));
enter().catch(refused);
