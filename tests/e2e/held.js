// What a page holds, counted: numbers only, for to keep the things themselves would keep them alive.

(() => {
  const held = (window.held = { peers: 0, sockets: 0, intervals: 0, timeouts: 0, pictures: 0 });

  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...words) {
      super(...words);
      held.peers++;
    }

    close() {
      if (this.signalingState !== 'closed') held.peers--;
      super.close();
    }
  };

  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...words) {
      super(...words);
      held.sockets++;
      this.addEventListener('close', () => held.sockets--);
    }
  };

  const { setInterval, setTimeout, clearInterval, clearTimeout } = window;
  const timers = new Map();
  const keep = (kind, id) => {
    held[kind]++;
    timers.set(id, kind);
    return id;
  };
  const forget = (id) => {
    if (timers.has(id)) held[timers.get(id)]--;
    timers.delete(id);
  };
  window.setInterval = (act, ms, ...words) => keep('intervals', setInterval(act, ms, ...words));
  window.setTimeout = (act, ms, ...words) => {
    const id = setTimeout(() => {
      forget(id);
      act(...words);
    }, ms);
    return keep('timeouts', id);
  };
  window.clearInterval = (id) => {
    forget(id);
    clearInterval(id);
  };
  window.clearTimeout = (id) => {
    forget(id);
    clearTimeout(id);
  };

  const { createObjectURL, revokeObjectURL } = URL;
  const pictures = new Set();
  URL.createObjectURL = (blob) => {
    const url = createObjectURL.call(URL, blob);
    held.pictures = pictures.add(url).size;
    return url;
  };
  URL.revokeObjectURL = (url) => {
    pictures.delete(url);
    held.pictures = pictures.size;
    revokeObjectURL.call(URL, url);
  };
})();
