// The sound of the player: silent at first, since browsers let no page begin with noise; a button, a slider and the key M.

import { h, icon, setIcon } from './dom.js';
import { t } from './text.js';

/** The control; it shows itself where there is something to hear. */
export class SoundControl {
  /** @param {import('./player.js').Player} player @param {HTMLElement} before the control stands before it */
  constructor(player, before) {
    this.player = player;
    this.icon = icon('muted');
    this.word = document.createTextNode('');
    this.button = h('button', { class: 'btn', type: 'button', id: 'mute', title: t('Sound on or off (M)'), onclick: () => this.toggle() }, this.icon, this.word);
    this.volume = h('input', { class: 'sound__volume only-desk', type: 'range', id: 'volume', min: 0, max: 1, step: 0.05, value: player.volume, 'aria-label': t('Volume') });
    this.volume.addEventListener('input', () => player.setSound(this.volume.value === '0', Number(this.volume.value)));
    this.element = h('span', { class: 'sound', role: 'group', 'aria-label': t('Sound'), hidden: true }, this.button, this.volume);
    before.before(this.element);
    player.on('change', () => this.render());
    this.render();
  }

  /** On or off; nothing where there is nothing to hear. */
  toggle() {
    if (this.player.hasSound) this.player.setSound(!this.player.muted, this.player.volume || 1);
  }

  render() {
    const { muted, hasSound } = this.player;
    this.element.hidden = !hasSound;
    this.button.setAttribute('aria-pressed', String(!muted));
    setIcon(this.icon, muted ? 'muted' : 'sound');
    this.word.data = muted ? t('Sound off') : t('Sound on');
  }
}
