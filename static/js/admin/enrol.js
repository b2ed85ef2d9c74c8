// The page that makes a camera: the card's zip is made here, and what the camera says of itself is shown as it comes.

import { cameraPath, get, snapshot } from '../api.js';
import { part, setText } from '../dom.js';
import { t } from '../text.js';
import { signedIn } from '../token.js';
import { CardError, cardFiles } from './card.js';
import { zip } from './zip.js';

const EVERY_MS = 2000;
const page = part('enrol', HTMLElement);
const camera = page.dataset['camera'] ?? '';
const picture = part('picture', HTMLImageElement);

/** @param {string} id */
const typed = (id) => part(id, HTMLInputElement).value;

function download() {
  const words = part('card-error', HTMLElement);
  try {
    const files = JSON.parse(part('card-files', HTMLScriptElement).textContent ?? '{}');
    const wifi = { name: typed('wifi-name'), password: typed('wifi-password'), country: typed('wifi-country').trim().toUpperCase() };
    const archive = zip(cardFiles(files, { wifi, key: typed('ssh-key').trim() }));
    setText(words, '');
    save(archive, `ucam-${camera.replace('@', '-')}.zip`);
  } catch (error) {
    if (!(error instanceof CardError)) throw error;
    setText(words, error.message);
  }
}

/** @param {Blob} content @param {string} name */
function save(content, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const line = part(button.dataset['copy'] ?? '', HTMLElement);
  getSelection()?.selectAllChildren(line);
  // Over plain HTTP browsers have no clipboard for pages; the line is selected then.
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(line.textContent ?? '');
    setText(button, t('Copied'));
  } else setText(button, t('Selected'));
}

/** @param {{step: string, state: string, words: string}[]} steps */
function show(steps) {
  for (const step of steps) {
    const line = document.querySelector(`[data-step="${CSS.escape(step.step)}"]`);
    if (!(line instanceof HTMLElement)) continue;
    if (line.dataset['state'] !== step.state) line.dataset['state'] = step.state;
    const words = line.querySelector('span');
    if (words) setText(words, step.words);
  }
}

async function showPicture() {
  const frame = picture.closest('figure');
  if (!frame?.hidden) return;
  picture.src = URL.createObjectURL((await snapshot(camera)).picture);
  frame.hidden = false;
}

/** True when there is nothing more to wait for. */
async function look() {
  const told = await get(cameraPath(camera, 'arrival/'));
  show(told.steps);
  if (told.steps.some((/** @type {{step: string, state: string}} */ one) => one.step === 'picture' && one.state === 'ok')) await showPicture();
  return told.arrived;
}

async function watch() {
  const words = part('poll-words', HTMLElement);
  for (;;) {
    try {
      if (!document.hidden && (await look())) {
        setText(words, t('Everything works: this camera has arrived.'));
        return;
      }
      setText(words, t('Brought up to date every two seconds.'));
    } catch (error) {
      setText(words, t('The server did not answer ({why}). Trying again.', { why: error instanceof Error ? error.message : String(error) }));
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

if (page.dataset['code']) {
  // A reload must neither add the camera again nor make another code.
  history.replaceState(null, '', page.dataset['address']);
  part('wifi-country', HTMLInputElement).value = new Intl.Locale(navigator.language).region ?? '';
  part('download', HTMLButtonElement).addEventListener('click', download);
  for (const button of document.querySelectorAll('[data-copy]')) {
    if (button instanceof HTMLButtonElement) button.addEventListener('click', () => void copy(button));
  }
}
if (signedIn()) void watch();
else setText(part('poll-words', HTMLElement), t('Reload the page to see what is new.'));
