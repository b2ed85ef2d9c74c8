// Who is here, and who watches what.

import { cameraPage } from './api.js';
import { conditionOf } from './condition.js';
import { h, replace, setText } from './dom.js';
import { cameraFace, face, state } from './faces.js';
import { count, t } from './text.js';

/** @typedef {import('./place.js').Place} Place */

/** "2 people · 6 of 8 cameras". @param {Place} place */
export function countWords(place) {
  const people = place.people().length;
  const cameras = [...place.cameras.values()];
  const here = cameras.filter(({ online }) => online).length;
  if (!cameras.length) return count(people, '1 person', '{n} people');
  return `${count(people, '1 person', '{n} people')} · ${count(cameras.length, '{here} of 1 camera', '{here} of {n} cameras', { here })}`;
}

/** Keeps a list of people, the faces above it and the count current. @param {Place} place @param {{list: HTMLUListElement, faces?: HTMLElement, count?: HTMLElement}} parts */
export function keepPeople(place, { list, faces, count: counter }) {
  let drawn = '';
  const render = () => {
    const people = place.people();
    if (counter) setText(counter, countWords(place));
    const key = JSON.stringify(people.map((person) => [person, place.watchedBy(person.jid).map(({ name }) => name), person.jid === place.me?.jid]));
    if (key === drawn) return;
    drawn = key;
    list.replaceChildren(...people.map((person) => member(place, person)));
    if (faces) replace(faces, ...people.slice(0, 6).map(({ name }) => face(name, 'sm')));
  };
  place.on('people', render);
  place.on('camera', render);
  place.on('loaded', render);
}

/** @param {Place} place @param {import('./place.js').Person} person */
function member(place, { jid, name }) {
  const watched = place.watchedBy(jid).map((camera) => camera.name);
  const doing = watched.length ? t('watches {names}', { names: watched.join(', ') }) : t('is here');
  const mine = jid === place.me?.jid;
  return h('li', { class: 'member', title: jid }, face(name), h('span', { class: 'member__name' }, mine ? t('{who} (you)', { who: name }) : name), h('span', { class: 'member__doing' }, doing));
}

/** Keeps the cameras, by place, current. @param {Place} place @param {HTMLElement} where */
export function keepCameras(place, where) {
  let drawn = '';
  const render = () => {
    // A camera tells how it is every few seconds: what is under a finger or the focus stays while it reads the same.
    const now = place.room.now();
    const key = JSON.stringify([...place.cameras.values()].map((camera) => [camera.jid, camera.name, camera.location, camera.location_name, camera.online, conditionOf(camera, now).word, conditionOf(camera, now).state]));
    if (key === drawn) return;
    drawn = key;
    replace(where, ...[...byLocation(place)].flatMap(([location, cameras]) => [
      h('h2', { class: 'eyebrow' }, t('{place}, {here} of {n}', { place: cameras[0].location_name || location, here: cameras.filter(({ online }) => online).length, n: cameras.length })),
      h('ul', { class: 'members' }, ...cameras.map((camera) => cameraMember(place, camera))),
    ]));
  };
  place.on('camera', render);
  place.on('loaded', render);
}

/** @param {Place} place @returns {Map<string, import('./api.js').Camera[]>} */
function byLocation(place) {
  const found = new Map();
  for (const camera of place.cameras.values()) found.set(camera.location, [...(found.get(camera.location) ?? []), camera]);
  return found;
}

/** @param {Place} place @param {import('./api.js').Camera} camera */
function cameraMember(place, camera) {
  return h('li', { class: 'member' }, cameraFace(), h('a', { class: 'member__name member__link', href: cameraPage(camera.jid), title: camera.name }, camera.name),
    h('span', { class: 'member__doing' }, camera.jid), state(conditionOf(camera, place.room.now())));
}
