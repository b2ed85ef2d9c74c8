// What a person is told of, by which ways, and when not. Every change is kept at once.

import { ApiError } from '../answer.js';
import { get, post, put, remove, patch } from '../api.js';
import { h, icon, part, replace, setText } from '../dom.js';
import { loadInto, problem, start } from '../frame.js';
import { browserName, fingerprint, pushState, subscribe } from '../push.js';
import { check, field, section } from '../sheet.js';
import { t } from '../text.js';
import { moment, ownZone, parse } from '../time.js';

/** @typedef {{id: number, kind: 'mail' | 'push' | 'service', name: string, target: string, enabled: boolean, fingerprint: string, made_by: string, sent_at: string | null, failing_since: string | null, failure: string, person?: string}} Way */
/** @typedef {{location: string | null, name: string, heard: 'none' | 'critical' | 'all', by_mail: boolean, by_push: boolean, by_service: boolean}} Wish */
/** @typedef {{timezone: string, critical_anyway: boolean, quiet_from: string | null, quiet_to: string | null, letter: boolean, places: Wish[], channels: Way[], push_key: string, services_of_others?: Way[]}} Notices */

const ICONS = { mail: 'mail', push: 'alerts', service: 'send' };
const TEST_LOOKS = 20;
const LOOK_MS = 1000;

class Sheet {
  body = part('sheet', HTMLElement);
  saved = part('saved', HTMLElement);
  notices = /** @type {Notices} */ ({ timezone: '', critical_anyway: true, quiet_from: null, quiet_to: null, letter: false, places: [], channels: [], push_key: '' });
  here = false;

  async load() {
    this.notices = await get('/api/notices/');
    // Subscribed says little: it may be for somebody who signed in here before, or was taken away on another device.
    const here = await fingerprint();
    this.here = Boolean(here) && this.notices.channels.some(({ fingerprint: known }) => known === here);
    if (!this.notices.timezone) await this.#keep({ timezone: ownZone() });
    this.render();
  }

  render() {
    this.body.removeAttribute('aria-busy');
    const operator = this.notices.services_of_others !== undefined;
    replace(this.body, this.#ways(), this.#places(), this.#quiet(), this.#letter(), operator && this.#services());
  }

  /** @param {Record<string, unknown>} change */
  async #keep(change) {
    setText(this.saved, t('Saving'));
    try {
      this.notices = await put('/api/notices/', change);
      setText(this.saved, t('Saved'));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.saved, '');
      this.body.prepend(problem(error, () => void loadInto(this.body, () => this.load())));
    }
  }

  /** @param {() => Promise<unknown>} work */
  async #then(work) {
    try {
      await work();
      await this.load();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.render();
      this.body.prepend(problem(error, null));
    }
  }

  #ways() {
    return section('ways', t('How you are reached'), t('Alerts are always shown here and in the room. These ways reach you when you do not look.'),
      h('ul', { class: 'rows' }, ...this.notices.channels.map((way) => this.#way(way))), this.#thisBrowser());
  }

  /** @param {Way} way */
  #way(way) {
    const result = h('p', { role: 'status' });
    const test = h('button', { class: 'btn', type: 'button', disabled: !way.enabled }, t('Send a test'));
    test.addEventListener('click', () => void this.#test(way, test, result));
    const off = h('button', { class: 'btn btn--quiet', type: 'button', onclick: () => void this.#then(() => patch(`/api/notices/channels/${way.id}/`, { enabled: !way.enabled })) }, way.enabled ? t('Switch off') : t('Switch on'));
    const away = h('button', { class: 'btn btn--quiet', type: 'button', onclick: () => void this.#then(() => remove(`/api/notices/channels/${way.id}/`)) }, t('Take away'));
    return h('li', { 'data-way': way.id }, icon(ICONS[way.kind]),
      h('div', { class: 'rows__text' }, h('strong', {}, way.kind === 'mail' ? t('Mail to {address}', { address: way.target }) : way.name), way.person ? ` · ${way.person}` : '', this.#state(way), result),
      h('div', { class: 'rows__do' }, test, off, way.kind === 'mail' ? null : away));
  }

  /** @param {Way} way */
  #state(way) {
    if (!way.enabled) return h('p', {}, t('Switched off'));
    if (way.failing_since) return h('p', { 'data-kind': 'lost' }, t('Messages do not arrive since {time}: {why}', { time: moment(parse(way.failing_since), Date.now()), why: way.failure }));
    return h('p', {}, way.sent_at ? t('Last message {time}', { time: moment(parse(way.sent_at), Date.now()) }) : t('Nothing sent yet'));
  }

  /** @param {Way} way @param {HTMLButtonElement} button @param {HTMLElement} result */
  async #test(way, button, result) {
    button.disabled = true;
    delete result.dataset.kind;
    setText(result, t('On its way'));
    try {
      const { test } = await post(`/api/notices/channels/${way.id}/test/`);
      await this.#outcome(way, test, result);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      result.dataset.kind = 'lost';
      setText(result, `${error.message} ${error.hint}`);
    }
    button.disabled = false;
  }

  /** @param {Way} way @param {number} test @param {HTMLElement} result */
  async #outcome(way, test, result) {
    for (let looks = 0; looks < TEST_LOOKS; looks++) {
      const found = await get(`/api/notices/channels/${way.id}/test/`);
      if (found.test === test && ['sent', 'failed', 'dropped'].includes(found.state)) {
        result.dataset.kind = found.state === 'sent' ? 'stored' : 'lost';
        return setText(result, found.state === 'sent' ? t('The test was sent. Look whether it arrived.') : found.words);
      }
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    setText(result, t('The test still waits. Look again in a minute.'));
  }

  #thisBrowser() {
    const state = pushState();
    if (this.here) return h('p', { class: 'muted' }, t('This browser is told.'));
    if (state === 'unsupported') return h('p', { class: 'muted' }, t('This browser cannot be told: it has no push messages, or the page was not opened by https.'));
    if (state === 'denied') return h('p', { class: 'muted' }, t('This browser refuses notifications of this site. Allow them in its settings, then load the page again.'));
    const button = h('button', { class: 'btn', type: 'button' }, icon('alerts'), t('Tell me in this browser'));
    button.addEventListener('click', () => void this.#then(async () => {
      button.disabled = true;
      const subscription = await subscribe(this.notices.push_key);
      if (!subscription) throw new ApiError('push_refused', t('This browser did not agree, or its push service cannot be reached.'));
      await post('/api/notices/channels/', { kind: 'push', subscription, name: browserName(navigator.userAgent) });
    }));
    return h('p', {}, button);
  }

  #places() {
    const { places } = this.notices;
    const list = places.length ? h('ul', { class: 'rows' }, ...places.map((wish) => this.#place(wish))) : h('p', { class: 'muted' }, t('You belong to no place yet.'));
    return section('places', t('What you are told of'), t('Nobody takes an alert for a while? Then everybody who looks after the place is told, whatever stands here.'), list);
  }

  /** @param {Wish} wish */
  #place(wish) {
    const keep = () => void this.#keep({ places: [{ location: wish.location, heard: wish.heard, by_mail: wish.by_mail, by_push: wish.by_push, by_service: wish.by_service }] });
    const choices = /** @type {[Wish['heard'], string][]} */ ([['none', t('Nothing')], ['critical', t('Critical alerts')], ['all', t('All alerts')]]);
    const heard = h('select', { class: 'select', 'aria-label': t('Alerts of {place}', { place: wish.name }) }, ...choices.map(([value, words]) => h('option', { value, selected: wish.heard === value }, words)));
    heard.addEventListener('change', () => {
      wish.heard = /** @type {Wish['heard']} */ (heard.value);
      keep();
    });
    const by = (/** @type {'by_mail' | 'by_push' | 'by_service'} */ key, /** @type {string} */ words) => check(words, wish[key], (on) => {
      wish[key] = on;
      keep();
    });
    const name = wish.location ?? '';
    return h('li', {}, h('div', { class: 'rows__text' }, h('strong', {}, wish.location ? wish.name : t('This server')), wish.location && wish.name !== name ? h('p', {}, name) : null),
      h('div', { class: 'rows__do' }, heard, by('by_mail', t('Mail')), by('by_push', t('Browser')), by('by_service', t('Services'))));
  }

  #quiet() {
    const { notices } = this;
    const time = (/** @type {'quiet_from' | 'quiet_to'} */ key, /** @type {string} */ label) => {
      const input = h('input', { class: 'input', type: 'time', value: notices[key] ?? '', id: key });
      input.addEventListener('change', () => void this.#keep({ [key]: input.value || null }));
      return h('div', { class: 'field' }, h('label', { class: 'field__label', for: key }, label), input);
    };
    const zone = h('select', { class: 'select', id: 'zone' }, ...zones(notices.timezone).map((name) => h('option', { value: name, selected: name === notices.timezone }, name.replaceAll('_', ' '))));
    zone.addEventListener('change', () => void this.#keep({ timezone: zone.value }));
    return section('quiet', t('When not'), t('In quiet hours messages wait until they end. Leave both empty for none.'),
      h('div', { class: 'card' }, h('div', { class: 'fields' }, time('quiet_from', t('Quiet from')), time('quiet_to', t('to')),
        h('div', { class: 'field' }, h('label', { class: 'field__label', for: 'zone' }, t('Your time zone')), zone)),
      check(t('Critical alerts wake me anyway'), notices.critical_anyway, (on) => void this.#keep({ critical_anyway: on }))));
  }

  #letter() {
    return section('letter', t('Weekly letter'), t('On Monday morning: what was stored, what was lost and why, alerts and who had them.'),
      h('div', { class: 'row row--wrap' }, check(t('Send it to me'), this.notices.letter, (on) => void this.#keep({ letter: on })), h('a', { class: 'btn btn--quiet', href: '/letter/' }, t('Read it now'))));
  }

  #services() {
    const others = this.notices.services_of_others ?? [];
    const person = field('person', t('Who is told'), h('input', { class: 'input', id: 'person', type: 'email', required: true, placeholder: 'ana@example.com', autocomplete: 'off' }));
    const name = field('service-name', t('Name in the list'), h('input', { class: 'input', id: 'service-name', maxlength: 100, placeholder: t('Phone of the night watch') }));
    const url = field('service-url', t('URL of the service'), h('input', { class: 'input', id: 'service-url', required: true, spellcheck: 'false', autocomplete: 'off', placeholder: 'ntfys://ntfy.sh/…' }), t('As Apprise writes it. It is a secret: nobody is shown it again.'));
    const complaint = h('p', { class: 'field__error', role: 'alert', hidden: true });
    const form = h('form', { class: 'card', id: 'service-form' }, h('div', { class: 'fields' }, person, name, h('div', { class: 'wide' }, url)), complaint, h('p', {}, h('button', { class: 'btn btn--primary', type: 'submit' }, t('Add the service'))));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const value = (/** @type {string} */ id) => part(id, HTMLInputElement).value.trim();
      void post('/api/notices/channels/', { kind: 'service', person: value('person'), name: value('service-name'), url: value('service-url') }).then(() => loadInto(this.body, () => this.load()), (error) => {
        if (!(error instanceof ApiError)) throw error;
        complaint.hidden = false;
        replace(complaint, icon('warning'), error.status === 404 ? t('Nobody here has this address.') : `${error.message} ${error.hint}`);
      });
    });
    return section('services', t('Services'), t('ntfy, Gotify, Slack, Matrix, Telegram and others. Only operators set them up, for themselves and for others.'),
      others.length ? h('ul', { class: 'rows' }, ...others.map((way) => this.#way(way))) : null, form);
  }
}

/** All zones that the browser knows, the person's own among them. @param {string} own */
function zones(own) {
  const known = Intl.supportedValuesOf('timeZone');
  return known.includes(own) ? known : [own, ...known];
}

const page = start();
if (page) {
  const sheet = new Sheet();
  void loadInto(sheet.body, async () => {
    await Promise.all([page.place.load(), sheet.load()]);
  });
}
