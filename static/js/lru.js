// The things used last, up to a number; what goes is handed back to be let go of. Pure.

/** @template V */
export class Lru {
  /** @type {Map<string | number, V>} oldest use first */
  #kept = new Map();

  /** @param {number} most @param {(value: V) => void} dropped */
  constructor(most, dropped) {
    this.most = most;
    this.dropped = dropped;
  }

  /** @param {string | number} key @returns {V | undefined} */
  get(key) {
    const value = this.#kept.get(key);
    if (value === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, value);
    return value;
  }

  /** @param {string | number} key @param {V} value */
  set(key, value) {
    this.#drop(key);
    this.#kept.set(key, value);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.most) break;
      this.#drop(oldest);
    }
  }

  clear() {
    for (const key of [...this.#kept.keys()]) this.#drop(key);
  }

  /** @param {string | number} key */
  #drop(key) {
    const value = this.#kept.get(key);
    if (value === undefined) return;
    this.#kept.delete(key);
    this.dropped(value);
  }
}
