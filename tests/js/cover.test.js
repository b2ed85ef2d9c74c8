import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'Europe/Berlin';
const world = /** @type {any} */ (globalThis);
Object.defineProperty(world, 'navigator', { value: {}, configurable: true });
const kept = new Map([['ucam.access', `x.${btoa(JSON.stringify({ iat: 0, exp: 6000 }))}.x`], ['ucam.refresh', 'r'], ['ucam.received', String(Date.now())]]);
world.localStorage = { getItem: (/** @type {string} */ key) => kept.get(key) ?? null };
world.sessionStorage = { getItem: () => null };
const { Cover } = await import('../../static/js/cover.js');
const { dayAfter, dayStart } = await import('../../static/js/time.js');

const DAY = dayStart(Date.parse('2026-11-24T12:00:00+01:00'));

/** A page at an instant, and a server that has everything stored up to what is asked. */
function begin() {
  const page = { now: dayAfter(DAY) - 8000, asked: /** @type {number[]} */ ([]), state: 'stored' };
  world.fetch = async (/** @type {string} */ path) => {
    const asked = new URL(path, 'http://cam.example').searchParams;
    page.asked.push(Date.parse(asked.get('from') ?? ''));
    return new Response(JSON.stringify({ earliest_at: null, spans: [{ from: asked.get('from'), to: asked.get('to'), state: page.state, cause: '' }] }));
  };
  const camera = /** @type {any} */ ({ jid: 'cam001@studio.loc', may: ['replay'], latest_at: new Date(page.now).toISOString() });
  return { page, cover: new Cover(camera, () => page.now) };
}

test('the last seconds before midnight are asked for once the day is over', async () => {
  const { page, cover } = begin();
  await cover.ask(DAY);
  await cover.ask(DAY);
  assert.equal(page.asked.length, 1);
  page.now += 20_000;
  await cover.ask(DAY);
  await cover.ask(DAY);
  assert.equal(page.asked.length, 2);
  assert.equal(cover.day(DAY).at(-1)?.to, dayAfter(DAY));
});

test('a day of which something is still on the camera may grow, one that is stored does not', async () => {
  const { page, cover } = begin();
  page.state = 'on_camera';
  await cover.ask(DAY);
  assert.equal(cover.mayGrow(DAY), true);
  page.state = 'stored';
  await cover.ask(DAY, true);
  assert.equal(cover.mayGrow(DAY), false);
});
