// Alerts: the open ones, kept by the room; one as a card; claiming.

import { ApiError } from './answer.js';
import { cameraPage, getOpenAlerts, picture, post } from './api.js';
import { h, icon, replace } from './dom.js';
import { face } from './faces.js';
import { t } from './text.js';
import { duration, moment, parse, withTimes } from './time.js';

/** @typedef {import('./protocol.js').AlertNotice} AlertNotice */
/** @typedef {import('./place.js').Place} Place */

/** A list of alerts and what the room told since it was asked for: that is newer, though the list may arrive later. */
export class Told {
  /** @type {Map<number, {alert: AlertNotice, at: number}>} */
  #told = new Map();

  /** @param {AlertNotice} alert just told */
  take(alert) {
    this.#told.set(alert.id, { alert, at: performance.now() });
  }

  /** @param {AlertNotice[]} alerts @param {number} asked when, by performance.now() @returns {Map<number, AlertNotice>} */
  over(alerts, asked) {
    const newer = [...this.#told.values()].filter(({ at }) => at >= asked);
    return new Map([...alerts, ...newer.map(({ alert }) => alert)].map((alert) => [alert.id, alert]));
  }
}

/** Tells the open alerts, newest first, at the start and at each change. @param {import('./room.js').Room} room @param {(open: AlertNotice[]) => void} tell */
export function openAlerts(room, tell) {
  /** @type {Map<number, AlertNotice>} */
  let open = new Map();
  const meanwhile = new Told();
  const told = () => tell([...open.values()].filter(({ state }) => state !== 'cleared').sort((a, b) => b.id - a.id));
  const load = async () => {
    const asked = performance.now();
    try {
      open = meanwhile.over(await getOpenAlerts(), asked);
      told();
    } catch (error) {
      // The badge waits for the next connection; the pages tell of the trouble themselves.
      if (!(error instanceof ApiError)) throw error;
    }
  };
  room.on('welcome', () => void load());
  room.on('alert', ({ alert }) => {
    meanwhile.take(alert);
    open.set(alert.id, alert);
    told();
  });
}

/** @type {Record<string, string>} */
const ICONS = {
  camera_offline: 'offline', recording_stopped: 'lost', storage_unreachable: 'storage', storage_away: 'storage', spool_filling: 'on-camera',
  disk_low: 'stored', disk_full: 'stored', storage_full: 'stored', wrong_disk: 'storage', storage_wrong_disk: 'storage', clock_unknown: 'clock', power: 'power',
};

/** @param {AlertNotice} alert */
export function alertIcon(alert) {
  return alert.state === 'cleared' ? 'check' : (ICONS[alert.kind] ?? 'alerts');
}

/** The look of an alert: cleared, or by how bad it is. @param {AlertNotice} alert */
export function alertKind(alert) {
  if (alert.state === 'cleared') return 'cleared';
  return alert.level === 'critical' ? 'lost' : 'pending';
}

/** "since 14:31, 55 min" or "14:31, for 12 min". @param {AlertNotice} alert @param {number} now */
export function alertWhen(alert, now) {
  const raised = parse(alert.raised_at);
  if (Number.isNaN(raised)) return '';
  const cleared = parse(alert.cleared_at);
  return Number.isNaN(cleared) ? t('since {time}, {length}', { time: moment(raised, now), length: duration(now - raised) }) : t('{time}, for {length}', { time: moment(raised, now), length: duration(cleared - raised) });
}

/** Who has it, or the button to take it, and the way to the camera. @param {AlertNotice} alert @param {Place} place @returns {HTMLElement[]} */
export function alertActions(alert, place) {
  const now = place.room.now();
  /** @type {HTMLElement[]} */
  const actions = [];
  if (alert.state === 'raised') actions.push(claimButton(alert));
  if (alert.claimed_by) {
    const mine = alert.claimed_by === place.me?.jid;
    const name = mine ? t('You have it') : (alert.state === 'cleared' ? t('{who} had it', { who: place.nameOf(alert.claimed_by) }) : t('{who} has it', { who: place.nameOf(alert.claimed_by) }));
    actions.push(h('span', { class: 'claim' }, face(place.nameOf(alert.claimed_by), 'sm'), name));
    if (alert.state === 'claimed') actions.push(h('span', { class: 'alert__facts' }, t('since {time}', { time: moment(parse(alert.claimed_at), now) })));
  }
  if (alert.camera && place.cameras.has(alert.camera)) {
    const at = alert.state === 'cleared' ? alert.raised_at : null;
    actions.push(h('a', { class: 'btn btn--quiet', href: cameraPage(alert.camera, at) }, t('Open {camera}', { camera: place.nameOf(alert.camera) })));
  }
  return actions;
}

/** @param {AlertNotice} alert */
function claimButton(alert) {
  const button = h('button', { class: 'btn btn--primary', type: 'button' }, t('I’ll take it'));
  const refused = h('span', { class: 'field__error', role: 'alert' });
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      // The room brings the change to everybody, this page included.
      await post(`/api/alerts/${alert.id}/claim/`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      button.disabled = error.code === 'already_claimed';
      replace(refused, error.message);
      button.after(refused);
    }
  });
  return button;
}

/** What was done about it so far: reminded, all operators told. @param {AlertNotice} alert @param {number} now */
export function alertSteps(alert, now) {
  if (alert.state !== 'raised') return '';
  if (alert.escalated_at) return t('nobody has it, all operators were told {time}', { time: moment(parse(alert.escalated_at), now) });
  return alert.reminded_at ? t('reminded {time}', { time: moment(parse(alert.reminded_at), now) }) : '';
}

/** The camera's picture of that instant, for who may see recordings; it leads to the instant. @param {AlertNotice} alert @param {Place} place */
export function alertPicture(alert, place) {
  if (!alert.picture_at || !place.cameras.get(alert.camera)?.may.includes('replay')) return null;
  const at = moment(parse(alert.picture_at), place.room.now());
  const image = h('img', { class: 'alert__picture', alt: t('{camera} at {time}', { camera: place.nameOf(alert.camera), time: at }), loading: 'lazy', hidden: true });
  const link = h('a', { href: cameraPage(alert.camera, alert.picture_at) }, image);
  void kept(alert.id).then((url) => {
    image.src = url;
    image.hidden = false;
  }, (error) => {
    // Gone, or not theirs any more: the words stand without it.
    if (!(error instanceof ApiError)) throw error;
    link.remove();
  });
  return link;
}

/** Each picture is fetched once a page. @type {Map<number, Promise<string>>} */
const pictures = new Map();

/** @param {number} id */
function kept(id) {
  const known = pictures.get(id);
  if (known) return known;
  const asked = picture(`/api/alerts/${id}/picture.jpg`).then((blob) => URL.createObjectURL(blob));
  pictures.set(id, asked);
  // Not there yet, or lost on its way: asked for again when the alert is drawn the next time.
  asked.catch(() => pictures.delete(id));
  return asked;
}

/** What is over takes one line: those who talk are not to scroll past it. @param {AlertNotice} alert @param {Place} place */
function overCard(alert, place) {
  const who = alert.claimed_by && t('{who} had it', { who: place.nameOf(alert.claimed_by) });
  const words = [t('Over: {title}', { title: alert.title }), alertWhen(alert, place.room.now()), who].filter(Boolean).join(' · ');
  const said = place.cameras.has(alert.camera) ? h('a', { class: 'link link--quiet', href: cameraPage(alert.camera, alert.raised_at) }, words) : words;
  return h('article', { class: 'msg msg--event', 'data-alert': alert.id }, icon('check'), h('div', {}, said));
}

/** One alert as a card in the stream. @param {AlertNotice} alert @param {Place} place */
export function alertCard(alert, place) {
  if (alert.state === 'cleared') return overCard(alert, place);
  const actions = alertActions(alert, place);
  return h('article', { class: 'alert', 'data-kind': alertKind(alert), 'data-alert': alert.id },
    h('div', { class: 'alert__text' }, h('h3', { class: 'alert__title' }, icon(alertIcon(alert)), alert.title), alert.text ? h('p', {}, withTimes(alert.text, place.room.now())) : null,
      alertPicture(alert, place), h('p', { class: 'alert__facts' }, [alertWhen(alert, place.room.now()), alertSteps(alert, place.room.now())].filter(Boolean).join(' · ')), actions.length ? h('div', { class: 'alert__do' }, ...actions) : null));
}
