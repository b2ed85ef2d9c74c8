// One camera, live: a WebRTC session that comes up by itself, tells how late it is, and ends when it is no longer wanted.

import { Emitter } from './emitter.js';
import { backoff_ms } from './room.js';
import { t } from './text.js';
import { withTimes } from './time.js';

/** @typedef {'idle' | 'connecting' | 'live' | 'fallback' | 'failed'} LiveState fallback: no picture in time, trying on; failed: refused for good */
/** @typedef {{latency_ms: number | null, width: number, height: number, fps: number, kbit: number, way: 'direct' | 'relay' | ''}} LiveFacts */

const PICTURE_WITHIN_MS = 5000;
const TRY_FOR_MS = 15_000;
const STILL_FOR_MS = 6000;
const MEASURE_EVERY_MS = 1000;

/**
 * Debugging handle, read by the browser tests: `window.ucam.sessions` maps a camera's JID to the RTCPeerConnection that shows it.
 * @type {Map<string, RTCPeerConnection>}
 */
export const sessions = new Map();
Object.assign(window, { ucam: { ...Reflect.get(window, 'ucam'), sessions } });

/** @extends {Emitter<{state: LiveState, facts: LiveFacts, sound: boolean}>} */
export class Live extends Emitter {
  /** @type {LiveState} */
  state = 'idle';
  /** Why there is no picture, in words. */
  reason = '';

  #wanted = false;
  #tries = 0;
  #session = '';
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCIceCandidateInit[]} */
  #early = [];
  /** @type {(() => void)[]} */
  #offs = [];
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  #seen_at = 0;
  /** @type {{delay: number, emitted: number, bytes: number, frames: number, at: number} | null} */
  #last = null;

  /** Sound came with the picture. */
  hasSound = false;

  /**
   * @param {import('./room.js').Room} room @param {string} camera bare JID @param {HTMLVideoElement} video
   * @param {{stream?: 'main' | 'sub', sound?: boolean}} [wanted] `sub`: the small stream, for tiles
   */
  constructor(room, camera, video, { stream = 'main', sound = false } = {}) {
    super();
    this.wanted = { stream, sound };
    this.room = room;
    this.camera = camera;
    this.video = video;
  }

  /** Wants the picture from now on, until stop(). */
  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#tries = 0;
    this.reason = '';
    this.#offs = [
      this.room.on('offer', (message) => message.session === this.#session && void this.#offered(message.sdp)),
      this.room.on('candidate', (message) => message.session === this.#session && void this.#candidate(message)),
      this.room.on('hangup', (message) => message.session === this.#session && this.#lost(withTimes(message.reason, this.room.now()) || t('The camera ended the session.'))),
      // Between two sessions there is none, and an error that answers something else has no mark either.
      this.room.on('error', (message) => this.#session !== '' && message.id === this.#session && this.#refused(message)),
      // The server ends the sessions of a connection that is gone: begin again when the room is back.
      this.room.on('state', (state) => state === 'open' && this.#anew()),
    ];
    this.#become('connecting');
    this.#call();
  }

  /** Ends the session, tells the camera, and may be called twice. @param {string} [reason] */
  stop(reason = 'left') {
    if (!this.#wanted) return;
    this.#wanted = false;
    for (const off of this.#offs.splice(0)) off();
    this.#hangUp(reason);
    this.#become('idle');
  }

  /** The room is back without the session that it had: the picture that still stands is not live any more. */
  #anew() {
    if (this.state === 'live') this.#become('connecting');
    this.#again('');
  }

  /** @param {string} [reason] told to the camera; none when the connection that had the session is gone */
  #again(reason = 'again') {
    this.#hangUp(reason);
    this.#call();
  }

  #call() {
    if (!this.#wanted) return;
    const session = uuid();
    // Without the room there is nothing to be done here: its return begins anew.
    if (!this.room.send({ type: 'call', id: session, session, to: this.camera, ...this.wanted })) return;
    this.#session = session;
    this.#seen_at = 0;
    this.#last = null;
    // Longer than the patience: on a slow network or a busy camera the picture may come after the page has fallen back.
    this.#after(TRY_FOR_MS, () => this.state !== 'live' && this.#retry());
  }

  /** Counts from when the picture was first missed, over all tries. */
  #expectPicture() {
    this.#patience ??= setTimeout(() => {
      this.reason ||= this.room.state === 'open' ? t('No direct way to the camera was found from this network.') : t('This page has lost its connection to the server.');
      this.#become('fallback');
    }, PICTURE_WITHIN_MS);
  }

  /** @param {string} sdp */
  async #offered(sdp) {
    const peer = this.#open();
    const session = this.#session;
    try {
      await peer.setRemoteDescription({ type: 'offer', sdp });
      for (const candidate of this.#early.splice(0)) await this.#add(peer, candidate);
      const answer = await peer.createAnswer();
      if (this.#peer !== peer || this.#session !== session) return;
      await peer.setLocalDescription(answer);
      this.room.send({ type: 'answer', session, sdp: answer.sdp ?? '' });
    } catch (error) {
      // Left in the middle, nobody waits for it any more.
      if (!(error instanceof DOMException)) throw error;
      if (this.#peer === peer) this.#lost(t('This browser cannot show the camera’s picture.'));
    }
  }

  #open() {
    this.#closePeer();
    const peer = new RTCPeerConnection({ iceServers: this.room.iceServers, bundlePolicy: 'max-bundle' });
    const session = this.#session;
    peer.ontrack = ({ track, receiver }) => this.#show(track, receiver);
    peer.onicecandidate = ({ candidate }) =>
      this.room.send({ type: 'candidate', session, candidate: candidate?.candidate ?? '', sdp_m_line_index: candidate?.sdpMLineIndex ?? 0 });
    peer.onconnectionstatechange = () => this.#peer === peer && peer.connectionState === 'failed' && this.#lost(t('The direct way to the camera broke.'));
    this.#peer = peer;
    sessions.set(this.camera, peer);
    return peer;
  }

  /** @param {MediaStreamTrack} track @param {RTCRtpReceiver} receiver */
  #show(track, receiver) {
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    const stream = this.video.srcObject instanceof MediaStream && this.video.srcObject.active ? this.video.srcObject : new MediaStream();
    stream.addTrack(track);
    this.video.srcObject = stream;
    if (track.kind === 'audio') {
      this.hasSound = true;
      return this.emit('sound', true);
    }
    // A browser may refuse to play by itself; the picture then comes with the person's first touch.
    this.video.play().catch((error) => console.info(`The browser holds the picture back: ${error.message}`));
    const session = this.#session;
    const frame = () => {
      if (this.#session !== session || !this.#peer) return;
      this.#picture();
      this.video.requestVideoFrameCallback(frame);
    };
    this.video.requestVideoFrameCallback(frame);
  }

  #picture() {
    this.#seen_at = performance.now();
    if (this.state === 'live') return;
    this.#tries = 0;
    this.reason = '';
    this.#become('live');
    this.#measureSoon();
  }

  /** @param {{candidate: string, sdp_m_line_index: number}} message */
  async #candidate({ candidate, sdp_m_line_index }) {
    const init = { candidate, sdpMLineIndex: sdp_m_line_index };
    if (!this.#peer?.remoteDescription) return void this.#early.push(init);
    await this.#add(this.#peer, init);
  }

  /** One way that is of no use must not cost the others. @param {RTCPeerConnection} peer @param {RTCIceCandidateInit} candidate */
  async #add(peer, candidate) {
    await peer.addIceCandidate(candidate).catch((error) => console.info(`A way to the camera is of no use here: ${error.message}`));
  }

  #measureSoon() {
    this.#after(MEASURE_EVERY_MS, () => void this.#measure());
  }

  async #measure() {
    const peer = this.#peer;
    if (!peer) return;
    // A hidden page draws no frames; then silence says nothing.
    const hidden = document.visibilityState === 'hidden' || this.video.paused;
    if (hidden) this.#seen_at = performance.now();
    if (performance.now() - this.#seen_at > STILL_FOR_MS) return this.#lost(t('The picture stood still.'));
    const report = await peer.getStats();
    if (this.#peer !== peer) return;
    this.emit('facts', this.#read(report));
    this.#measureSoon();
  }

  /** @param {RTCStatsReport} report @returns {LiveFacts} */
  #read(report) {
    /** @type {any} */ let inbound = null;
    /** @type {any} */ let way = null;
    report.forEach((entry) => {
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') inbound = entry;
      if (entry.type === 'candidate-pair' && entry.nominated) way = entry;
    });
    const before = this.#last;
    const now = performance.now();
    this.#last = {
      delay: inbound?.jitterBufferDelay ?? 0, emitted: inbound?.jitterBufferEmittedCount ?? 0, bytes: inbound?.bytesReceived ?? 0, frames: inbound?.framesDecoded ?? 0, at: now,
    };
    const emitted = this.#last.emitted - (before?.emitted ?? 0);
    const buffered_ms = emitted > 0 ? ((this.#last.delay - (before?.delay ?? 0)) / emitted) * 1000 : null;
    const relay = way && report.get(way.localCandidateId)?.candidateType === 'relay';
    return {
      latency_ms: buffered_ms === null || !way ? null : Math.round((way.currentRoundTripTime ?? 0) * 500 + buffered_ms),
      width: inbound?.frameWidth ?? 0,
      height: inbound?.frameHeight ?? 0,
      fps: before ? Math.round(((this.#last.frames - before.frames) * 1000) / (now - before.at)) : 0,
      kbit: before ? Math.round(((this.#last.bytes - before.bytes) * 8) / (now - before.at)) : 0,
      way: way ? (relay ? 'relay' : 'direct') : '',
    };
  }

  /** The session broke: once more, with patience. @param {string} reason */
  #lost(reason) {
    this.reason = reason;
    this.#hangUp(reason);
    if (this.state !== 'fallback') this.#become('connecting');
    this.#retry();
  }

  /** @param {import('./protocol.js').ErrorMessage} message */
  #refused({ code, message, hint }) {
    // Once the camera has answered, an error means that the session is over, not that it may not be.
    if (this.#peer) return this.#lost(message);
    this.reason = hint ? `${message} ${hint}` : message;
    this.#hangUp('');
    this.#become(FINAL.has(code) ? 'failed' : 'fallback');
    if (this.state === 'fallback') this.#retry();
  }

  #retry() {
    this.#after(backoff_ms(this.#tries++ + 1, Math.random()), () => this.#again());
  }

  /** @param {string} reason */
  #hangUp(reason) {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (this.#session && reason) this.room.send({ type: 'hangup', session: this.#session, reason: reason.slice(0, 300) });
    this.#session = '';
    this.#early = [];
    this.#closePeer();
  }

  #closePeer() {
    if (!this.#peer) return;
    const peer = this.#peer;
    this.#peer = null;
    this.hasSound = false;
    peer.ontrack = peer.onicecandidate = peer.onconnectionstatechange = null;
    peer.close();
    if (sessions.get(this.camera) === peer) sessions.delete(this.camera);
  }

  /** @param {number} ms @param {() => void} run */
  #after(ms, run) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  /** @param {LiveState} state */
  #become(state) {
    if (state === 'connecting') this.#expectPicture();
    else {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    }
    if (this.state === state) return;
    this.state = state;
    this.emit('state', state);
  }
}

/** Refusals that stay what they are; all others pass by themselves. */
const FINAL = new Set(['not_found', 'not_allowed', 'version_unknown']);

/** Random UUID; crypto.randomUUID exists only over https. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
