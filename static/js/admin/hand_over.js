// The lines to type at a Pi, with the code that stands behind the # (which the server never gets to see).

import { part, setText } from '../dom.js';
import { t } from '../text.js';

const code = decodeURIComponent(location.hash.slice(1));

if (/^[A-Za-z0-9-]{4,100}$/.test(code)) {
  for (const id of ['install-line', 'command']) {
    const line = part(id, HTMLElement);
    setText(line, (line.textContent ?? '').replace('CODE', code));
  }
  setText(part('words', HTMLElement), t('The code works once, for a day.'));
  const share = part('share', HTMLButtonElement);
  share.hidden = !('share' in navigator);
  share.addEventListener('click', () => void navigator.share({ text: part('install-line', HTMLElement).textContent ?? '' }));
}
