// Follow me: a person who leads tells where their player stands; those who accepted go there. Nothing of it is kept.

import { cameraPage } from './api.js';
import { h, icon, part, replace, setText } from './dom.js';
import { Emitter } from './emitter.js';
import { FAR_MS, NEAR_MS } from './pace.js';
import { bare } from './protocol.js';
import { count, t } from './text.js';
import { SECOND, clock, iso, parse } from './time.js';

/** @typedef {import('./protocol.js').Lead} Lead */
/** @typedef {import('./player.js').Player} Player */

const TELL_EVERY_MS = SECOND;
/** A leader tells every second; who is silent so long has gone. */
const SILENCE_MS = 6 * SECOND;
const KEY = 'follow';

/** Offers, on every page, to come along with whoever leads. @extends {Emitter<{follow: Lead}>} */
export class Invitations extends Emitter {
  /** Full JIDs of leaders whom the person does not want to follow now. @type {Set<string>} */
  #declined = new Set();
  /** @type {Lead | null} */
  #shown = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #gone;
  /** Full JID of whom this page follows already. */
  followed = '';

  /** @param {import('./place.js').Place} place */
  constructor(place) {
    super();
    this.place = place;
    this.notice = part('invitation', HTMLElement);
    this.words = part('invitation-words', HTMLElement);
    part('invitation-accept', HTMLButtonElement).addEventListener('click', () => this.#accept());
    part('invitation-decline', HTMLButtonElement).addEventListener('click', () => this.#decline());
    place.room.on('lead', (lead) => this.#heard(lead));
    place.room.on('offline', ({ jid }) => jid === this.#shown?.from && this.#hide());
  }

  /** @param {Lead} lead */
  #heard(lead) {
    if (lead.over) {
      this.#declined.delete(lead.from);
      if (this.#shown?.from === lead.from) this.#hide();
      return;
    }
    const name = this.place.cameras.get(lead.camera)?.name;
    if (!name || lead.from === this.followed || this.#declined.has(lead.from)) return;
    this.#shown = lead;
    const at = parse(lead.at);
    const who = bare(lead.from) === this.place.me?.jid ? t('Your other screen') : this.place.nameOf(lead.from);
    setText(this.words, Number.isNaN(at) ? t('{who} shows {camera}, live.', { who, camera: name }) : t('{who} shows {camera} at {time}.', { who, camera: name, time: clock(at) }));
    this.notice.hidden = false;
    clearTimeout(this.#gone);
    this.#gone = setTimeout(() => this.#hide(), SILENCE_MS);
  }

  #accept() {
    const lead = this.#shown;
    this.#hide();
    if (lead) this.emit('follow', lead);
  }

  #decline() {
    if (this.#shown) this.#declined.add(this.#shown.from);
    this.#hide();
  }

  #hide() {
    clearTimeout(this.#gone);
    this.#shown = null;
    this.notice.hidden = true;
  }
}

/** To the camera that a leader shows, following. @param {Lead} lead */
export function goAlong(lead) {
  const url = new URL(cameraPage(lead.camera, null), location.href);
  url.searchParams.set(KEY, lead.from);
  location.assign(url);
}

/** Leading and following of one player. */
export class FollowMe {
  /** Full JID of whom this page follows; empty: nobody. */
  #leader = '';
  #heard_at = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #telling;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watching;
  /** Full JIDs of those who came along. @type {Set<string>} */
  #company = new Set();
  #told = '';
  #said = '';
  #button = part('lead', HTMLButtonElement);
  #words = part('lead-words', HTMLElement);
  #notice = part('following', HTMLElement);

  /** @param {import('./place.js').Place} place @param {Player} player @param {import('./abreast.js').Abreast} abreast @param {Invitations} invitations */
  constructor(place, player, abreast, invitations) {
    this.place = place;
    this.abreast = abreast;
    this.room = place.room;
    this.player = player;
    this.invitations = invitations;
    this.#button.addEventListener('click', () => (this.leading ? this.stopLeading() : this.lead()));
    player.on('change', () => this.#tell());
    abreast.on('change', () => this.#tell());
    abreast.on('own', () => this.ownWay());
    this.room.on('lead', (lead) => lead.from === this.#leader && this.#go(lead));
    this.room.on('state', (state) => state === 'open' && this.#back());
    this.room.on('follow', ({ from, over }) => this.#joined(from, over));
    place.on('people', () => this.#leader && this.#say(t('You follow {who}.', { who: place.nameOf(this.#leader) })));
    this.room.on('offline', ({ jid }) => {
      this.#joined(jid, true);
      if (jid === this.#leader) this.leave(t('{who} has left.', { who: this.place.nameOf(jid) }));
    });
    invitations.on('follow', (lead) => (lead.camera === this.player.camera.jid ? this.follow(lead.from, lead) : goAlong(lead)));
    addEventListener('pagehide', () => this.stopLeading(), { capture: true });
  }

  get leading() {
    return this.#telling !== undefined;
  }

  /** Goes on following whom the address names. */
  begin() {
    const url = new URL(location.href);
    const leader = url.searchParams.get(KEY);
    if (!leader) return;
    url.searchParams.delete(KEY);
    history.replaceState(null, '', url);
    this.follow(leader);
  }

  lead() {
    this.leave();
    this.#company.clear();
    this.#told = '';
    this.#telling = setInterval(() => this.#tell(true), TELL_EVERY_MS);
    this.#tell(true);
    this.#render();
  }

  stopLeading() {
    if (!this.leading) return;
    clearInterval(this.#telling);
    this.#telling = undefined;
    this.room.send({ type: 'lead', camera: this.player.camera.jid, over: true });
    this.#render();
  }

  /** @param {string} leader full JID @param {Lead} [first] where they stand */
  follow(leader, first) {
    this.stopLeading();
    this.#leader = this.invitations.followed = leader;
    this.#heard_at = performance.now();
    this.#watching ??= setInterval(() => this.#look(), TELL_EVERY_MS);
    this.room.send({ type: 'follow', to: leader });
    this.#say(t('You follow {who}.', { who: this.place.nameOf(leader) }));
    if (first) this.#go(first);
  }

  /** Goes a way of one's own again; may be called at any time. @param {string} [why] */
  leave(why = '') {
    if (!this.#leader) return;
    const leader = this.#leader;
    this.#leader = this.invitations.followed = '';
    clearInterval(this.#watching);
    this.#watching = undefined;
    if (!why) this.room.send({ type: 'follow', to: leader, over: true });
    this.player.nudge(1);
    this.#say(why, false);
  }

  /** The person took the player into their own hands. */
  ownWay() {
    if (this.#leader) this.leave();
  }

  /** Under a new address: whom this page follows hears of it again, and whoever followed has lost sight of it. */
  #back() {
    if (this.#leader) this.room.send({ type: 'follow', to: this.#leader });
    this.#company.clear();
    this.#render();
  }

  /** @param {boolean} [again] also when nothing changed */
  #tell(again = false) {
    if (!this.leading) return;
    const { player } = this;
    const live = player.mode === 'live';
    const at = Number.isNaN(player.precise) ? player.at : player.precise;
    const beside = [...this.abreast.mates.keys()];
    const key = `${live} ${player.paused} ${player.rate} ${beside}`;
    if (!again && key === this.#told) return;
    this.#told = key;
    this.room.send({ type: 'lead', camera: player.camera.jid, beside, playing: !player.paused, rate: player.rate, ...(live || Number.isNaN(at) ? {} : { at: iso(at) }) });
  }

  /** @param {Lead} lead */
  #go(lead) {
    this.#heard_at = performance.now();
    if (lead.over) return this.leave(t('{who} no longer leads.', { who: this.place.nameOf(lead.from) }));
    if (lead.camera !== this.player.camera.jid) return goAlong(lead);
    const { player } = this;
    this.abreast.show(lead.beside);
    const at = parse(lead.at);
    if (Number.isNaN(at)) return player.mode === 'live' ? undefined : player.goLive();
    if (!player.still.allowed) return;
    if (player.rate !== lead.rate && player.mode === 'past') player.setRate(lead.rate);
    const mine = Number.isNaN(player.precise) ? player.at : player.precise;
    const behind = at - mine;
    const far = lead.playing ? FAR_MS : NEAR_MS;
    if (player.mode === 'live' || player.paused === lead.playing || !(Math.abs(behind) <= far)) return player.seek(at, lead.playing);
    player.nudge(lead.playing && Math.abs(behind) > NEAR_MS * 3 ? 1 + Math.sign(behind) * 0.1 : 1);
  }

  /** A leader who says nothing has gone, whatever the roster says. */
  #look() {
    if (this.#leader && performance.now() - this.#heard_at > SILENCE_MS) this.leave(t('{who} no longer leads.', { who: this.place.nameOf(this.#leader) }));
  }

  /** @param {string} jid @param {boolean} over */
  #joined(jid, over) {
    if (!this.leading || this.#company.has(jid) === !over) return;
    if (over) this.#company.delete(jid);
    else this.#company.add(jid);
    if (!over) this.#tell(true);
    this.#render();
  }

  #render() {
    this.#button.setAttribute('aria-pressed', String(this.leading));
    const names = [...new Set([...this.#company].map((jid) => this.place.nameOf(jid)))];
    setText(this.#words, !this.leading ? t('Follow me') : names.length ? count(names.length, '1 follows', '{n} follow') : t('Leading'));
    this.#button.title = !this.leading ? t('Others who accept see what you see, at the same instant') : names.length ? t('With you: {names}. Press to stop leading.', { names: names.join(', ') }) : t('Nobody follows yet. Press to stop leading.');
  }

  /** @param {string} words @param {boolean} [on] */
  #say(words, on = true) {
    if (words === this.#said) return;
    this.#said = words;
    this.#notice.hidden = !words;
    if (!words) return replace(this.#notice);
    replace(this.#notice, icon('follow'), h('div', {}, h('strong', {}, words)),
      h('button', { class: 'btn push', type: 'button', onclick: () => (on ? this.leave() : this.#say('')) }, on ? t('Go my own way') : t('All right')));
  }
}
