// Guest links: make one, see who has one, revoke it.

import { ApiError } from '../answer.js';
import { get, post, remove } from '../api.js';
import { h, icon, part, replace } from '../dom.js';
import { loadInto, problem, start } from '../frame.js';
import { check, field, section } from '../sheet.js';
import { t } from '../text.js';
import { moment, parse } from '../time.js';

/** @typedef {{id: number, name: string, made_by: string, cameras: string[], live: boolean, state: 'open' | 'over' | 'revoked', from: string | null, to: string | null, until: string, reason: string, used_at: string | null, uses: number, link?: string}} Guest */

const DAY_MS = 86_400_000;

class Sheet {
  body = part('sheet', HTMLElement);
  /** @type {Guest[]} */
  guests = [];
  /** @type {Guest | null} */
  fresh = null;

  /** @param {import('../place.js').Place} place */
  constructor(place) {
    this.place = place;
  }

  async load() {
    this.guests = await get('/api/guests/');
    this.render();
  }

  render() {
    this.body.removeAttribute('aria-busy');
    const mine = [...this.place.cameras.values()].filter(({ may }) => may.includes('operate'));
    replace(this.body, this.fresh && this.#made(this.fresh), mine.length ? this.#form(mine) : null, this.#list(mine.length > 0));
  }

  /** The link is shown this once. @param {Guest} guest */
  #made(guest) {
    const link = h('input', { class: 'input', readonly: true, value: guest.link ?? '', 'aria-label': t('Guest link'), id: 'link' });
    const copy = h('button', { class: 'btn btn--primary', type: 'button' }, icon('copy'), t('Copy'));
    copy.addEventListener('click', async () => {
      link.select();
      try {
        await navigator.clipboard.writeText(link.value);
        copy.lastChild?.replaceWith(t('Copied'));
      } catch (error) {
        // Without https there is no clipboard; the text is selected to be copied by hand.
        if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
      }
    });
    return h('section', { class: 'notice', 'data-kind': 'stored', 'aria-labelledby': 'made-title' }, icon('check'),
      h('div', { class: 'stack full' }, h('h2', { id: 'made-title', tabindex: '-1' }, t('A link for {name}', { name: guest.name })), h('p', {}, t('Give it to nobody else: whoever has it sees the same. It is shown only now.')), h('div', { class: 'link-once' }, link, copy)));
  }

  /** @param {import('../api.js').Camera[]} cameras */
  #form(cameras) {
    const boxes = cameras.map(({ jid, name, location_name: place }) => ({ jid, box: check(`${name}, ${place}`, cameras.length === 1, () => {}) }));
    let live = true;
    let recordings = false;
    const [from, to] = ['from', 'to'].map((id) => h('input', { class: 'input', id, type: 'datetime-local', disabled: true }));
    const until = h('input', { class: 'input', id: 'until', type: 'datetime-local', required: true, value: local(Date.now() + DAY_MS) });
    const name = h('input', { class: 'input', id: 'name', required: true, maxlength: 60, placeholder: t('Jana Novak, police') });
    const reason = h('input', { class: 'input', id: 'reason', maxlength: 300 });
    const complaint = h('p', { class: 'field__error', role: 'alert', hidden: true });
    const range = h('div', { class: 'fields', hidden: true }, field('from', t('From'), from), field('to', t('to'), to));
    const withRange = check(t('Recordings of a range'), false, (on) => {
      recordings = on;
      range.hidden = !on;
      for (const input of [from, to]) input.toggleAttribute('disabled', !on);
    });
    const form = h('form', { class: 'card', id: 'invite' },
      h('div', { class: 'fields' }, field('name', t('Who is it for?'), name), field('until', t('The link ends'), until), field('reason', t('Why (is kept with the link)'), reason)),
      h('fieldset', { class: 'field field--many' }, h('legend', {}, t('Cameras')), ...boxes.map(({ box }) => box)),
      h('fieldset', { class: 'field' }, h('legend', {}, t('What may be seen?')), check(t('Live pictures'), true, (on) => (live = on)), withRange, range),
      complaint, h('p', {}, h('button', { class: 'btn btn--primary', type: 'submit' }, t('Make the link'))));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const wanted = recordings ? { from: instant(from.value), to: instant(to.value) } : {};
      const chosen = boxes.filter(({ box }) => box.querySelector('input')?.checked).map(({ jid }) => jid);
      void this.#make({ name: name.value.trim(), reason: reason.value.trim(), cameras: chosen, live, until: instant(until.value), ...wanted }, complaint);
    });
    return section('new', t('A new guest link'), t('A guest sees the cameras that you choose, and nothing else. In the room they are seen as a guest; what they look at is written down.'), form);
  }

  /** @param {Record<string, any>} wish @param {HTMLElement} complaint */
  async #make(wish, complaint) {
    const words = mistake(wish);
    complaint.hidden = !words;
    if (words) return replace(complaint, icon('warning'), words);
    try {
      this.fresh = await post('/api/guests/', wish);
      await this.load();
      part('made-title', HTMLElement).focus();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      complaint.hidden = false;
      replace(complaint, icon('warning'), error.message);
    }
  }

  /** @param {boolean} may */
  #list(may) {
    const list = this.guests.length ? h('ul', { class: 'rows' }, ...this.guests.map((guest) => this.#guest(guest)))
      : h('div', { class: 'empty' }, icon('people'), h('h3', {}, t('No guest links')), h('p', {}, may ? t('What you make above stands here, until long after it is over.') : t('Links are made by those who look after a place.')));
    return h('section', { 'aria-labelledby': 'links-title' }, h('h2', { id: 'links-title' }, t('Links')), list);
  }

  /** @param {Guest} guest */
  #guest(guest) {
    const now = Date.now();
    const state = { open: t('until {time}', { time: moment(parse(guest.until), now) }), over: t('over since {time}', { time: moment(parse(guest.until), now) }), revoked: t('revoked') }[guest.state];
    const range = guest.from && guest.to ? `${moment(parse(guest.from), now)} – ${moment(parse(guest.to), now)}` : '';
    const sees = [guest.live ? t('live') : '', range, guest.cameras.map((jid) => this.place.nameOf(jid)).join(', ')].filter(Boolean).join(' · ');
    const used = guest.used_at ? t('opened {n} times, last {time}', { n: guest.uses, time: moment(parse(guest.used_at), now) }) : t('never opened');
    const revoke = h('button', { class: 'btn', type: 'button' }, t('Revoke'));
    revoke.addEventListener('click', () => void this.#revoke(guest, revoke));
    return h('li', { 'data-guest-link': guest.id }, icon(guest.state === 'open' ? 'people' : 'off'),
      h('div', { class: 'rows__text', 'data-state': guest.state }, h('strong', {}, guest.name), ` ${state}`, h('p', {}, sees), h('p', {}, [used, t('by {who}', { who: this.place.nameOf(guest.made_by) }), guest.reason].filter(Boolean).join(' · '))),
      guest.state === 'open' ? h('div', { class: 'rows__do' }, revoke) : null);
  }

  /** @param {Guest} guest @param {HTMLButtonElement} button */
  async #revoke(guest, button) {
    button.disabled = true;
    try {
      await remove(`/api/guests/${guest.id}/`);
      if (this.fresh?.id === guest.id) this.fresh = null;
      await this.load();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.body.prepend(problem(error, () => void loadInto(this.body, () => this.load())));
    }
  }
}

/** What is missing, in words. @param {Record<string, any>} wish */
function mistake({ name, cameras, live, until, from, to }) {
  if (!name) return t('Say whom the link is for.');
  if (!cameras.length) return t('Choose at least one camera.');
  if (!live && from === undefined) return t('Allow live pictures, a range of recordings, or both.');
  if (from === null || to === null) return t('Say when the recordings begin and end.');
  return until ? '' : t('Say when the link ends.');
}

/** @param {string} value of a datetime-local input, null when it is empty */
function instant(value) {
  return value ? new Date(value).toISOString() : null;
}

/** As a datetime-local input wants it. @param {number} ms */
function local(ms) {
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const page = start();
if (page) {
  const sheet = new Sheet(page.place);
  void loadInto(sheet.body, async () => {
    await page.place.load();
    await sheet.load();
  });
}
