// Passkeys as the browser has them, in and out as JSON. What goes wrong becomes an ApiError with words for people.

import { ApiError } from './answer.js';
import { t } from './text.js';

/** @typedef {{ticket: string, options: Record<string, any>, expires_at: string}} Asked what the server asks of a passkey */

/** Whether this browser has passkeys here at all. */
export function supported() {
  return typeof PublicKeyCredential !== 'undefined' && Boolean(navigator.credentials);
}

/** A new passkey. @param {Record<string, any>} options @returns {Promise<Record<string, any>>} */
export function make(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: named(options.excludeCredentials) };
  return given(() => navigator.credentials.create({ publicKey: /** @type {any} */ (publicKey) }));
}

/** An answer of a passkey that is there. @param {Record<string, any>} options @returns {Promise<Record<string, any>>} */
export function use(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
  return given(() => navigator.credentials.get({ publicKey: /** @type {any} */ (publicKey) }));
}

/** @param {() => Promise<Credential | null>} ask */
async function given(ask) {
  if (!supported()) throw new ApiError('passkey_unsupported', t('This browser has no passkeys here. Use another one.'));
  let credential;
  try {
    credential = await ask();
  } catch (error) {
    throw new ApiError('passkey_not_given', words(error));
  }
  if (!(credential instanceof PublicKeyCredential)) throw new ApiError('passkey_not_given', words(null));
  return asJson(credential);
}

/** @param {unknown} error */
function words(error) {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'InvalidStateError') return t('This device has a passkey for you already.');
  if (name === 'SecurityError') return t('Passkeys work only at the address that the server calls its own. Open that one.');
  return t('No passkey was given. Try again when you have it at hand.');
}

/** As `toJSON()` of newer browsers. @param {PublicKeyCredential} credential */
export function asJson({ id, rawId, type, response }) {
  /** @type {Record<string, any>} */
  const told = {};
  for (const part of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    const value = /** @type {any} */ (response)[part];
    if (value) told[part] = text(value);
  }
  const { getTransports } = /** @type {any} */ (response);
  if (getTransports) told.transports = getTransports.call(response);
  return { id, rawId: text(rawId), type, response: told };
}

/** @param {{id: string}[] | undefined} credentials */
function named(credentials) {
  return (credentials ?? []).map((credential) => ({ ...credential, id: bytes(credential.id) }));
}

/** base64url without padding, as WebAuthn's JSON has it. @param {ArrayBuffer} raw */
export function text(raw) {
  return btoa(String.fromCharCode(...new Uint8Array(raw))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @param {string} base64url */
export function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}
