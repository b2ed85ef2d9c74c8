// What a camera answers to: offered once a message begins with its name. Pure.

import { t } from './text.js';

/** @typedef {{word: string, says: string, right: 'watch' | 'operate'}} Command */

/** The agent's commands (docs/protocol.md). @returns {Command[]} */
export function commands() {
  return [
    { word: 'status', says: t('how it is'), right: 'watch' },
    { word: 'snapshot', says: t('a picture of now'), right: 'watch' },
    { word: 'spool', says: t('what still waits on it'), right: 'watch' },
    { word: 'blink', says: t('its light shows where it is'), right: 'operate' },
    { word: 'selftest', says: t('looks itself over'), right: 'operate' },
    { word: 'restart', says: t('its live part begins afresh'), right: 'operate' },
    { word: 'help', says: t('what it understands'), right: 'watch' },
  ];
}

/**
 * What is being asked of a camera at the caret: "@cam001@studio.loc st".
 * @param {string} text @param {number} caret @param {(name: string) => {may: string[]} | undefined} cameraOf
 * @returns {{from: number, offered: Command[]} | null}
 */
export function askedCommand(text, caret, cameraOf) {
  const match = /^\s*@(\S+)\s+([a-z]*)$/i.exec(text.slice(0, caret));
  const camera = match && cameraOf(match[1].toLowerCase());
  if (!match || !camera) return null;
  const offered = commands().filter(({ word, right }) => camera.may.includes(right) && word.startsWith(match[2].toLowerCase()) && word !== match[2].toLowerCase());
  return offered.length ? { from: caret - match[2].length, offered } : null;
}
