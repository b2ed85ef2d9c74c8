// What all signed-in pages share: the room connection, who I am, badges, the notice of a lost connection, signing out.

import { ApiError } from './answer.js';
import { mustBeSignedIn, patch, toSignIn } from './api.js';
import { h, icon, part, replace, setText } from './dom.js';
import { offerInstall, register } from './install.js';
import { initials, Place } from './place.js';
import { Room } from './room.js';
import { textures } from './strip.js';
import { language, t } from './text.js';
import { isGuest, signOut } from './token.js';
import { openAlerts } from './alerts.js';
import { Invitations, goAlong } from './follow.js';
import { Unread } from './unread.js';

const PATIENCE_MS = 1500;
const YEAR_S = 365 * 24 * 3600;

/**
 * Starts a page; null when nobody is signed in (the page is then being left).
 * @returns {{room: Room, place: Place, unread: Unread, invitations: Invitations} | null}
 */
export function start() {
  if (isGuest()) document.documentElement.dataset.guest = '';
  if (!mustBeSignedIn()) return null;
  const room = new Room();
  const place = new Place(room);
  const unread = new Unread(room, place);
  const invitations = new Invitations(place);
  document.body.append(textures());
  tellRoom(room);
  badges(room, unread);
  menu(place);
  offerInstall();
  void register();
  room.on('signed_out', toSignIn);
  addEventListener('pagehide', () => room.close());
  addEventListener('pageshow', () => room.start());
  room.start();
  if (!document.getElementById('stage')) invitations.on('follow', goAlong);
  return { room, place, unread, invitations };
}

/** Loads what the page needs, and shows an error with a way out instead of an empty page. @param {HTMLElement} where @param {() => Promise<void>} load */
export async function loadInto(where, load) {
  try {
    await load();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) replace(where, problem(error, () => void loadInto(where, load)));
  }
}

/** An error in words with what can be done. @param {ApiError} error @param {(() => void) | null} again */
export function problem(error, again) {
  return h('div', { class: 'notice', 'data-kind': 'lost', role: 'alert' }, icon('warning'),
    h('div', { class: 'stack' }, h('div', {}, h('h2', {}, error.message), error.hint ? h('p', {}, error.hint) : null),
      again && h('p', {}, h('button', { class: 'btn', type: 'button', onclick: again }, icon('refresh'), t('Try again')))));
}

/** @param {Room} room */
function tellRoom(room) {
  const root = document.documentElement;
  const notice = part('connection', HTMLElement);
  const words = part('connection-words', HTMLElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let telling;
  const tell = () => {
    root.dataset.room = room.state;
    clearTimeout(telling);
    if (room.state === 'open') notice.hidden = true;
    // A blink of the network is no news.
    else telling = setTimeout(() => show(), PATIENCE_MS);
  };
  const show = () => {
    const away = navigator.onLine ? t('The server cannot be reached.') : t('You are offline.');
    replace(words, h('strong', {}, away), ' ', h('span', { class: 'support' }, `${t('The cameras go on recording.')} ${room.reason || t('This page comes back by itself.')}`));
    notice.hidden = false;
  };
  room.on('state', tell);
  part('connection-retry', HTMLButtonElement).addEventListener('click', () => room.retryNow());
  tell();
}

/** @param {Room} room @param {Unread} unread */
function badges(room, unread) {
  /** @param {string} name @param {number} count @param {string} word */
  const show = (name, count, word) => {
    const badge = part(`badge-${name}`, HTMLElement);
    badge.hidden = count === 0;
    setText(badge, count > 99 ? '99+' : String(count));
    setText(part(`badge-${name}-words`, HTMLElement), count ? `, ${count} ${word}` : '');
  };
  unread.on('count', (count) => show('room', count, t('unread')));
  openAlerts(room, (open) => show('alerts', open.filter(({ state }) => state === 'raised').length, t('open')));
}

/** @param {Place} place */
function menu(place) {
  place.on('loaded', () => {
    const { me } = place;
    if (!me) return;
    if (!me.language && !isGuest()) void told(language);
    const name = me.name || me.email;
    for (const who of document.querySelectorAll('[data-me="face"]')) setText(who, initials(name));
    for (const who of document.querySelectorAll('[data-me="name"]')) setText(who, name);
    for (const who of document.querySelectorAll('[data-me="email"]')) setText(who, me.email);
    const looksAfter = me.operator || me.places.some(({ may }) => may.includes('operate'));
    for (const [who, may] of /** @type {[string, boolean][]} */ ([['operator', me.operator], ['looks-after', looksAfter]]))
      for (const link of document.querySelectorAll(`[data-me="${who}"]`)) /** @type {HTMLElement} */ (link).hidden = !may;
  });
  for (const choice of document.querySelectorAll('[data-do="language"]')) choice.addEventListener('change', () => void speak(/** @type {HTMLSelectElement} */ (choice).value));
  for (const button of document.querySelectorAll('[data-do="sign-out"]')) button.addEventListener('click', () => void leave());
  // A menu closes by Escape and by a press elsewhere, as menus do.
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && closePops(null));
  document.addEventListener('pointerdown', ({ target }) => closePops(target instanceof Node ? target : null));
}

/** The page in another language, from now on in this browser, and messages to this person too. @param {string} language */
async function speak(language) {
  await told(language);
  document.cookie = `django_language=${language}; path=/; max-age=${YEAR_S}; samesite=lax`;
  location.reload();
}

/** Who chose none is written to in the language of the page. @param {string} language */
async function told(language) {
  try {
    await patch('/api/me/', { language });
  } catch (error) {
    // The page speaks it all the same; the next page tells it again.
    if (!(error instanceof ApiError)) throw error;
  }
}

async function leave() {
  await signOut();
  location.replace(isGuest() ? '/guest/' : '/sign-in/');
}

/** @param {Node | null} except */
function closePops(except) {
  for (const pop of document.querySelectorAll('details.pop[open]')) if (!except || !pop.contains(except)) pop.removeAttribute('open');
}

