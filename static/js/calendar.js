// Days with footage, month by month.

import { ApiError } from './answer.js';
import { cameraPath, get } from './api.js';
import { h, icon, part, replace } from './dom.js';
import { t } from './text.js';
import { date, dayStart, duration, month, ownZone } from './time.js';

const WEEKDAYS = [[t('Mo'), t('Monday')], [t('Tu'), t('Tuesday')], [t('We'), t('Wednesday')], [t('Th'), t('Thursday')], [t('Fr'), t('Friday')], [t('Sa'), t('Saturday')], [t('Su'), t('Sunday')]];

export class Calendar {
  #shown = new Date();
  #chosen = NaN;
  #asked = 0;
  pop = part('calendar', HTMLDetailsElement);
  card = part('calendar-card', HTMLElement);

  /** @param {import('./api.js').Camera} camera @param {() => number} now @param {(day: number) => void} choose */
  constructor(camera, now, choose) {
    this.camera = camera;
    this.now = now;
    this.choose = choose;
    this.pop.addEventListener('toggle', () => this.pop.open && this.#show(this.#chosen));
  }

  /** @param {number} day */
  setDay(day) {
    this.#chosen = day;
  }

  /** @param {number} instant */
  #show(instant) {
    this.#shown = new Date(instant);
    this.#shown.setHours(0, 0, 0, 0);
    this.#shown.setDate(1);
    void this.#load();
  }

  async #load() {
    const asked = ++this.#asked;
    const name = `${this.#shown.getFullYear()}-${String(this.#shown.getMonth() + 1).padStart(2, '0')}`;
    this.#draw({}, t('Loading'));
    try {
      /** @type {import('./api.js').Days} */
      const { days, timezone } = await get(cameraPath(this.camera.jid, `days/?month=${name}&timezone=${encodeURIComponent(ownZone())}`));
      if (asked === this.#asked) this.#draw(days, this.#words(timezone));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (asked === this.#asked) this.#draw({}, error.message);
    }
  }

  /** Days are the viewer's, as on the timeline that they lead to. @param {string} zone */
  #words(zone) {
    const there = this.camera.timezone;
    return zone === there ? t('Days in {zone}, the camera’s own zone.', { zone }) : t('Days in {zone}, your own zone. The camera is in {there}.', { zone, there });
  }

  /** @param {Record<string, number>} days @param {string} words */
  #draw(days, words) {
    const first = this.#shown.getTime();
    const before = (new Date(first).getDay() + 6) % 7;
    const count = new Date(this.#shown.getFullYear(), this.#shown.getMonth() + 1, 0).getDate();
    const cells = [...Array(before).fill(null), ...Array.from({ length: count }, (_, n) => this.#cell(n + 1, days))];
    const rows = Array.from({ length: Math.ceil(cells.length / 7) }, (_, n) => h('tr', {}, ...Array.from({ length: 7 }, (__, m) => h('td', {}, cells[n * 7 + m] ?? null))));
    replace(this.card,
      h('div', { class: 'row cal__head' }, this.#turn(-1, 'chevron-left', t('Month before')), h('strong', { class: 'cal__month' }, month(first)), this.#turn(1, 'chevron-right', t('Month after'))),
      h('table', { class: 'cal' }, h('caption', { class: 'sr' }, month(first)),
        h('thead', {}, h('tr', {}, ...WEEKDAYS.map(([short, long]) => h('th', { scope: 'col' }, h('abbr', { title: long }, short))))), h('tbody', {}, ...rows)),
      h('p', { class: 'muted cal__words', role: 'status' }, words));
  }

  /** @param {number} number @param {Record<string, number>} days */
  #cell(number, days) {
    const day = new Date(this.#shown.getFullYear(), this.#shown.getMonth(), number).getTime();
    const name = `${this.#shown.getFullYear()}-${String(this.#shown.getMonth() + 1).padStart(2, '0')}-${String(number).padStart(2, '0')}`;
    const seconds = days[name] ?? 0;
    const said = seconds ? t('{length} stored', { length: duration(seconds * 1000) }) : t('nothing stored');
    return h('button', {
      type: 'button', disabled: day > this.now() || (!seconds && day !== dayStart(this.now())), 'data-cov': seconds ? 'stored' : null, 'aria-pressed': String(day === this.#chosen),
      'aria-label': `${date(day)}, ${said}`, title: said, onclick: () => this.#take(day),
    }, number);
  }

  /** @param {number} day */
  #take(day) {
    this.pop.open = false;
    this.choose(day);
  }

  /** @param {1 | -1} by @param {string} picture @param {string} name */
  #turn(by, picture, name) {
    const target = new Date(this.#shown.getFullYear(), this.#shown.getMonth() + by, 1).getTime();
    return h('button', { class: 'btn btn--quiet btn--icon', type: 'button', 'aria-label': name, disabled: target > this.now(), onclick: () => this.#show(target) }, icon(picture));
  }
}
