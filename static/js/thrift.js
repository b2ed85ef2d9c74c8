// Which of a camera's streams is enough: the small one where pictures are small, or where the person saves data.

const NARROW = '(max-width: 40rem)';

/** Whether the person asked their browser to save data. */
export function saving() {
  const { connection } = /** @type {Navigator & {connection?: {saveData?: boolean}}} */ (navigator);
  return connection?.saveData === true;
}

/** For a picture that has the width of the page; `one`: one of several there. @param {{one?: boolean}} [place] @returns {'main' | 'sub'} */
export function fittingStream({ one = false } = {}) {
  return saving() || (one && matchMedia(NARROW).matches) ? 'sub' : 'main';
}
