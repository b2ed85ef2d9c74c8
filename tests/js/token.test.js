import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

/** What a browser keeps, of one tab or of all. */
class Kept {
  items = new Map();
  getItem(/** @type {string} */ key) { return this.items.get(key) ?? null; }
  setItem(/** @type {string} */ key, /** @type {string} */ value) { this.items.set(key, value); }
  removeItem(/** @type {string} */ key) { this.items.delete(key); }
}

const world = /** @type {any} */ (globalThis);
Object.defineProperty(world, 'navigator', { value: {}, configurable: true });
world.localStorage = new Kept();
world.sessionStorage = new Kept();
const { ApiError } = await import('../../static/js/answer.js');
const { access, current, forget, keep, renew, signedIn } = await import('../../static/js/token.js');

/** @param {string} name */
function jwt(name) {
  return `x.${btoa(JSON.stringify({ iat: 0, exp: 600, name }))}.x`;
}

/** The server answers when the test says so. @type {(answer: Response | Error) => void} */
let answer = () => {};
beforeEach(() => {
  forget();
  world.fetch = () => new Promise((done, failed) => (answer = (given) => (given instanceof Error ? failed(given) : done(given))));
});

/** @param {any} body */
const json = (body, status = 200) => new Response(JSON.stringify(body), { status });
const soon = () => new Promise((done) => setTimeout(done, 0));

test('who signs in again while an old sign-in is refused stays signed in', async () => {
  keep({ access: jwt('old'), refresh: 'old' });
  const renewed = renew(current());
  await soon();
  keep({ access: jwt('new'), refresh: 'new' });
  answer(json({ code: 'session_ended', message: 'This sign-in has ended.' }, 401));
  assert.equal(await renewed, jwt('new'));
  assert.equal(signedIn(), true);
});

test('who signs out while a token is renewed stays signed out', async () => {
  keep({ access: jwt('old'), refresh: 'old' });
  const renewed = renew(current());
  await soon();
  forget();
  answer(json({ access: jwt('late'), refresh: 'late' }));
  await assert.rejects(renewed, { code: 'signed_out' });
  assert.equal(signedIn(), false);
});

test('a sign-in that was ended is forgotten', async () => {
  keep({ access: jwt('old'), refresh: 'old' });
  const renewed = renew(current());
  await soon();
  answer(json({ code: 'session_ended', message: 'This sign-in has ended.' }, 401));
  await assert.rejects(renewed, { code: 'signed_out' });
  assert.equal(signedIn(), false);
});

test('an answer that breaks off on its way is told as the network’s trouble, and one of somebody else’s in words', async () => {
  keep({ access: '', refresh: 'old' });
  for (const [body, code] of /** @type {[any, string][]} */ ([
    [new ReadableStream({ start: (stream) => stream.error(new TypeError('network error')) }), 'offline'],
    ['<html>Welcome to our Wi-Fi</html>', 'server'],
  ])) {
    const asked = access();
    await soon();
    answer(new Response(body));
    await assert.rejects(asked, (error) => error instanceof ApiError && error.code === code);
  }
  assert.equal(signedIn(), true);
});
