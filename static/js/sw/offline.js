// Part of the service worker: without a network, a page that says so instead of the browser's own.
// Kept are that page and what it is made of, nothing else: no answer of the API, no picture, no page of a person.

(() => {
  const CACHE = 'ucam-offline-1';
  const PAGE = '/offline/';
  const PARTS = [PAGE, '/static/css/tokens.css', '/static/css/app.css', '/static/js/theme.js', '/static/js/offline.js', '/static/icons.svg', '/static/icon.svg'];
  /** @type {any} */
  const worker = self;

  /** @param {any} event */
  const installing = (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(PARTS.map((path) => new Request(path, { cache: 'reload' })))).then(() => worker.skipWaiting()));
  /** @param {any} event */
  const activating = (event) => event.waitUntil(cleanUp().then(() => worker.clients.claim()));

  async function cleanUp() {
    for (const name of await caches.keys()) if (name.startsWith('ucam-') && name !== CACHE) await caches.delete(name);
  }

  /** The network's answer, else what was kept for this. @param {Request} request @param {string} kept */
  async function answer(request, kept) {
    try {
      return await fetch(request);
    } catch (error) {
      const found = await caches.match(kept, { ignoreVary: true });
      if (!found) throw error;
      return found;
    }
  }

  worker.addEventListener('install', installing);
  worker.addEventListener('activate', activating);
  worker.addEventListener('fetch', (/** @type {any} */ event) => {
    const { request } = event;
    const { origin, pathname } = new URL(request.url);
    if (request.method !== 'GET' || origin !== location.origin) return;
    if (request.mode === 'navigate') event.respondWith(answer(request, PAGE));
    else if (PARTS.includes(pathname)) event.respondWith(answer(request, pathname));
  });
})();
