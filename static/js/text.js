// What the page says, in the reader's language: English stands in the code, other languages in lang/, by the English text.

/** @typedef {Record<string, string>} Catalogue */

const LANGUAGES = ['de'];
/** The language of the page, as the server chose it: by the person's own word, else by what the browser asks for. */
export const language = globalThis.document?.documentElement.lang || 'en';

/** @type {Catalogue} */
const catalogue = LANGUAGES.includes(language) ? (await import(`./lang/${language}.js`)).default : {};

/**
 * A text in the reader's language. `{name}` in it is replaced by `values.name`; a text that nobody translated stays English.
 * @param {string} english @param {Record<string, string | number>} [values]
 */
export function t(english, values) {
  const text = catalogue[english] ?? english;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole)) : text;
}

/** One of two texts, by number; `{n}` is the number. @param {number} n @param {string} one @param {string} many @param {Record<string, string | number>} [values] */
export function count(n, one, many, values = {}) {
  return t(n === 1 ? one : many, { n, ...values });
}
