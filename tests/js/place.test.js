import assert from 'node:assert/strict';
import { test } from 'node:test';

const world = /** @type {any} */ (globalThis);
Object.defineProperty(world, 'navigator', { value: {}, configurable: true });
const kept = new Map([['ucam.access', `x.${btoa(JSON.stringify({ iat: 0, exp: 6000 }))}.x`], ['ucam.refresh', 'r'], ['ucam.received', String(Date.now())]]);
world.localStorage = { getItem: (/** @type {string} */ key) => kept.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value) };
world.sessionStorage = { getItem: () => null };
world.addEventListener = () => {};
const { Emitter } = await import('../../static/js/emitter.js');
const { Place } = await import('../../static/js/place.js');
const { Unread } = await import('../../static/js/unread.js');

/** A room in which the test speaks. @param {string} [jid] */
function roomOf(jid = 'bob@example.com/1') {
  return /** @type {any} */ (Object.assign(new Emitter(), { state: 'open', jid, now: () => Date.now() }));
}

const CAMERA = { jid: 'cam001@studio.loc', name: 'Front door', location: 'studio.loc', may: ['watch'], online: true, offline_since: null, watchers: ['carol@example.com'], status: null };
const STATUS = { type: 'status', from: 'cam001@studio.loc/x', parts: {}, recording: true };

/** @param {any} room @param {any[]} [messages] @param {object[]} [roster] */
function welcome(room, messages = [], roster = []) {
  room.emit('welcome', { type: 'welcome', jid: room.jid, roster, messages, watching: {}, statuses: [] });
}

test('what the room told while the list of cameras was on its way holds', async () => {
  const room = roomOf();
  const place = new Place(room);
  const here = { jid: 'cam001@studio.loc/x', kind: 'camera', name: 'Front door', capabilities: [], since: '' };
  welcome(room, [], [here]);
  world.fetch = async (/** @type {string} */ path) => {
    room.emit('offline', { jid: here.jid });
    room.emit('watching', { camera: CAMERA.jid, viewers: ['dave@example.com'] });
    room.emit('status', STATUS);
    return new Response(JSON.stringify(path === '/api/me/' ? { jid: 'bob@example.com', email: 'bob@example.com', name: 'Bob', places: [] } : [CAMERA]));
  };
  await place.load();
  const camera = place.cameras.get(CAMERA.jid);
  assert.deepEqual([camera?.online, camera?.watchers, camera?.status], [false, ['dave@example.com'], STATUS]);
});

/** @param {number} id @param {string} from */
const said = (id, from = 'ana@example.com') => ({ id: String(id), from, kind: '', text: 'x' });

/** How many are unread for this person on this device. @param {string} jid @param {any[]} messages @param {boolean} [reads] */
function unread(jid, messages, reads = false) {
  const room = roomOf(jid);
  const counter = new Unread(room, /** @type {any} */ ({ room }));
  let count = 0;
  counter.on('count', (told) => (count = told));
  welcome(room, messages);
  if (reads) counter.seen();
  return count;
}

test('two people at one device have unread messages of their own', () => {
  const messages = [said(1), said(2), said(3)];
  assert.equal(unread('bob@example.com/1', messages, true), 0);
  assert.equal(unread('bob@example.com/2', [...messages, said(4)]), 1);
  assert.equal(unread('carol@example.com/1', messages), 3);
});

test('a server that was restored to an older day does not hide what is said from then on', () => {
  assert.equal(unread('eve@example.com/1', [said(500)], true), 0);
  assert.equal(unread('eve@example.com/2', [said(90)]), 0);
  assert.equal(unread('eve@example.com/3', [said(90), said(91)]), 1);
});
