// A camera and an instant in plain words: "look at cam001 at 14:02:10". Pure.

import { readInstant } from './instant.js';

/** @typedef {{jid: string, name: string}} Named */

const TIME = /(?:^|\s)(?:at|um|@)\s+((?:yesterday|today|gestern|heute)?\s*\d{1,2}:\d{2}(?::\d{2})?)(?!\d)/i;

/** The camera and the instant that a text speaks of; null when it does not name one of each. @param {string} text @param {Named[]} cameras @param {number} now @param {number} day */
export function spokenInstant(text, cameras, now, day) {
  const time = TIME.exec(text);
  if (!time) return null;
  const words = text.toLowerCase();
  const camera = cameras.find(({ jid, name }) => names(words, jid.split('@', 1)[0]) || names(words, name.toLowerCase()));
  const at = readInstant(time[1], now, day);
  return camera && !Number.isNaN(at) && at <= now ? { camera: camera.jid, at } : null;
}

/** Whether a text has a name as words of its own. @param {string} text @param {string} name */
function names(text, name) {
  if (name.length < 2) return false;
  for (let from = text.indexOf(name); from >= 0; from = text.indexOf(name, from + 1)) {
    if (!/[\p{L}\p{N}]/u.test(text[from - 1] ?? ' ') && !/[\p{L}\p{N}]/u.test(text[from + name.length] ?? ' ')) return true;
  }
  return false;
}
