import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'UTC';
const { asked, completed, matching, segments } = await import('../../static/js/mention.js');
const { conditionOf, summary } = await import('../../static/js/condition.js');
const { samePath } = await import('../../static/js/path.js');

const NOW = Date.parse('2026-11-24T15:26:00Z');
const OK = { recording: true, parts: { recorder: { state: 'ok', words: '' }, storage: { state: 'ok', words: '' } }, spool_holds_s: null, catch_up_s: null };
/** @param {object} [status] @param {object} [more] */
const camera = (status = OK, more = {}) => /** @type {any} */ ({ online: true, offline_since: null, status, ...more });

test('mentions are found only where the address is known', () => {
  const known = (/** @type {string} */ jid) => jid === 'till-1@studio.loc';
  assert.deepEqual(segments('Ask @till-1@studio.loc, not @nobody@x.loc.', known), [{ text: 'Ask ', jid: '' }, { text: '@till-1@studio.loc', jid: 'till-1@studio.loc' }, { text: ', not @nobody@x.loc.', jid: '' }]);
  assert.deepEqual(segments('a@b.loc is an address', () => true).map(({ jid }) => jid), ['']);
  assert.deepEqual(segments('', known), []);
});

test('a full stop after a mention is no part of it', () => {
  assert.equal(segments('See @Till-1@studio.loc.', () => true)[1].jid, 'till-1@studio.loc');
});

test('completion begins with an @ at a word’s start', () => {
  assert.deepEqual(asked('hi @an', 6), { from: 3, part: 'an' });
  assert.deepEqual(asked('@', 1), { from: 0, part: '' });
  assert.equal(asked('mail a@b', 8), null);
  assert.deepEqual(completed('hi @an and', 6, { from: 3 }, '@ana@example.com'), { text: 'hi @ana@example.com and', caret: 20 });
});

test('those whose name begins so come first', () => {
  const all = [{ jid: 'a@x.loc', name: 'Shop window' }, { jid: 'window@x.loc', name: 'Glass' }, { jid: 'b@x.loc', name: 'Window left' }, { jid: 'c@x.loc', name: 'Door' }];
  assert.deepEqual(matching(all, 'win').map(({ jid }) => jid), ['b@x.loc', 'window@x.loc', 'a@x.loc']);
});

test('a camera’s condition: what is wrong comes first', () => {
  assert.equal(conditionOf(camera(), NOW).word, 'Recording');
  assert.equal(conditionOf(camera({ ...OK, parts: { ...OK.parts, camera: { state: 'broken', words: 'Look at its plug.' } } }), NOW).support, 'Look at its plug.');
  const away = conditionOf(camera({ ...OK, parts: { ...OK.parts, storage: { state: 'broken', words: '' } }, spool_holds_s: 68_400 }), NOW);
  assert.deepEqual([away.state, away.word, away.support], ['pending', 'Storage away', 'Safe on the camera, 19 h left']);
  assert.equal(conditionOf(camera({ ...OK, recording: false, parts: { recorder: { state: 'off', words: 'Off until 18:00' } } }), NOW).word, 'Off');
  assert.equal(conditionOf(camera({ ...OK, recording: false }), NOW).word, 'Starting');
  assert.equal(conditionOf(/** @type {any} */ ({ online: true, status: null }), NOW).word, 'Online');
});

test('offline says since when', () => {
  const gone = conditionOf(camera(OK, { online: false, offline_since: '2026-11-24T14:02:00Z' }), NOW);
  assert.deepEqual([gone.word, gone.support, gone.note], ['Offline', 'Since 14:02, 1 h 24 min', 'Offline since 14:02']);
  assert.equal(conditionOf(camera(OK, { online: false }), NOW).note, 'Never seen here yet');
});

test('a place in one line', () => {
  const all = [camera(OK, { online: false, offline_since: '2026-11-24T14:02:00Z' }), camera(), camera()].map((one) => conditionOf(one, NOW));
  assert.equal(summary(all), '2 recording, 1 offline');
});

test('after signing in only paths of this site are opened', () => {
  for (const evil of ['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)', '', null, undefined, 'wall', '/\t/evil.example']) assert.equal(samePath(evil), '/', String(evil));
  assert.equal(samePath('/cameras/a@b.loc/?at=1#x'), '/cameras/a@b.loc/?at=1#x');
});
