// Part of the service worker: a message about an alert, shown and opened. Later ones about the same alert take its place.

(() => {
  /** @type {any} */
  const worker = self;

  /** @param {any} event */
  const shown = (event) => {
    const { title, body, url, tag } = event.data?.json() ?? {};
    return worker.registration.showNotification(title ?? 'ucam', { body, tag, data: { url }, icon: '/static/icons/192.png', badge: '/static/icons/192.png' });
  };

  /** The page that is open already comes to the front; only pages of this site are opened. @param {any} event */
  const opened = async (event) => {
    const url = new URL(event.notification.data?.url ?? '/', location.origin);
    const path = url.origin === location.origin ? url.pathname + url.hash : '/alerts/';
    const [page] = await worker.clients.matchAll({ type: 'window' });
    if (!page) return worker.clients.openWindow(path);
    await page.focus();
    return page.navigate(path);
  };

  worker.addEventListener('push', (/** @type {any} */ event) => event.waitUntil(shown(event)));
  worker.addEventListener('notificationclick', (/** @type {any} */ event) => {
    event.notification.close();
    event.waitUntil(opened(event));
  });
})();
