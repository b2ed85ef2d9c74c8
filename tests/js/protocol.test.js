// The browser's side reads the same examples as the Python side: tests/protocol/golden/.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { FRAME_BYTES_MAX, ProtocolError, SERVER_FRAME_BYTES_MAX, SERVER_TYPES, bare, decode, readStatus } from '../../static/js/protocol.js';

const GOLDEN = new URL('../protocol/golden/', import.meta.url);
const names = readdirSync(GOLDEN).filter((name) => name.startsWith('from_server.'));

/** Everything of `wanted` is in `read`; what is left out on the wire may have a default here. @param {any} read @param {any} wanted @param {string} where */
function holds(read, wanted, where) {
  if (typeof wanted !== 'object' || wanted === null) return assert.deepEqual(read, wanted, where);
  for (const [key, value] of Object.entries(wanted)) holds(read[key], value, `${where}.${key}`);
}

for (const name of names) {
  test(`reads ${name}`, () => {
    const frame = readFileSync(new URL(name, GOLDEN), 'utf8');
    const { settings, ...wanted } = JSON.parse(frame);
    holds(decode(frame), wanted.type === 'settings' ? { ...wanted, settings } : wanted, name);
  });
}

test('knows every type of the examples, and no other', () => {
  const types = names.map((name) => JSON.parse(readFileSync(new URL(name, GOLDEN), 'utf8')).type);
  assert.deepEqual([...new Set(types)].sort(), [...SERVER_TYPES].sort());
});

for (const { name, frame, code } of JSON.parse(readFileSync(new URL('hostile.json', GOLDEN), 'utf8'))) {
  test(`refuses: ${name}`, () => assert.throws(() => decode(frame), (error) => error instanceof ProtocolError && error.code === code));
}

test('refuses what is no text and what is too long', () => {
  assert.throws(() => decode(new ArrayBuffer(4)), { code: 'message_malformed' });
  assert.throws(() => decode('"' + 'x'.repeat(SERVER_FRAME_BYTES_MAX) + '"'), { code: 'frame_too_long' });
});

test('ignores keys of a later version', () => {
  assert.deepEqual(decode('{"type": "offline", "jid": "a@b.loc/1", "mood": "good"}'), { type: 'offline', id: '', jid: 'a@b.loc/1' });
});

test('gives each message its own defaults', () => {
  const first = decode('{"type": "welcome", "version": 1, "jid": "a@b.loc/1", "server_ms": 1}');
  assert.equal(first.type, 'welcome');
  if (first.type === 'welcome') first.roster.push({ jid: 'x@b.loc', kind: 'person', name: '', capabilities: [], since: '' });
  const second = decode('{"type": "welcome", "version": 1, "jid": "a@b.loc/1", "server_ms": 1}');
  assert.deepEqual(second.type === 'welcome' && second.roster, []);
});

test('a stored status of another version counts as none', () => {
  assert.equal(readStatus({ recording: 'yes' }), null);
  assert.equal(readStatus(null), null);
});

test('the bare address of a connection', () => {
  assert.equal(bare('cam001@demo.loc/9f2c/61'), 'cam001@demo.loc');
  assert.equal(bare('cam001@demo.loc'), 'cam001@demo.loc');
});

test('the welcome of a large installation is read, however many are there and whatever was said', () => {
  const roster = Array.from({ length: 500 }, (_, n) => ({ jid: `person${n}@example.com/0123456789abcdef`, kind: 'person', name: `Person ${n}`, capabilities: ['view'], since: '2026-11-24T12:00:00.000Z' }));
  const messages = Array.from({ length: 50 }, (_, n) => ({ type: 'chat', id: String(n), text: 'x'.repeat(4000) }));
  const frame = JSON.stringify({ type: 'welcome', version: 1, jid: 'a@b.c/d', server_ms: 1, roster, messages });
  assert.ok(frame.length > 4 * FRAME_BYTES_MAX);
  assert.equal(/** @type {any} */ (decode(frame)).roster.length, 500);
});
