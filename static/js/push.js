// This browser as a way to be told: what it can do, and its subscription.

/** @typedef {'ready' | 'unsupported' | 'denied'} PushState */

/** @returns {PushState} */
export function pushState() {
  if (!('serviceWorker' in navigator) || !('PushManager' in globalThis) || !('Notification' in globalThis)) return 'unsupported';
  return Notification.permission === 'denied' ? 'denied' : 'ready';
}

/** The worker that shows the messages, null where there is none (plain http). */
async function registration() {
  return (await navigator.serviceWorker.getRegistration('/')) ?? null;
}

/** By what the server knows this browser's subscription again; empty when it has none. */
export async function fingerprint() {
  if (pushState() === 'unsupported') return '';
  const subscription = await (await registration())?.pushManager.getSubscription();
  if (!subscription) return '';
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subscription.endpoint));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Asks the person, then subscribes; null when they said no or the browser has no push service. @param {string} key the server's public key @returns {Promise<PushSubscriptionJSON | null>} */
export async function subscribe(key) {
  const worker = await registration();
  if (!worker || (await Notification.requestPermission()) !== 'granted') return null;
  try {
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    return subscription.toJSON();
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

/** Base64url as bytes. @param {string} text */
function bytes(text) {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

/** What this browser is called in a list. @param {string} agent */
export function browserName(agent) {
  const names = /** @type {[RegExp, string][]} */ ([[/Edg\//, 'Edge'], [/Firefox\//, 'Firefox'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari']]);
  const systems = /** @type {[RegExp, string][]} */ ([[/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS/, 'macOS'], [/Linux/, 'Linux']]);
  const found = (/** @type {[RegExp, string][]} */ list) => list.find(([pattern]) => pattern.test(agent))?.[1];
  return [found(names) ?? 'Browser', found(systems)].filter(Boolean).join(', ');
}
