// Every text of the pages has its translation, with the same places in it, and no translation is left over.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../../static/js/', import.meta.url);
const LITERAL = String.raw`'((?:[^'\\]|\\.)*)'`;
const ONE = new RegExp(String.raw`(?<![\w.$])t\(\s*${LITERAL}`, 'g');
const TWO = new RegExp(String.raw`(?<![\w.$])count\([^']*?,\s*${LITERAL},\s*${LITERAL}`, 'g');
/** Words for people in what nobody translates: two words in a row that begin as a sentence does. */
const SENTENCE = new RegExp(String.raw`(?<!t\(\s*)(?:'|\`)([A-Z][a-zé’]+ [a-z’]+[^'\`]*)(?:'|\`)`, 'g');
/** Words behind a value in a template: "`${length} stored`"; units and CSS are no words. */
const BEHIND = /`(?:[^`$]|\$\{[^{}]*\})*\$\{[^{}]*\} (?!min\b|kbit)[a-z]{3,}[^`]*`/g;
/** English by intent: the wire's own refusals, which go to the console. */
const ENGLISH = ['protocol.js', 'text.js', 'sw.js', 'sw/', 'lang/'];

const files = readdirSync(ROOT, { recursive: true }).map(String).filter((name) => name.endsWith('.js'));
const source = (/** @type {string} */ name) => readFileSync(new URL(name, ROOT), 'utf8').replace(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, '').replace(/\/\*\*.*?\*\//g, '');
const unquoted = (/** @type {string} */ text) => text.replaceAll("\\'", "'");
const used = new Set(files.flatMap((name) => [...source(name).matchAll(ONE), ...source(name).matchAll(TWO)].flatMap(([, ...texts]) => texts.map(unquoted))));
const places = (/** @type {string} */ text) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort().join(' ');
const languages = readdirSync(new URL('lang/', ROOT));

for (const language of languages) {
  const { default: catalogue } = await import(new URL(`lang/${language}`, ROOT).href);

  test(`${language}: nothing is missing, nothing is left over`, () => {
    assert.deepEqual([...used].filter((text) => !(text in catalogue)), []);
    assert.deepEqual(Object.keys(catalogue).filter((text) => !used.has(text)), []);
  });

  test(`${language}: what is filled in has its place`, () => {
    for (const [english, other] of Object.entries(catalogue)) assert.equal(places(other), places(english), english);
  });
}

test('what people read goes through the catalogue', () => {
  const found = files.filter((name) => !ENGLISH.some((part) => name === part || name.startsWith(part))).flatMap((name) =>
    source(name).split('\n').filter((line) => !/new Error\(|console\.|count\(/.test(line)).flatMap((line) => [...[...line.matchAll(SENTENCE)].map(([, text]) => text), ...[...line.matchAll(BEHIND)].map(([text]) => text)].map((text) => `${name}: ${text}`)));
  assert.deepEqual(found, []);
});
