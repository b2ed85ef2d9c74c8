// A person's passkeys: add one, name it, remove it. What changes them needs one of them, where there is one.

import { ApiError } from '../answer.js';
import { get, patch, post } from '../api.js';
import { h, icon, part, replace } from '../dom.js';
import { loadInto, start } from '../frame.js';
import { make, supported, use } from '../passkey.js';
import { field, section } from '../sheet.js';
import { count, t } from '../text.js';
import { moment, parse } from '../time.js';

/** @typedef {{id: number, name: string, created_at: string, used_at: string | null}} Passkey */

class Sheet {
  body = part('sheet', HTMLElement);
  possible = true;
  /** @type {Passkey[]} */
  passkeys = [];
  /** Asked for, not made yet: a second press goes on from there. @type {import('../passkey.js').Asked | null} */
  asked = null;
  said = '';
  /** The one that is being named or removed. @type {{id: number, what: 'rename' | 'remove'} | null} */
  doing = null;

  async load() {
    ({ possible: this.possible, passkeys: this.passkeys } = await get('/api/passkeys/'));
    this.render();
  }

  render() {
    this.body.removeAttribute('aria-busy');
    replace(this.body, this.said && h('section', { class: 'notice', 'data-kind': 'stored', role: 'status' }, icon('check'), h('p', {}, this.said)), this.#list(), this.#form());
  }

  #list() {
    const words = t('With a passkey nobody signs in as you by a mail alone: after the link, this site asks for the phone, computer or security key that keeps it.');
    const list = this.passkeys.length ? h('ul', { class: 'rows' }, ...this.passkeys.map((passkey) => this.#row(passkey)))
      : h('div', { class: 'empty' }, icon('key'), h('h3', {}, t('No passkey yet')), h('p', {}, t('The link from your mail signs you in by itself.')));
    return section('mine', t('Your passkeys'), words, list);
  }

  /** @param {Passkey} passkey */
  #row(passkey) {
    const now = Date.now();
    const used = passkey.used_at ? t('last used {time}', { time: moment(parse(passkey.used_at), now) }) : t('not used yet');
    const what = this.doing?.id === passkey.id ? this.doing.what : '';
    const text = h('div', { class: 'rows__text' }, h('strong', {}, passkey.name), h('p', {}, `${t('added {time}', { time: moment(parse(passkey.created_at), now) })} · ${used}`));
    const row = h('li', { 'data-passkey': passkey.id }, icon('key'), text);
    if (what === 'rename') row.append(this.#rename(passkey));
    else if (what === 'remove') row.append(this.#removal(passkey));
    else row.append(h('div', { class: 'rows__do' }, this.#button(t('Rename'), () => this.#begin(passkey, 'rename')), this.#button(t('Remove'), () => this.#begin(passkey, 'remove'))));
    return row;
  }

  /** @param {string} words @param {() => void} press @param {string} [kind] */
  #button(words, press, kind = '') {
    return h('button', { class: `btn ${kind}`.trim(), type: 'button', onclick: press }, words);
  }

  /** @param {Passkey | null} passkey @param {'rename' | 'remove'} [what] */
  #begin(passkey, what) {
    this.doing = passkey && what ? { id: passkey.id, what } : null;
    this.render();
    if (passkey) /** @type {HTMLElement | null} */ (this.body.querySelector(`[data-passkey="${passkey.id}"] :is(input, button)`))?.focus();
  }

  /** @param {Passkey} passkey */
  #rename(passkey) {
    const input = h('input', { class: 'input', value: passkey.name, maxlength: 60, required: true, 'aria-label': t('Name of the passkey') });
    const form = h('form', { class: 'rows__do full' }, input, h('button', { class: 'btn btn--primary', type: 'submit' }, t('Keep the name')), this.#button(t('Cancel'), () => this.#begin(null)));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#then(form, () => patch(`/api/passkeys/${passkey.id}/`, { name: input.value.trim() }), '');
    });
    return form;
  }

  /** @param {Passkey} passkey */
  #removal(passkey) {
    const last = this.passkeys.length === 1;
    const words = last ? t('It is your last one: afterwards the link from a mail is enough to sign in as you. Your browser asks for it once more.') : t('Your browser asks for one of your passkeys first.');
    const form = h('form', { class: 'stack full' }, h('p', {}, words), h('div', { class: 'rows__do' }, h('button', { class: 'btn', type: 'submit' }, t('Remove it')), this.#button(t('Keep it'), () => this.#begin(null))));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#then(form, async () => post(`/api/passkeys/${passkey.id}/remove/`, { proof: await prove() }), t('{name} is removed.', { name: passkey.name }));
    });
    return form;
  }

  #form() {
    const closed = this.possible ? (supported() ? '' : t('This browser has no passkeys here. Use another one.'))
      : t('Passkeys need an https address with a name. Whoever looks after the server can set one.');
    if (closed) return section('new', t('A new passkey'), closed);
    const name = h('input', { class: 'input', id: 'name', required: true, maxlength: 60, autocomplete: 'off', placeholder: t('My phone') });
    const hint = this.passkeys.length ? t('Your browser asks for a passkey that you have, then for the new one.') : t('With the first one you are signed out on all other devices.');
    const form = h('form', { class: 'card', id: 'add' }, h('div', { class: 'fields' }, field('name', t('What do you call it?'), name, hint)),
      h('p', {}, h('button', { class: 'btn btn--primary', type: 'submit' }, icon('plus'), t('Add a passkey'))));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#then(form, () => this.#add(name.value.trim()), '');
    });
    const words = this.passkeys.length === 1 ? t('Add a second one on another device, in case you lose the first.') : t('On this device, in a password manager, on a phone nearby, or on a security key.');
    return section('new', t('A new passkey'), words, form);
  }

  /** @param {string} name */
  async #add(name) {
    if (!name) throw new ApiError('invalid', t('Give the passkey a name.'));
    this.asked ??= await post('/api/passkeys/options/', this.passkeys.length ? { proof: await prove() } : {});
    const { ticket, options } = /** @type {import('../passkey.js').Asked} */ (this.asked);
    const credential = await make(options);
    this.asked = null;
    const { signed_out } = await post('/api/passkeys/', { ticket, credential, name });
    const ended = signed_out ? ` ${count(signed_out, 'One other sign-in was ended.', '{n} other sign-ins were ended.')}` : '';
    this.said = `${t('{name} is added. From now on a link alone lets nobody in as you.', { name })}${ended}`;
  }

  /** @param {HTMLFormElement} form @param {() => Promise<unknown>} work @param {string} said */
  async #then(form, work, said) {
    const buttons = [...form.querySelectorAll('button')];
    for (const button of buttons) button.disabled = true;
    form.parentElement?.querySelector('.field__error')?.remove();
    this.said = said;
    try {
      await work();
      this.doing = null;
      await this.load();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      for (const button of buttons) button.disabled = false;
      form.append(h('p', { class: 'field__error', role: 'alert' }, icon('warning'), `${error.message} ${error.hint}`.trim()));
    }
  }
}

/** One of the person's passkeys, used just now. */
async function prove() {
  const { ticket, options } = await post('/api/passkeys/proof/');
  return { ticket, credential: await use(options) };
}

const page = start();
if (page) {
  const sheet = new Sheet();
  void loadInto(sheet.body, async () => {
    await page.place.load();
    await sheet.load();
  });
}
