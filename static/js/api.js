// The HTTP side, in the person's name. A 401 renews the token once; a second one leads to the sign-in page.

import { ApiError, answerOf, bodyOf } from './answer.js';
import { readAlerts, readMessages, readStatus } from './protocol.js';
import { access, isGuest, renew, signedIn } from './token.js';

/** @typedef {import('./protocol.js').Status} Status */
/** @typedef {import('./protocol.js').Chat} Chat */
/** @typedef {import('./protocol.js').AlertNotice} AlertNotice */
/** @typedef {{jid: string, name: string, location: string, location_name: string, timezone: string, may: string[], online: boolean, offline_since: string | null, watchers: string[], status: Status | null, latest_at: string | null, settings?: Record<string, any>}} Camera */
/** @typedef {{jid: string, email: string, name: string, operator: boolean, language: string, places: {location: string, name: string, may: string[]}[], guest?: {made_by: string, live: boolean, from: string | null, to: string | null, until: string}}} Me */
/** @typedef {{id: string, owner: string, cameras: string[], from: string, to: string, state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'expired', progress: number, message: string, name: string, bytes: number | null, created_at: string, expires_at: string | null, download: string | null}} Export */
/** @typedef {{id: number, camera: string, from: string, to: string, owner: string, reason: string, until: string, active: boolean}} Hold */
/** @typedef {{month: string, timezone: string, days: Record<string, number>}} Days */

/** Leaves for the sign-in page, which leads back here. */
export function toSignIn() {
  if (isGuest()) return location.replace('/guest/');
  const here = location.pathname + location.search;
  location.replace(here === '/' ? '/sign-in/' : `/sign-in/?next=${encodeURIComponent(here)}`);
}

/** For pages that show nothing to strangers: true when somebody is signed in, else leaves. */
export function mustBeSignedIn() {
  if (!signedIn()) toSignIn();
  return signedIn();
}

/** @param {string} path @param {RequestInit} [options] */
async function send(path, options = {}) {
  try {
    const token = await access();
    try {
      return await answerOf(path, withToken(options, token));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      return await answerOf(path, withToken(options, await renew(token)));
    }
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) toSignIn();
    throw error;
  }
}

/** @param {RequestInit} options @param {string} token @returns {RequestInit} */
function withToken(options, token) {
  return { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } };
}

/** @param {string} path @param {{signal?: AbortSignal}} [options] @returns {Promise<any>} */
export async function get(path, options = {}) {
  const response = await send(path, options);
  return bodyOf(() => response.json());
}

/** The person. @returns {Promise<Me>} */
export function getMe() {
  return get('/api/me/');
}

/** All cameras of the person. @returns {Promise<Camera[]>} */
export async function getCameras() {
  const cameras = await get('/api/cameras/');
  return cameras.map((/** @type {Camera} */ camera) => ({ ...camera, status: readStatus(camera.status) }));
}

export const ALERTS_PAGE = 50;

/** A page of alerts, newest first: the newest, or those before a number. @param {number} [before] */
export async function getAlerts(before) {
  return readAlerts(await get(`/api/alerts/${before ? `?before=${before}` : ''}`));
}

/** All open alerts, newest first; a power cut may raise one for each camera. */
export async function getOpenAlerts() {
  /** @type {AlertNotice[]} */
  const open = [];
  for (let before = 0; ; before = open[open.length - 1].id) {
    const page = readAlerts(await get(`/api/alerts/?open=1${before ? `&before=${before}` : ''}`));
    open.push(...page);
    if (page.length < ALERTS_PAGE) return open;
  }
}

/** Fifty messages before a number, oldest first. @param {number} before */
export async function getMessages(before) {
  return readMessages(await get(`/api/messages/?before=${before}`));
}

/** A camera and a stretch of time as the server reads them. @param {string} camera @param {number} from @param {number} to */
function aboutQuery(camera, from, to) {
  return new URLSearchParams({ camera, from: new Date(from).toISOString(), to: new Date(to).toISOString() });
}

/** Alerts of a camera that were raised in a stretch of time. @param {string} camera @param {number} from @param {number} to */
export async function getAlertsAbout(camera, from, to) {
  return readAlerts(await get(`/api/alerts/?${aboutQuery(camera, from, to)}`));
}

/** Messages that point at a camera in a stretch of time. @param {string} camera @param {number} from @param {number} to */
export async function getMessagesAbout(camera, from, to) {
  return readMessages(await get(`/api/messages/?${aboutQuery(camera, from, to)}`));
}

/** @param {string} path @param {unknown} [body] @returns {Promise<any>} null when the answer has no body */
export function post(path, body) {
  return told('POST', path, body ?? {});
}

/** @param {string} path @param {unknown} body @returns {Promise<any>} */
export function put(path, body) {
  return told('PUT', path, body);
}

/** @param {string} path @param {unknown} body @returns {Promise<any>} null when the answer has no body */
export function patch(path, body) {
  return told('PATCH', path, body);
}

/** @param {string} method @param {string} path @param {unknown} body @returns {Promise<any>} */
async function told(method, path, body) {
  const response = await send(path, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  return response.status === 204 ? null : bodyOf(() => response.json());
}

/** A picture of the API's. @param {string} path @param {{signal?: AbortSignal}} [options] */
export async function picture(path, options = {}) {
  const response = await send(path, options);
  return bodyOf(() => response.blob());
}

/** @param {string} path */
export async function remove(path) {
  await send(path, { method: 'DELETE' });
}

/** A still picture and its instant (NaN when the server does not say). @param {string} jid @param {{at?: string, signal?: AbortSignal}} [options] */
export async function snapshot(jid, { at, signal } = {}) {
  const response = await send(cameraPath(jid, 'snapshot.jpg') + (at ? `?at=${encodeURIComponent(at)}` : ''), { signal });
  return { picture: await bodyOf(() => response.blob()), at: Date.parse(response.headers.get('X-Ucam-At') ?? '') };
}

/** @param {string} jid @param {string} [rest] */
export function cameraPath(jid, rest = '') {
  return `/api/cameras/${encodeURIComponent(jid)}/${rest}`;
}

/** The page of a camera, at an instant when one is given. @param {string} jid @param {string | null} [at] */
export function cameraPage(jid, at) {
  return `/cameras/${encodeURIComponent(jid)}/${at ? `?at=${encodeURIComponent(at)}` : ''}`;
}
