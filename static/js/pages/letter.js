// The weekly letter as a page, of any week.

import { ApiError } from '../answer.js';
import { get } from '../api.js';
import { h, icon, part, replace, s } from '../dom.js';
import { loadInto, start } from '../frame.js';
import { section } from '../sheet.js';
import { count, language, t } from '../text.js';
import { days, duration, moment, parse } from '../time.js';

/** @typedef {{jid: string, name: string, location: string, share: number | null, seconds: Record<string, number>, gaps: number, longest_gap: {from: string, seconds: number, words: string} | null, spool_peak: {share: number | null, bytes: number} | null, days_kept: number | null, days_asked: number | null, short: boolean, young: boolean, fits: string}} Row */
/** @typedef {{week: string, headline: string, cameras: Row[], alerts: {count: number, critical_unclaimed: number, listed: {title: string, raised_at: string, claimed_by: string, cleared_at: string | null}[]}, exports: {owner: string, cameras: string[], reason: string, created_at: string}[]}} Letter */

const GOOD = 0.9995;
const HARDLY = 0.01;
const body = part('sheet', HTMLElement);

/** Never rounded up to all of it. @param {number | null} share */
function percent(share) {
  if (share === null) return '–';
  return share >= 0.99995 ? '100 %' : `${(Math.floor(share * 1000) / 10).toLocaleString(language)} %`;
}

/** @param {Letter} letter */
function render(letter) {
  body.removeAttribute('aria-busy');
  const monday = parse(`${letter.week}T12:00:00Z`);
  replace(part('weeks', HTMLElement), step(monday, -7, 'chevron-left', t('Week before')), h('span', {}, days(monday, monday + 6 * 86_400_000)), step(monday, 7, 'chevron-right', t('Week after')));
  replace(body, letter.cameras.length ? h('section', { class: 'week', 'aria-label': t('Cameras') }, ...letter.cameras.map(camera))
    : h('div', { class: 'empty' }, icon('cameras'), h('h2', {}, t('No cameras')), h('p', {}, t('There are no cameras whose recordings you may see.'))), alerts(letter), exported(letter));
}

/** @param {number} monday @param {number} days @param {string} picture @param {string} words */
function step(monday, days, picture, words) {
  const other = new Date(monday + days * 86_400_000).toISOString().slice(0, 10);
  const ahead = Date.parse(`${other}T00:00:00Z`) > Date.now();
  return h('button', { class: 'btn btn--quiet btn--icon', type: 'button', 'aria-label': words, disabled: ahead, onclick: () => void load(other) }, icon(picture));
}

/** @param {Row} row */
function camera(row) {
  const good = row.share === null || row.share >= GOOD;
  const gap = row.longest_gap;
  const facts = /** @type {[string, string, boolean?][]} */ ([
    [t('Longest gap'), gap ? `${duration(gap.seconds * 1000)}, ${moment(parse(gap.from), Date.now())}: ${gap.words}` : t('none')],
    [t('Kept'), row.days_kept === null ? t('nothing stored') : row.days_asked === null ? t('{n} days', { n: row.days_kept.toLocaleString(language) }) : t('{n} of {asked} days asked', { n: row.days_kept.toLocaleString(language), asked: row.days_asked }), row.short],
    [t('Camera’s own disk'), fullest(row.spool_peak)],
  ]);
  return h('article', { class: 'week__camera', 'data-camera': row.jid },
    h('header', { class: 'week__head' }, h('div', {}, h('h2', {}, row.name), h('p', { class: 'muted' }, row.location)), h('span', { class: 'week__share', 'data-kind': row.share === null ? 'none' : good ? 'stored' : 'lost' }, percent(row.share), h('span', { class: 'sr' }, ` ${t('stored')}`))),
    strip(row), h('dl', {}, ...facts.flatMap(([name, words, bad]) => [h('dt', {}, name), h('dd', bad ? { 'data-kind': 'lost' } : {}, words)])), row.short ? h('p', { 'data-kind': 'lost' }, row.fits) : row.young ? h('p', { class: 'muted' }, row.fits) : null);
}

/** How full the camera's own disk was at its fullest. @param {Row['spool_peak']} peak */
function fullest(peak) {
  if (!peak) return t('nothing reported');
  if (peak.share !== null && peak.share < HARDLY) return t('hardly used');
  return peak.share === null ? t('at most {n} MB in use', { n: Math.round(peak.bytes / 1e6) }) : t('at most {share} full', { share: percent(peak.share) });
}

/** The shares as a strip; the words stand beside it. @param {Row} row */
function strip({ seconds }) {
  const all = Object.values(seconds).reduce((sum, part) => sum + part, 0) || 1;
  let at = 0;
  const band = (/** @type {string} */ name, /** @type {number} */ part) => {
    const x = at;
    at += (part / all) * 100;
    return s('rect', { class: name, x: `${x}%`, y: 0, width: `${(part / all) * 100}%`, height: '100%' });
  };
  return s('svg', { class: 'share', 'aria-hidden': 'true' }, s('rect', { class: 'bed', width: '100%', height: '100%' }), band('stored', (seconds.stored ?? 0) + (seconds.on_camera ?? 0)), band('off', seconds.off ?? 0), band('lost', (seconds.lost ?? 0) + (seconds.unknown ?? 0)));
}

/** @param {Letter} letter */
function alerts({ alerts: { count: all, critical_unclaimed: alone, listed } }) {
  const words = alone ? count(alone, '{n} critical alert was taken by nobody.', '{n} critical alerts were taken by nobody.') : t('What was raised, and who had it.');
  return section('alerts', all ? count(all, '{n} alert', '{n} alerts') : t('No alerts'), words, listed.length ? h('ul', { class: 'rows' }, ...listed.map((alert) => h('li', {}, icon(alert.cleared_at ? 'check' : 'alerts'),
    h('div', { class: 'rows__text' }, h('strong', {}, alert.title), h('p', {}, [moment(parse(alert.raised_at), Date.now()), alert.claimed_by ? t('{who} had it', { who: alert.claimed_by }) : t('nobody took it'), alert.cleared_at ? '' : t('still open')].filter(Boolean).join(' · ')))))) : null);
}

/** @param {Letter} letter */
function exported({ exports }) {
  return section('exports', exports.length ? count(exports.length, '{n} export', '{n} exports') : t('No exports'), t('Footage that was taken away.'), exports.length ? h('ul', { class: 'rows' }, ...exports.map((one) => h('li', {}, icon('export'),
    h('div', { class: 'rows__text' }, h('strong', {}, one.cameras.join(', ')), h('p', {}, [moment(parse(one.created_at), Date.now()), one.owner, one.reason].filter(Boolean).join(' · ')))))) : null);
}

/** @param {string} [week] */
async function load(week) {
  await loadInto(body, async () => {
    const letter = await get(`/api/letter/${week ? `?week=${encodeURIComponent(week)}` : ''}`);
    history.replaceState(null, '', `/letter/?week=${letter.week}`);
    render(letter);
  });
}

const page = start();
if (page) {
  // What the frame shows of the person; the letter says itself what is wrong.
  page.place.load().catch((error) => {
    if (!(error instanceof ApiError)) throw error;
  });
  void load(new URLSearchParams(location.search).get('week') ?? undefined);
}
