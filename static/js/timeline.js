// The day above, a window of it below: what became of every second, where the player stands, and the way to any other instant.

import { bands, rangeWords, spanAt, spanWords, unknownWords, WORDS, within } from './coverage.js';
import { h, icon, part, replace, s, setText } from './dom.js';
import { Emitter } from './emitter.js';
import { Selection } from './selection.js';
import { draw, ledger, shape } from './strip.js';
import { t } from './text.js';
import { Thumbnails } from './thumbnails.js';
import { HOUR, MINUTE, clock, dayAfter, dayStart, duration, hourMinute, inZone, sameTime } from './time.js';
import { around, follow, instantAt, pan, share, ticks, zoom } from './window.js';

/** @typedef {import('./coverage.js').Span} Span */
/** @typedef {import('./window.js').Window} Window */
/** @typedef {{at: number, kind: string, icon: string, title: string, detail: string, marked: boolean, hold?: number}} Moment hold: number of a hold that the person may let go; marked: it has a mark on the timeline; what is a band there needs none */

const TAP_PX = 6;
const LETTER_PX = 6.8;

/** @extends {Emitter<{seek: {at: number, slack: number}, day: number, window: Window}>} slack: what the strip does not tell apart, in ms */
export class Timeline extends Emitter {
  /** @type {Span[]} */
  spans = [];
  /** @type {Moment[]} */
  moments = [];
  /** Ranges that nothing deletes. @type {Window[]} */
  holds = [];
  instant = NaN;
  /** While a pointer drags the playhead. */
  #scrub = NaN;
  /** The window follows the player until somebody moves it. */
  #follows = true;
  /** @type {Map<number, number>} x of each pointer that is down, by its id */
  #pointers = new Map();
  #moved = false;
  #pinch = 0;

  /** @param {() => number} now server's clock @param {import('./api.js').Camera} camera */
  constructor(now, camera) {
    super();
    this.now = now;
    this.zone = camera.timezone;
    this.day = dayStart(now());
    /** @type {Window} */
    this.shown = around(now(), 2 * HOUR, 0.9);
    this.dayStrip = part('tl-day', SVGSVGElement);
    this.dayTicks = part('tl-day-ticks', SVGSVGElement);
    this.track = part('tl-track', HTMLElement);
    this.strip = part('tl-strip', SVGSVGElement);
    this.tickMarks = part('tl-ticks', SVGSVGElement);
    this.marks = part('tl-marks', HTMLElement);
    this.flag = part('tl-flag', HTMLElement);
    this.peek = part('tl-peek', HTMLElement);
    this.peekWords = part('tl-peek-words', HTMLElement);
    this.peekPicture = part('tl-peek-picture', HTMLImageElement);
    this.peekLine = part('tl-peek-line', HTMLElement);
    this.thumbnails = new Thumbnails(camera.jid, (url) => this.#picture(url));
    this.selection = new Selection((event) => this.#at(event), now);
    this.playhead = part('tl-playhead', HTMLInputElement);
    this.width = part('tl-width', HTMLElement);
    this.#listen();
  }

  /** @param {Span[]} spans what is known, over all loaded days */
  setSpans(spans) {
    this.spans = spans;
    this.draw();
  }

  /** @param {Moment[]} moments */
  setMoments(moments) {
    this.moments = moments;
    this.#drawMarks();
  }

  /** @param {Window[]} holds */
  setHolds(holds) {
    this.holds = holds;
    this.#drawWindow();
  }

  /** A range around the playhead, to begin with. */
  select() {
    const width = (this.shown.to - this.shown.from) / 8;
    const place = share(this.shown, this.instant);
    const centre = place >= 0 && place <= 1 ? this.instant : (this.shown.from + this.shown.to) / 2;
    this.selection.set({ from: Math.min(centre - width / 2, this.now() - width), to: Math.min(centre + width / 2, this.now()) });
  }

  /** A range, selected and in view. @param {Window} range */
  show({ from, to }) {
    this.#setWindow(around((from + to) / 2, Math.max(this.shown.to - this.shown.from, (to - from) * 1.2)));
    this.selection.set({ from, to });
  }

  /** The player stands here now. @param {number} at */
  setInstant(at) {
    const day = dayStart(at);
    this.instant = at;
    if (day !== this.day && this.#follows) this.#setDay(day);
    const moved = this.#follows ? follow(this.shown, at) : this.shown;
    if (moved !== this.shown) this.#setWindow(moved);
    else this.#drawHead();
  }

  /** Another day, at the same time of day. @param {number} day its first millisecond */
  goToDay(day) {
    const centre = sameTime(day, (this.shown.from + this.shown.to) / 2);
    this.#follows = false;
    this.#setDay(day);
    this.#setWindow(around(Math.min(centre, this.now()), this.shown.to - this.shown.from));
  }

  /** @param {number} factor @param {number} [fixed] */
  zoomBy(factor, fixed = this.#middle()) {
    this.#setWindow(zoom(this.shown, factor, fixed));
  }

  draw() {
    this.#drawDay();
    this.#drawWindow();
    this.#drawMarks();
    this.#drawHead();
  }

  /** What stays in place while zooming: the playhead when it is seen. */
  #middle() {
    const place = share(this.shown, this.instant);
    return place >= 0 && place <= 1 ? this.instant : (this.shown.from + this.shown.to) / 2;
  }

  /** @param {number} day */
  #setDay(day) {
    this.day = day;
    this.emit('day', day);
  }

  /** @param {Window} shown */
  #setWindow(shown) {
    this.shown = shown;
    const day = dayStart((shown.from + shown.to) / 2);
    if (!this.#follows && day !== this.day) this.#setDay(day);
    this.emit('window', shown);
    this.draw();
  }

  #drawDay() {
    const to = dayAfter(this.day);
    draw(this.dayStrip, within(this.spans, this.day, Math.min(to, this.now())), this.day, to, t('The day'));
    const percent = 100 / (to - this.day);
    const from = Math.max(0, (this.shown.from - this.day) * percent);
    const until = Math.min(100, (this.shown.to - this.day) * percent);
    if (until > from) this.dayStrip.append(s('rect', { class: 'frame', x: `${from}%`, y: 1, width: `${until - from}%`, height: 12, rx: 2 }));
    this.dayHere = s('line', { class: 'here', y2: '100%' });
    this.dayStrip.append(this.dayHere);
    const marks = ticks({ from: this.day, to }, 8).filter(({ at }) => at < to);
    this.dayTicks.replaceChildren(...marks.map(({ at }, n) => label((at - this.day) * percent, hourMinute(at), n % 2 === 1)), label(100, '24:00', false));
    ledger(part('tl-ledger', HTMLUListElement), within(this.spans, this.day, Math.min(to, this.now())));
  }

  #drawWindow() {
    const { from, to } = this.shown;
    const known = within(this.spans, from, Math.min(to, this.now()));
    const shapes = bands(known, from, to, 0.15).flatMap((band) => [shape(band.state, band.x, band.width), this.#bandWords(band)]);
    const ahead = share(this.shown, this.now());
    const words = ahead > 0 ? t('now') : t('not yet');
    const fits = (1 - Math.max(0, ahead)) * this.track.clientWidth > words.length * LETTER_PX + 12;
    const future = fits ? s('text', { class: 'on-ahead', x: `${Math.max(0, ahead) * 100 + 0.6}%`, y: '50%' }, words) : null;
    this.strip.replaceChildren(s('rect', { class: 'bed', width: '100%', height: '100%' }), ...shapes.filter((one) => one !== null), ...this.#heldBands(), ...(future ? [future] : []));
    this.strip.setAttribute('aria-label', t('{begin} to {end}: {what}', { begin: hourMinute(from), end: hourMinute(to), what: rangeWords(known) }));
    const marks = ticks(this.shown, Math.max(3, Math.floor(this.track.clientWidth / 80)));
    const text = marks[0]?.step < MINUTE ? clock : hourMinute;
    this.tickMarks.replaceChildren(...marks.map(({ at }) => label(share(this.shown, at) * 100, text(at), false)));
    setText(this.width, duration(to - from));
    this.selection.draw(this.shown);
  }

  /** What is held has a line under it. */
  #heldBands() {
    const { from, to } = this.shown;
    return this.holds.filter((hold) => hold.from < to && hold.to > from).map((hold) =>
      s('line', { class: 'held', x1: `${Math.max(0, share(this.shown, hold.from)) * 100}%`, x2: `${Math.min(1, share(this.shown, hold.to)) * 100}%`, y1: 44, y2: 44 }));
  }

  /** The cause stands in the band, where there is room. @param {import('./coverage.js').Band} band */
  #bandWords(band) {
    if (band.state === 'stored') return null;
    const long = band.state === 'on_camera' ? t('On camera, arriving') : spanWords(band);
    const room = (band.width / 100) * this.track.clientWidth;
    const short = band.state === 'unknown' ? unknownWords(band) : WORDS[band.state];
    const words = [long, `${short} ${duration(band.to - band.from)}`, short].find((text) => text.length * LETTER_PX + 12 < room);
    if (!words) return null;
    const name = { lost: 'on-lost', on_camera: 'on-pending', off: 'on-off', unknown: 'on-ahead', stored: '' }[band.state];
    return s('text', { class: name, x: `${band.x + band.width / 2}%`, y: '50%', 'text-anchor': 'middle' }, words);
  }

  #drawMarks() {
    const seen = this.moments.filter(({ at, marked }) => marked && at >= this.shown.from && at <= this.shown.to);
    replace(this.marks, ...this.#apart(seen).map((near) => {
      const [first] = near;
      const shown = near.find(({ kind }) => kind === 'lost') ?? first;
      const names = near.map(({ at, title }) => `${clock(at)} ${title}`);
      const mark = h('button', { class: 'mark pin', type: 'button', 'data-kind': shown.kind, 'aria-label': names.join(', '), title: names.join('\n'), onclick: () => this.#go(first.at) }, icon(shown.icon));
      mark.style.setProperty('--at', `${share(this.shown, first.at) * 100}%`);
      return mark;
    }));
  }

  /** Marks that would lie on each other are one, so that a finger hits what it aims at. @template {{at: number}} M @param {M[]} moments @returns {M[][]} */
  #apart(moments) {
    const reach = (this.marks.clientHeight / Math.max(1, this.marks.clientWidth)) * (this.shown.to - this.shown.from);
    /** @type {M[][]} */
    const groups = [];
    for (const one of [...moments].sort((a, b) => a.at - b.at)) {
      const last = groups.at(-1);
      if (last && one.at - last[0].at < reach) last.push(one);
      else groups.push([one]);
    }
    return groups;
  }

  #drawHead() {
    const at = Number.isNaN(this.#scrub) ? this.instant : this.#scrub;
    if (Number.isNaN(at)) return;
    const place = share(this.shown, at);
    const seen = place >= 0 && place <= 1;
    this.flag.hidden = !seen;
    this.flag.style.setProperty('--at', `${place * 100}%`);
    setText(this.flag, clock(at));
    this.flag.title = inZone(at, this.zone);
    this.playhead.min = String(this.shown.from / 1000);
    this.playhead.max = String(this.shown.to / 1000);
    this.playhead.value = String(Math.min(this.shown.to, Math.max(this.shown.from, at)) / 1000);
    const span = spanAt(this.spans, at);
    this.playhead.setAttribute('aria-valuetext', `${clock(at)}${span ? `, ${span.state === 'stored' ? WORDS.stored : spanWords(span)}` : ''}`);
    const percent = ((at - this.day) * 100) / (dayAfter(this.day) - this.day);
    this.dayHere?.setAttribute('x1', `${percent}%`);
    this.dayHere?.setAttribute('x2', `${percent}%`);
    this.dayHere?.toggleAttribute('hidden', !(percent >= 0 && percent <= 100));
  }

  /** @param {number} at @param {number} [slack] */
  #go(at, slack = 0) {
    this.#follows = true;
    this.emit('seek', { at: Math.min(at, this.now()), slack });
  }

  /** ms that a pixel of the strip is wide: no press means an instant more exactly. */
  get #pixel() {
    return (this.shown.to - this.shown.from) / Math.max(1, this.track.clientWidth);
  }

  #listen() {
    this.playhead.addEventListener('input', () => this.#go(Math.round(Number(this.playhead.value) * 1000)));
    this.track.addEventListener('pointerdown', (event) => this.#down(event));
    this.track.addEventListener('pointermove', (event) => this.#move(event));
    this.track.addEventListener('pointerup', (event) => this.#up(event));
    this.track.addEventListener('pointercancel', (event) => this.#drop(event));
    this.track.addEventListener('pointerleave', () => this.#unpeek());
    this.selection.on('change', () => this.selection.draw(this.shown));
    this.selection.on('drag', (at) => (Number.isNaN(at) ? this.#unpeek() : this.#peekAt(at)));
    this.track.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    const day = part('tl-day-track', HTMLElement);
    day.addEventListener('pointerdown', (event) => {
      day.setPointerCapture(event.pointerId);
      this.#dayTo(day, event);
    });
    day.addEventListener('pointermove', (event) => event.buttons && this.#dayTo(day, event));
    part('tl-in', HTMLButtonElement).addEventListener('click', () => this.zoomBy(0.5));
    part('tl-out', HTMLButtonElement).addEventListener('click', () => this.zoomBy(2));
    new ResizeObserver(() => this.draw()).observe(this.track);
  }

  /** The day moves the window; the player stays. @param {HTMLElement} day @param {PointerEvent} event */
  #dayTo(day, event) {
    const { left, width } = day.getBoundingClientRect();
    const at = this.day + ((event.clientX - left) / width) * (dayAfter(this.day) - this.day);
    this.#follows = false;
    this.#setWindow(around(at, this.shown.to - this.shown.from));
  }

  /** @param {{clientX: number}} event */
  #at({ clientX }) {
    const { left, width } = this.track.getBoundingClientRect();
    return instantAt(this.shown, Math.min(1, Math.max(0, (clientX - left) / width)));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || (event.target instanceof Element && event.target.closest('.mark'))) return;
    this.track.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, event.clientX);
    this.#moved = this.#pointers.size > 1;
    this.#pinch = this.#spread();
    if (event.pointerType !== 'mouse') return;
    if (event.shiftKey) this.selection.begin(this.#at(event));
    else this.#scrubTo(event);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) return this.#hover(event);
    if (this.selection.drawing) return this.#draw(event);
    if (event.pointerType === 'mouse') return this.#scrubTo(event);
    // A finger moves the strip; two fingers stretch it; a tap goes there.
    if (this.#pointers.size === 1 && !this.#moved && Math.abs(event.clientX - before) < TAP_PX) return;
    this.#moved = true;
    this.#pointers.set(event.pointerId, event.clientX);
    this.#follows = false;
    if (this.#pointers.size === 2) return this.#stretch();
    this.#setWindow(pan(this.shown, ((before - event.clientX) / this.track.clientWidth) * (this.shown.to - this.shown.from)));
  }

  #stretch() {
    const spread = this.#spread();
    const [a, b] = [...this.#pointers.values()];
    if (spread > 10 && this.#pinch > 10) this.zoomBy(this.#pinch / spread, this.#at({ clientX: (a + b) / 2 }));
    this.#pinch = spread;
  }

  #spread() {
    const [a, b] = [...this.#pointers.values()];
    return b === undefined ? 0 : Math.abs(a - b);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    this.#scrub = NaN;
    if (this.selection.drawing) return this.selection.finish();
    if (this.#moved) return;
    this.#unpeek(); // the player shows it; a small picture of the same would only be in its way
    this.#go(this.#at(event), this.#pixel);
  }

  /** @param {PointerEvent} event */
  #draw(event) {
    this.selection.extend(this.#at(event));
    this.#peekAt(this.#at(event));
  }

  /** @param {PointerEvent} event */
  #drop(event) {
    this.#pointers.delete(event.pointerId);
    this.#scrub = NaN;
    this.selection.finish();
    this.#unpeek();
    this.#drawHead();
  }

  /** @param {PointerEvent} event */
  #scrubTo(event) {
    this.#scrub = Math.min(this.#at(event), this.now());
    this.#peekAt(this.#scrub);
    this.#drawHead();
  }

  /** @param {PointerEvent} event */
  #hover(event) {
    if (event.pointerType === 'mouse') this.#peekAt(this.#at(event));
  }

  /** What is there, in words and as a picture. @param {number} at */
  #peekAt(at) {
    const span = at > this.now() ? undefined : spanAt(this.spans, at);
    for (const element of [this.peek, this.peekLine]) {
      element.hidden = false;
      element.style.setProperty('--at', `${share(this.shown, at) * 100}%`);
    }
    setText(this.peekWords, `${clock(at)}${span && span.state !== 'stored' ? ` · ${spanWords(span)}` : ''}`);
    if (span?.state === 'stored') return this.thumbnails.want(at);
    this.thumbnails.rest();
    this.#picture('');
  }

  #unpeek() {
    this.peek.hidden = this.peekLine.hidden = true;
    this.thumbnails.rest();
  }

  /** @param {string | null} url null: on its way, the one before stands pale until then */
  #picture(url) {
    this.peekPicture.toggleAttribute('data-stale', url === null);
    if (url === null) return;
    this.peekPicture.hidden = !url;
    if (url) this.peekPicture.src = url;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    this.#follows = false;
    const sideways = event.shiftKey ? event.deltaY : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
    if (sideways) this.#setWindow(pan(this.shown, (sideways / this.track.clientWidth) * (this.shown.to - this.shown.from)));
    else this.zoomBy(Math.exp(Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) / 300)), this.#at(event));
  }
}

/** @param {number} percent @param {string} words @param {boolean} minor */
function label(percent, words, minor) {
  const anchor = percent < 2 ? 'start' : percent > 98 ? 'end' : 'middle';
  return s('text', { x: `${percent}%`, y: 13, 'text-anchor': anchor, class: minor ? 'minor' : null }, words);
}
