// Is anybody looking? Elements in view on a page in front; media runs only then.

const PATIENCE_MS = 20_000;

export class Attention {
  /** @type {Map<Element, (looked: boolean) => void>} */
  #watched = new Map();
  /** @type {Set<Element>} */
  #inView = new Set();
  #front = document.visibilityState === 'visible';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;

  constructor() {
    this.#observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.#moved(entry)), { rootMargin: '80px' });
    document.addEventListener('visibilitychange', () => this.#turned());
    // Before the room's own listener closes the connection: the cameras are told that this page leaves.
    addEventListener('pagehide', () => this.#setFront(false), { capture: true });
    // Also told of a page that was opened in a tab behind: nobody looks at that yet.
    addEventListener('pageshow', () => this.#setFront(document.visibilityState === 'visible'));
  }

  /** @type {IntersectionObserver} */
  #observer;

  /** Tells at each change whether the element is looked at. @param {Element} element @param {(looked: boolean) => void} tell */
  watch(element, tell) {
    this.#watched.set(element, tell);
    this.#observer.observe(element);
  }

  /** @param {Element} element */
  forget(element) {
    this.#watched.delete(element);
    this.#inView.delete(element);
    this.#observer.unobserve(element);
  }

  /** @param {IntersectionObserverEntry} entry */
  #moved({ target, isIntersecting }) {
    if (isIntersecting === this.#inView.has(target)) return;
    if (isIntersecting) this.#inView.add(target);
    else this.#inView.delete(target);
    if (this.#front) this.#watched.get(target)?.(isIntersecting);
  }

  /** A glance at another tab costs nothing; staying away ends the media. */
  #turned() {
    clearTimeout(this.#leaving);
    if (document.visibilityState === 'visible') this.#setFront(true);
    else this.#leaving = setTimeout(() => this.#setFront(false), PATIENCE_MS);
  }

  /** @param {boolean} front */
  #setFront(front) {
    if (front === this.#front) return;
    this.#front = front;
    for (const element of this.#inView) this.#watched.get(element)?.(front);
  }
}
