// What the room says, checked before anybody believes it. The classes are agent/src/ucam_protocol.py, the examples tests/protocol/golden/.

export const VERSION = 1;
export const SUBPROTOCOL = 'ucam.room.1';
export const FRAME_BYTES_MAX = 64 * 1024;
/** What the server tells may be longer: the welcome holds all who are there and fifty messages. */
export const SERVER_FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** @typedef {'person' | 'camera' | 'server'} Kind */
/** @typedef {{jid: string, kind: Kind, name: string, capabilities: string[], since: string}} Peer */
/** @typedef {{urls: string[], username: string, credential: string}} IceServer */
/** @typedef {{state: string, words: string}} PartState */
/** @typedef {{type: 'status', id: string, from: string, parts: Record<string, PartState>, recording: boolean, viewers: number, spool_bytes: number, spool_unshipped_bytes: number, spool_holds_s: number | null, catch_up_s: number | null, frames_produced: number, frames_recorded: number, frames_dropped: number, clock_offset_ms: number | null, version: string}} Status */
/** @typedef {{type: 'chat', id: string, from: string, from_name: string, text: string, to: string, camera: string, at: string | null, sent_at: string, may: string[], kind: '' | 'gap' | 'export' | 'hold', until: string | null, cause: string}} Chat may: told to cameras only; kind: empty, somebody said it, else what happened from `at` to `until` */
/** @typedef {{type: 'lead', id: string, camera: string, beside: string[], at: string | null, playing: boolean, rate: number, over: boolean, from: string}} Lead at null: live */
/** @typedef {{type: 'follow', id: string, to: string, over: boolean, from: string}} Follow */
/** @typedef {{id: number, kind: string, level: 'warning' | 'critical', state: 'raised' | 'claimed' | 'cleared', title: string, text: string, camera: string, location: string, raised_at: string, claimed_by: string, claimed_at: string, cleared_at: string, reminded_at: string, escalated_at: string, picture_at: string}} AlertNotice */
/** @typedef {{type: 'welcome', id: string, version: number, jid: string, server_ms: number, roster: Peer[], ice_servers: IceServer[], messages: Chat[], watching: Record<string, string[]>, statuses: Status[]}} Welcome */
/** @typedef {{type: 'call', id: string, session: string, to: string, from: string, stream: 'main' | 'sub', sound: boolean}} Call */
/** @typedef {{type: 'offer', id: string, session: string, to: string, from: string, sdp: string, stream: 'main' | 'sub'}} Offer */
/** @typedef {{type: 'answer', id: string, session: string, to: string, from: string, sdp: string}} Answer */
/** @typedef {{type: 'candidate', id: string, session: string, to: string, from: string, candidate: string, sdp_m_line_index: number}} Candidate */
/** @typedef {{type: 'hangup', id: string, session: string, to: string, from: string, reason: string}} Hangup */
/** @typedef {{type: 'online', id: string, peer: Peer}} Online */
/** @typedef {{type: 'offline', id: string, jid: string}} Offline */
/** @typedef {{type: 'watching', id: string, camera: string, viewers: string[]}} Watching */
/** @typedef {{type: 'alert', id: string, alert: AlertNotice}} Alert */
/** @typedef {{type: 'settings', id: string, settings: Record<string, unknown>}} SettingsChanged */
/** @typedef {{type: 'pong', id: string, sent_ms: number, server_ms: number}} Pong */
/** @typedef {{type: 'error', id: string, code: string, message: string, hint: string}} ErrorMessage */
/** @typedef {Welcome | Online | Offline | Chat | Lead | Follow | Call | Offer | Answer | Candidate | Hangup | Watching | Alert | SettingsChanged | Status | Pong | ErrorMessage} FromServer */

/** A frame that is not what it says; `code` as on the Python side. */
export class ProtocolError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

/** @typedef {(value: any, path: string) => any} Check gives the value back, defaults filled in, or throws */

/** @param {string} path @param {string} wanted @returns {never} */
function refuse(path, wanted) {
  throw new ProtocolError('message_malformed', `This message cannot be read: ${path} is not ${wanted}.`);
}

/** @type {Check} */
const text = (value, path) => (typeof value === 'string' ? value : refuse(path, 'a text'));
/** @type {Check} */
const whole = (value, path) => (Number.isSafeInteger(value) ? value : refuse(path, 'a whole number'));
/** @type {Check} */
const count = (value, path) => (Number.isSafeInteger(value) && value >= 0 ? value : refuse(path, 'a number from 0 up'));
/** @type {Check} */
const amount = (value, path) => (typeof value === 'number' && value > 0 ? value : refuse(path, 'a number above 0'));
/** @type {Check} */
const flag = (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'true or false'));
/** @param {...string} words @returns {Check} */
const oneOf = (...words) => (value, path) => (words.includes(value) ? value : refuse(path, `one of ${words.join(', ')}`));
/** @param {Check} check @returns {Check} */
const orNull = (check) => (value, path) => (value === null ? null : check(value, path));
/** @param {Check} check @returns {Check} */
const listOf = (check) => (value, path) => (Array.isArray(value) ? value.map((item, n) => check(item, `${path}[${n}]`)) : refuse(path, 'a list'));
/** @param {Check} check @returns {Check} */
const mapOf = (check) => (value, path) => {
  const entries = Object.entries(object(value, path)).map(([key, item]) => [key, check(item, `${path}.${key}`)]);
  return Object.fromEntries(entries);
};

/** @param {any} value @param {string} path @returns {Record<string, unknown>} */
function object(value, path) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : refuse(path, 'an object');
}

/** @typedef {{check: Check, otherwise?: unknown, optional?: boolean}} Key */
/** @param {Check} check @returns {Key} */
const must = (check) => ({ check });
/** @param {Check} check @param {unknown} otherwise @returns {Key} */
const may = (check, otherwise) => ({ check, otherwise, optional: true });

/** An object with these keys; others are left out, as an older reader must. @param {Record<string, Key>} keys @returns {Check} */
const record = (keys) => (value, path) => {
  const given = object(value, path);
  /** @type {Record<string, unknown>} */
  const read = {};
  for (const [name, { check, otherwise, optional }] of Object.entries(keys)) {
    if (Object.hasOwn(given, name)) read[name] = check(given[name], path ? `${path}.${name}` : name);
    else if (optional) read[name] = structuredClone(otherwise);
    else refuse(path ? `${path}.${name}` : name, 'there');
  }
  return read;
};

const mark = { type: must(text), id: may(text, '') };
const routed = { ...mark, session: must(text), to: may(text, ''), from: may(text, '') };
const peer = record({
  jid: must(text), kind: must(oneOf('person', 'camera', 'server')), name: may(text, ''), capabilities: may(listOf(text), []), since: may(text, ''),
});
const iceServer = record({ urls: must(listOf(text)), username: may(text, ''), credential: may(text, '') });
const chat = record({
  ...mark, text: must(text), to: may(text, ''), camera: may(text, ''), at: may(orNull(text), null), from: may(text, ''), from_name: may(text, ''), sent_at: may(text, ''), may: may(listOf(text), []),
  kind: may(oneOf('', 'gap', 'export', 'hold'), ''), until: may(orNull(text), null), cause: may(text, ''),
});
const part = record({ state: must(oneOf('ok', 'starting', 'degraded', 'broken', 'off', 'unknown')), words: may(text, '') });
const status = record({
  ...mark, from: may(text, ''), parts: may(mapOf(part), {}), recording: may(flag, false), viewers: may(count, 0), spool_bytes: may(count, 0),
  spool_unshipped_bytes: may(count, 0), spool_holds_s: may(orNull(count), null), catch_up_s: may(orNull(count), null), frames_produced: may(count, 0),
  frames_recorded: may(count, 0), frames_dropped: may(count, 0), clock_offset_ms: may(orNull(whole), null), version: may(text, ''),
});
const alert = record({
  id: must(whole), kind: must(text), level: must(oneOf('warning', 'critical')), state: must(oneOf('raised', 'claimed', 'cleared')), title: must(text),
  text: may(text, ''), camera: may(text, ''), location: may(text, ''), raised_at: may(text, ''), claimed_by: may(text, ''), claimed_at: may(text, ''), cleared_at: may(text, ''),
  reminded_at: may(text, ''), escalated_at: may(text, ''), picture_at: may(text, ''),
});
const stream = oneOf('main', 'sub');
const description = record({ ...routed, sdp: must(text) });

/** @type {Record<string, Check>} */
const MESSAGES = {
  welcome: record({
    ...mark, version: must(whole), jid: must(text), server_ms: must(whole), roster: may(listOf(peer), []), ice_servers: may(listOf(iceServer), []),
    messages: may(listOf(chat), []), watching: may(mapOf(listOf(text)), {}), statuses: may(listOf(status), []),
  }),
  online: record({ ...mark, peer: must(peer) }),
  offline: record({ ...mark, jid: must(text) }),
  chat,
  lead: record({ ...mark, camera: must(text), beside: may(listOf(text), []), at: may(orNull(text), null), playing: may(flag, true), rate: may(amount, 1), over: may(flag, false), from: may(text, '') }),
  follow: record({ ...mark, to: must(text), over: may(flag, false), from: may(text, '') }),
  call: record({ ...routed, stream: may(stream, 'main'), sound: may(flag, false) }),
  offer: record({ ...routed, sdp: must(text), stream: may(stream, 'main') }),
  answer: description,
  candidate: record({ ...routed, candidate: must(text), sdp_m_line_index: may(count, 0) }),
  hangup: record({ ...routed, reason: may(text, '') }),
  watching: record({ ...mark, camera: must(text), viewers: must(listOf(text)) }),
  alert: record({ ...mark, alert: must(alert) }),
  settings: record({ ...mark, settings: must(object) }),
  status,
  pong: record({ ...mark, sent_ms: must(whole), server_ms: must(whole) }),
  error: record({ ...mark, code: must(text), message: must(text), hint: may(text, '') }),
};

export const SERVER_TYPES = Object.keys(MESSAGES);

/** What the server said; throws ProtocolError (`frame_too_long`, `message_malformed`, `type_unknown`). @param {unknown} frame @returns {FromServer} */
export function decode(frame) {
  if (typeof frame !== 'string') throw new ProtocolError('message_malformed', 'This message cannot be read: it is not text.');
  if (frame.length > SERVER_FRAME_BYTES_MAX) throw new ProtocolError('frame_too_long', `A message has at most ${SERVER_FRAME_BYTES_MAX} bytes.`);
  const given = object(json(frame), 'the message');
  const type = text(given.type, 'type');
  if (!Object.hasOwn(MESSAGES, type)) throw new ProtocolError('type_unknown', `There is no message of type ${type.slice(0, 80)} here.`);
  return MESSAGES[type](given, '');
}

/** @param {string} frame @returns {unknown} */
function json(frame) {
  try {
    return JSON.parse(frame);
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('the frame', 'JSON');
    throw error;
  }
}

/** A stored status as the API gives it; null when there is none of this version. @param {unknown} value @returns {Status | null} */
export function readStatus(value) {
  try {
    return value ? status({ type: 'status', .../** @type {object} */ (value) }, 'status') : null;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** Alerts as the API gives them. @param {unknown} value @returns {AlertNotice[]} */
export function readAlerts(value) {
  return listOf(alert)(value, 'alerts');
}

/** Messages as the API gives them. @param {unknown} value @returns {Chat[]} */
export function readMessages(value) {
  return listOf(chat)(value, 'messages');
}

/** The address without its connection. @param {string} jid */
export function bare(jid) {
  return jid.split('/', 1)[0];
}
