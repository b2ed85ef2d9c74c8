// What the keys do on a camera's page, and how they are called on its sheet.

import { part } from './dom.js';
import { offerKeys } from './keys.js';
import { t } from './text.js';
import { MINUTE, SECOND } from './time.js';

/**
 * `own`: does something as the person's own doing, `replay`: recordings may be seen.
 * @typedef {{player: import('./player.js').Player, timeline: import('./timeline.js').Timeline, sound: import('./sound.js').SoundControl, abreast: import('./abreast.js').Abreast, replay: boolean,
 *   own: (act: () => void) => void, fullscreen: () => void, save: () => void}} Page
 */

/** @param {Page} page */
export function useKeys(page) {
  const acts = page.replay ? { ...always(page), ...replaying(page) } : always(page);
  document.addEventListener('keydown', (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target instanceof HTMLElement && target.closest('input:not(.playhead, [type=checkbox]), textarea, select, details[open], dialog')) return;
    if (key === ' ' && target instanceof HTMLElement && target.closest('button, a, summary')) return;
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    act(event.shiftKey);
  });
  offerKeys([...(page.replay ? replayNames() : []), ...names()]);
}

/** @param {Page} page @returns {Record<string, (shift: boolean) => void>} */
function always({ player, sound, abreast, own, fullscreen, save }) {
  return { f: fullscreen, s: save, l: () => own(() => player.goLive()), m: () => sound.toggle(), c: () => part('share', HTMLButtonElement).click(), n: () => abreast.turn(1), p: () => abreast.turn(-1) };
}

/** @param {Page} page @returns {Record<string, (shift: boolean) => void>} */
function replaying({ player, timeline, own }) {
  const toggle = () => own(() => player.toggle());
  return {
    ' ': toggle,
    k: toggle,
    ArrowLeft: (shift) => own(() => player.skip(shift ? -MINUTE : -10 * SECOND)),
    ArrowRight: (shift) => own(() => player.skip(shift ? MINUTE : 10 * SECOND)),
    ',': () => own(() => player.step(-1)),
    '.': () => own(() => player.step(1)),
    i: () => timeline.selection.setEnd('from', player.at),
    o: () => timeline.selection.setEnd('to', player.at),
    Escape: () => timeline.selection.set(null),
    g: () => part('go-to', HTMLInputElement).focus(),
    '+': () => timeline.zoomBy(0.5),
    '=': () => timeline.zoomBy(0.5),
    '-': () => timeline.zoomBy(2),
  };
}

/** @returns {import('./keys.js').Key[]} */
function names() {
  return [['N P', t('another camera, same moment')], ['L', t('live')], ['S', t('save the picture')], ['C', t('link to this moment')], ['F', t('full screen')], ['M', t('sound on or off')]];
}

/** @returns {import('./keys.js').Key[]} */
function replayNames() {
  return [['K', t('play or pause')], ['← →', t('ten seconds')], ['Shift ← →', t('a minute')], [', .', t('one frame')], ['G', t('go to a time')], ['+ −', t('less time or more')], ['I O', t('select a range')]];
}
