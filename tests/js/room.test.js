import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'UTC';
const { askedCommand } = await import('../../static/js/commands.js');
const { eventWords } = await import('../../static/js/event.js');
const { spokenInstant } = await import('../../static/js/spoken.js');

const NOW = Date.parse('2026-11-24T15:26:00Z');
const DAY = Date.parse('2026-11-24T00:00:00Z');
const CAMERAS = [{ jid: 'cam001@studio.loc', name: 'Front door' }, { jid: 'till@studio.loc', name: 'Till' }];
const spoken = (/** @type {string} */ text) => spokenInstant(text, CAMERAS, NOW, DAY);

test('a camera and an instant in plain words become a link', () => {
  assert.deepEqual(spoken('look at cam001 at 14:02:10'), { camera: 'cam001@studio.loc', at: Date.parse('2026-11-24T14:02:10Z') });
  assert.deepEqual(spoken('Schau, front door um gestern 9:15'), { camera: 'cam001@studio.loc', at: Date.parse('2026-11-23T09:15:00Z') });
  assert.deepEqual(spoken('@till@studio.loc at 14:02?'), { camera: 'till@studio.loc', at: Date.parse('2026-11-24T14:02:00Z') });
});

test('words that name no camera, no instant or one to come do not', () => {
  for (const text of ['see you at 14:02', 'cam001 is dirty', 'the stillness at 14:02', 'cam001 at 23:00', 'cam001 at 99:99']) assert.equal(spoken(text), null, text);
});

test('what a camera understands is offered, as far as one may', () => {
  const cameraOf = (/** @type {string} */ name) => (name === 'cam001' ? { may: ['watch'] } : undefined);
  assert.deepEqual(askedCommand('@cam001 s', 9, cameraOf)?.offered.map(({ word }) => word), ['status', 'snapshot', 'spool']);
  assert.equal(askedCommand('@cam001 status', 14, cameraOf), null);
  assert.equal(askedCommand('@bob s', 6, cameraOf), null);
  assert.deepEqual(askedCommand('@cam001 re', 10, () => ({ may: ['watch', 'operate'] }))?.offered.map(({ word }) => word), ['restart']);
});

test('what happened is a sentence', () => {
  const message = /** @type {any} */ ({ kind: 'gap', at: '2026-11-24T14:02:10Z', until: '2026-11-24T14:02:22Z', cause: 'power' });
  const names = { who: 'Alice', camera: 'Front door' };
  assert.equal(eventWords(message, names, NOW), 'Front door: lost 12 s from 14:02:10, no power');
  assert.equal(eventWords({ ...message, kind: 'export' }, names, NOW), 'Alice exported Front door, 14:02:10 to 14:02:22');
});
