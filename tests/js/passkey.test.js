// Passkeys go in and out as JSON with base64url; what the browser refuses becomes words.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../static/js/answer.js';
import { asJson, bytes, make, text, use } from '../../static/js/passkey.js';

/** @param {...number} values */
const raw = (...values) => Uint8Array.from(values).buffer;

test('bytes survive the way as base64url', () => {
  for (const length of [0, 1, 2, 3, 32, 255]) {
    const values = Array.from({ length }, (_, index) => (index * 251) % 256);
    assert.deepEqual([...bytes(text(raw(...values)))], values);
  }
  assert.equal(text(raw(251, 255, 254)), '-__-');
});

test('a credential is told as toJSON of newer browsers tells it', () => {
  const response = { clientDataJSON: raw(1), attestationObject: raw(2), getTransports: () => ['internal'] };
  const told = asJson(/** @type {any} */ ({ id: 'Aw', rawId: raw(3), type: 'public-key', response }));
  assert.deepEqual(told, { id: 'Aw', rawId: 'Aw', type: 'public-key', response: { clientDataJSON: 'AQ', attestationObject: 'Ag', transports: ['internal'] } });
});

/** A browser whose answer to both calls is `answer`. @param {() => unknown} answer */
function browser(answer) {
  /** @type {any[]} */
  const asked = [];
  const call = async (/** @type {any} */ options) => (asked.push(options.publicKey), answer());
  Object.defineProperty(globalThis, 'navigator', { value: { credentials: { create: call, get: call } }, configurable: true });
  Object.defineProperty(globalThis, 'PublicKeyCredential', { value: class {}, configurable: true });
  return asked;
}

test('what the server writes as text the authenticator gets as bytes', async () => {
  const asked = browser(() => null);
  await assert.rejects(make({ challenge: 'AQ', user: { id: 'Ag', name: 'ana' }, excludeCredentials: [{ id: 'Aw', type: 'public-key' }] }), ApiError);
  await assert.rejects(use({ challenge: 'AQ', allowCredentials: [{ id: 'Aw', type: 'public-key' }] }), ApiError);
  assert.deepEqual(asked.map(({ challenge }) => [...challenge]), [[1], [1]]);
  assert.deepEqual([...asked[0].user.id, ...asked[0].excludeCredentials[0].id, ...asked[1].allowCredentials[0].id], [2, 3, 3]);
});

for (const [name, words] of [['NotAllowedError', /No passkey was given/], ['InvalidStateError', /has a passkey for you already/], ['SecurityError', /address/]]) {
  test(`${name} is said in words`, async () => {
    browser(() => { throw new DOMException('no', String(name)); });
    await assert.rejects(use({ challenge: 'AQ' }), { code: 'passkey_not_given', message: words });
  });
}

test('a browser without passkeys says so', async () => {
  browser(() => null);
  Object.defineProperty(globalThis, 'PublicKeyCredential', { value: undefined, configurable: true });
  await assert.rejects(use({ challenge: 'AQ' }), { code: 'passkey_unsupported' });
});
