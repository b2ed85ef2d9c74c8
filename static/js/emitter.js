// Listeners by name, typed; `on` gives back what ends the listening.

/** @template {Record<string, any>} Events */
export class Emitter {
  /** @type {Map<keyof Events, Set<(event: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(event: Events[K]) => void} listen
   * @returns {() => void}
   */
  on(name, listen) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listen);
    return () => set.delete(listen);
  }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} event
   */
  emit(name, event) {
    for (const listen of [...(this.#listeners.get(name) ?? [])]) listen(event);
  }
}
