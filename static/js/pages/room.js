// The room on a page of its own: roster and conversation.

import { Conversation } from '../chat.js';
import { Composer } from '../composer.js';
import { part } from '../dom.js';
import { loadInto, start } from '../frame.js';
import { keepCameras, keepPeople } from '../roster.js';

const page = start();
if (page) {
  keepPeople(page.place, { list: part('people', HTMLUListElement), count: part('people-count', HTMLElement) });
  keepCameras(page.place, part('cameras', HTMLElement));
  new Conversation({ log: part('room-log', HTMLElement), list: part('room-list', HTMLOListElement) }, page);
  new Composer(part('say-form', HTMLFormElement), page);
  const roster = part('roster', HTMLElement);
  const toggle = part('roster-toggle', HTMLButtonElement);
  toggle.addEventListener('click', () => toggle.setAttribute('aria-expanded', String(roster.toggleAttribute('data-open'))));
  void loadInto(part('problem', HTMLElement), () => page.place.load());
}
