import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

/** A socket on a network that does what the test says. */
class Socket extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  /** @type {Socket[]} */
  static made = [];
  readyState = 0;
  closed = false;
  /** @type {string[]} */
  sent = [];
  /** @type {any} */ onopen = null;
  /** @type {any} */ onclose = null;
  /** @type {any} */ onmessage = null;

  constructor() {
    super();
    Socket.made.push(this);
  }

  send(/** @type {string} */ frame) { this.sent.push(frame); }
  close() { this.closed = true; }
}

const world = /** @type {any} */ (globalThis);
Object.defineProperty(world, 'navigator', { value: {}, configurable: true });
const kept = new Map([['ucam.access', `x.${btoa(JSON.stringify({ iat: 0, exp: 6000 }))}.x`], ['ucam.refresh', 'r'], ['ucam.received', String(Date.now())]]);
world.localStorage = { getItem: (/** @type {string} */ key) => kept.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value), removeItem: (/** @type {string} */ key) => kept.delete(key) };
world.sessionStorage = { getItem: () => null };
world.location = { protocol: 'http:', host: 'cam.example' };
world.document = Object.assign(new EventTarget(), { visibilityState: 'visible', documentElement: { lang: 'en' } });
world.addEventListener = () => {};
world.WebSocket = Socket;
const { Room } = await import('../../static/js/room.js');
const soon = () => new Promise((done) => setImmediate(done));

test('a socket that never opens is given up, and a press on "try again" does not wait for that', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: Date.now() });
  Socket.made = [];
  const room = new Room();
  room.start();
  await soon();
  assert.equal(Socket.made.length, 1);
  mock.timers.tick(1000);
  room.retryNow(); // it may still open
  await soon();
  assert.equal(Socket.made.length, 1);
  mock.timers.tick(4000);
  room.retryNow();
  await soon();
  assert.deepEqual(Socket.made.map(({ closed }) => closed), [true, false]);
  mock.timers.tick(40_000);
  await soon();
  mock.timers.tick(20_000);
  await soon();
  assert.ok(Socket.made.length > 2 && Socket.made[1].closed);
  room.close();
  mock.timers.reset();
});

test('however often somebody looks at an offline page, one try at a time goes on', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: Date.now() });
  let asked = 0;
  kept.set('ucam.access', '');
  world.fetch = async () => {
    asked++;
    throw new TypeError('no network');
  };
  const room = new Room();
  room.start();
  for (let looks = 0; looks < 20; looks++) {
    room.retryNow();
    await soon();
    await soon();
  }
  const before = asked;
  mock.timers.tick(15_000);
  for (let turns = 0; turns < 20; turns++) await soon();
  assert.ok(asked - before <= 1, `${asked - before} tries at once`);
  room.close();
  mock.timers.reset();
});
