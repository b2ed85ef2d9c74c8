// Alerts as a list: what is open, who has it, what was.

import { Told, alertActions, alertIcon, alertKind, alertPicture, alertSteps, alertWhen } from '../alerts.js';
import { ApiError } from '../answer.js';
import { ALERTS_PAGE, getAlerts, getOpenAlerts } from '../api.js';
import { t } from '../text.js';
import { clock, withTimes } from '../time.js';
import { h, icon, part, replace, setText } from '../dom.js';
import { loadInto, problem, start } from '../frame.js';

/** @typedef {import('../protocol.js').AlertNotice} AlertNotice */
/** @typedef {'raised' | 'claimed' | 'cleared'} AlertState */

const TITLES = /** @type {[AlertState, string][]} */ ([['raised', t('Open')], ['claimed', t('Claimed')], ['cleared', t('Cleared')]]);

class Alerts {
  /** @type {Map<number, AlertNotice>} */
  alerts = new Map();
  complete = false;
  /** Number of the oldest that the pages reached so far; one that is open may be far older. */
  #oldest = Infinity;
  #loaded = false;
  told = new Told();
  body = part('alerts', HTMLElement);

  /** @param {import('../place.js').Place} place */
  constructor(place) {
    this.place = place;
    place.room.on('alert', ({ alert }) => {
      this.told.take(alert);
      this.alerts.set(alert.id, alert);
      this.render();
    });
    place.room.on('welcome', () => this.#loaded && void this.load().catch(quiet));
  }

  async load() {
    const asked = performance.now();
    const [open, latest] = await Promise.all([getOpenAlerts(), getAlerts(), this.place.me ? null : this.place.load()]);
    this.#loaded = true;
    this.alerts = this.told.over([...open, ...latest], asked);
    this.#reached(latest, Infinity);
    this.render();
  }

  async older() {
    const asked = performance.now();
    const before = this.#oldest;
    const more = await getAlerts(before);
    if (before !== this.#oldest) return; // the list was begun anew meanwhile
    this.#reached(more, before);
    for (const [id, alert] of this.told.over(more, asked)) this.alerts.set(id, alert);
    this.render();
  }

  /** @param {AlertNotice[]} page @param {number} before */
  #reached(page, before) {
    this.complete = page.length < ALERTS_PAGE;
    this.#oldest = Math.min(before, ...page.map(({ id }) => id));
  }

  render() {
    const groups = TITLES.map(([state, title]) => ({ state, title, alerts: this.#of(state) }));
    for (const { state, alerts } of groups) setText(part(`count-${state}`, HTMLElement), state === 'cleared' ? '' : String(alerts.length));
    const open = groups[0].alerts.length + groups[1].alerts.length;
    const sections = groups.filter(({ alerts }) => alerts.length).map(({ state, title, alerts }) =>
      h('section', { class: 'stack', id: state, 'aria-labelledby': `${state}-title` }, h('h2', { id: `${state}-title` }, title),
        h('ul', { class: 'cases' }, ...alerts.map((alert) => h('li', {}, this.#case(alert))))));
    replace(this.body, open ? null : this.#calm(), ...sections, this.complete || !this.alerts.size ? null : this.#more());
  }

  /** @param {AlertState} state */
  #of(state) {
    return [...this.alerts.values()].filter((alert) => alert.state === state).sort((a, b) => b.id - a.id);
  }

  /** @param {AlertNotice} alert */
  #case(alert) {
    const slim = alert.state === 'cleared';
    const now = this.place.room.now();
    const where = [this.place.placeOf(alert), alertWhen(alert, now), alertSteps(alert, now)].filter(Boolean).join(' · ');
    const actions = alertActions(alert, this.place);
    return h('article', { class: slim ? 'case case--slim' : 'case case--plain', 'data-kind': alertKind(alert), 'data-alert': alert.id, id: `alert-${alert.id}` },
      h('header', { class: 'case__head' }, icon(alertIcon(alert)), h('div', {}, h('h3', {}, alert.title), alert.text && !slim ? h('p', {}, withTimes(alert.text, now)) : null, h('p', { class: 'case__when' }, where))),
      slim ? null : alertPicture(alert, this.place),
      actions.length ? h('div', { class: 'case__do' }, ...actions) : null);
  }

  #calm() {
    return h('div', { class: 'empty' }, icon('check'), h('h2', {}, t('No open alerts')), h('p', {}, t('Nothing waits for anybody. Last looked at {time}.', { time: clock(this.place.room.now()) })));
  }

  #more() {
    const button = h('button', { class: 'btn btn--quiet', type: 'button' }, t('Earlier alerts'));
    button.addEventListener('click', () => {
      button.disabled = true;
      this.older().catch((error) => {
        if (!(error instanceof ApiError)) throw error;
        button.replaceWith(problem(error, () => this.render()));
      });
    });
    return h('p', {}, button);
  }
}

/** A list that could not be renewed stays; the notice of the lost connection stands above it. @param {unknown} error */
function quiet(error) {
  if (!(error instanceof ApiError)) throw error;
}

/** The alert that a message led here for; it stands on the page only now. */
function asked() {
  document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: 'center' });
}

const page = start();
if (page) {
  const alerts = new Alerts(page.place);
  void loadInto(alerts.body, () => alerts.load()).then(() => asked());
}
