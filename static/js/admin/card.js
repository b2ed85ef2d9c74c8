// The card's files with what only the installer knows: Wi-Fi and key are put in here, in the browser.
// YAML is written as JSON, so that no name and no password means anything but itself (cameras/enrolment/card.py is the twin).

import { t } from '../text.js';

/** @typedef {{name: string, password: string, country: string}} Wifi */

/** Something that was typed cannot be used; the message says why. */
export class CardError extends Error {}

const UNSAFE_IN_YAML = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** JSON that every YAML reader takes. @param {unknown} value */
export function asYaml(value) {
  const escaped = (/** @type {string} */ sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(value, null, 2).replace(UNSAFE_IN_YAML, escaped)}\n`;
}

/** Throws CardError. @param {Wifi} wifi */
function check({ name, password, country }) {
  if (new TextEncoder().encode(name).length > 32 || name.includes('\0')) throw new CardError(t('A Wi-Fi name has at most 32 bytes.'));
  if (password && !/^([\x20-\x7e]{8,63}|[0-9A-Fa-f]{64})$/.test(password)) {
    throw new CardError(t('A Wi-Fi password has 8 to 63 characters, without accents or umlauts.'));
  }
  if (!/^[A-Z]{2}$/.test(country)) throw new CardError(t('Which country is this Wi-Fi in? Two letters, for example DE.'));
}

/** @param {string} text of `network-config` without Wi-Fi @param {Wifi} wifi */
function withWifi(text, wifi) {
  const plan = JSON.parse(text);
  const access = wifi.password ? { password: wifi.password } : { auth: { 'key-management': 'none' } };
  // A name may be anything, also __proto__, which an object literal would take for something else.
  const points = Object.fromEntries([[wifi.name, access]]);
  plan.network.wifis = { wlan0: { dhcp4: true, optional: true, 'regulatory-domain': wifi.country, 'access-points': points } };
  return asYaml(plan);
}

/** @param {string} text of `user-data` @param {string} key one line of an .pub file */
function withKey(text, key) {
  if (!/^(ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]+( [\x20-\x7e]*)?$/.test(key)) {
    throw new CardError(t('This is no public SSH key. It is one line that begins with ssh-, from a file that ends in .pub.'));
  }
  const first = '#cloud-config\n';
  const plan = JSON.parse(text.slice(first.length));
  plan.user.ssh_authorized_keys = [key];
  // Raspberry Pi OS comes with its SSH server switched off.
  plan.runcmd.push(['systemctl', 'enable', '--now', 'ssh']);
  return first + asYaml(plan);
}

/**
 * The files of a card; throws CardError with what to mend.
 * @param {Record<string, string>} files as the server made them
 * @param {{wifi: Wifi, key: string}} typed empty texts: none
 */
export function cardFiles(files, { wifi, key }) {
  const made = { ...files };
  if (!wifi.name && wifi.password) throw new CardError(t('There is a Wi-Fi password, but no Wi-Fi name.'));
  if (wifi.name) {
    check(wifi);
    made['network-config'] = withWifi(made['network-config'] ?? '{"network": {}}', wifi);
  }
  if (key) made['user-data'] = withKey(made['user-data'] ?? '', key);
  return made;
}
