// The person's tokens: kept in local storage, refreshed before they expire, by one tab at a time.

import { ApiError, answerOf, bodyOf } from './answer.js';
import { t } from './text.js';

const ACCESS = 'ucam.access';
const REFRESH = 'ucam.refresh';
const RECEIVED = 'ucam.received';
const GUEST = 'ucam.guest';
const EARLY_MS = 60_000;

/** A guest's tokens stay in their tab: whoever is signed in here stays signed in. */
function store() {
  return isGuest() ? sessionStorage : localStorage;
}

/** Whether this tab was opened by a guest link. */
export function isGuest() {
  return sessionStorage.getItem(GUEST) !== null;
}

/** From now on this tab is a guest's. */
export function becomeGuest() {
  sessionStorage.setItem(GUEST, '1');
}

/** @param {string} jwt @returns {Record<string, unknown>} */
export function claims(jwt) {
  const middle = (jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  try {
    return JSON.parse(atob(middle));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return {};
    throw error;
  }
}

/**
 * When the token ends by this device's own clock: the life the server gave it counts from its arrival, for a phone's clock may be wrong.
 * @param {string} jwt @param {number} received_ms
 */
export function endsAt(jwt, received_ms) {
  const { iat, exp } = claims(jwt);
  return typeof iat === 'number' && typeof exp === 'number' ? received_ms + (exp - iat) * 1000 : 0;
}

export function signedIn() {
  return store().getItem(REFRESH) !== null;
}

/** @param {{access: string, refresh: string}} pair */
export function keep({ access, refresh }) {
  store().setItem(ACCESS, access);
  store().setItem(REFRESH, refresh);
  store().setItem(RECEIVED, String(Date.now()));
}

export function forget() {
  for (const key of [ACCESS, REFRESH, RECEIVED]) store().removeItem(key);
}

/** The access token as it is, perhaps expired; empty when nobody is signed in. */
export function current() {
  return store().getItem(ACCESS) ?? '';
}

/** Milliseconds until the token should be renewed. */
export function renewIn_ms() {
  return endsAt(current(), Number(store().getItem(RECEIVED))) - EARLY_MS - Date.now();
}

/** An access token that lasts a while; throws ApiError `signed_out` or `offline`. @returns {Promise<string>} */
export async function access() {
  return current() && renewIn_ms() > 0 ? current() : renew(current());
}

/** @type {Promise<string> | null} */
let renewing = null;

/** A new token in place of `seen`; another tab's renewal counts. @param {string} seen @returns {Promise<string>} */
export function renew(seen) {
  renewing ??= alone(() => (current() !== seen && renewIn_ms() > 0 ? current() : rotate())).finally(() => (renewing = null));
  return renewing;
}

/** @param {() => Promise<string> | string} work @returns {Promise<string>} */
async function alone(work) {
  // Without https there are no Web Locks; then the server's grace for racing tabs must do.
  return navigator.locks ? navigator.locks.request('ucam.refresh', work) : work();
}

/** @returns {Promise<string>} */
async function rotate() {
  const refresh = store().getItem(REFRESH);
  if (!refresh) return gone();
  try {
    const pair = await answerOf('/api/token/refresh/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ refresh }) });
    const renewed = await bodyOf(() => pair.json());
    if (isStill(refresh)) keep(renewed);
    return current() || gone();
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 400)) {
      if (!isStill(refresh) && signedIn()) return current();
      forget();
      throw new ApiError('signed_out', error.message, 401);
    }
    throw error;
  }
}

/** Nobody signed out or in meanwhile, in this tab or another: what the answer says is not about them. @param {string} refresh */
function isStill(refresh) {
  return store().getItem(REFRESH) === refresh;
}

/** @returns {never} */
function gone() {
  throw new ApiError('signed_out', t('You are not signed in.'), 401);
}

/** Ends the session here and on the server. */
export async function signOut() {
  const refresh = store().getItem(REFRESH);
  forget();
  if (!refresh) return;
  // Offline the session ends on the server by age; this device has forgotten it in any case.
  await answerOf('/api/token/revoke/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ refresh }), keepalive: true }).catch(ignoreApi);
}

/** @param {unknown} error */
function ignoreApi(error) {
  if (!(error instanceof ApiError)) throw error;
}
