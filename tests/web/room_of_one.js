// A room whose one camera answers calls as long as `answers` is set; it sends a canvas.
const { Emitter } = await import('/static/js/emitter.js');
const { Live } = await import('/static/js/live.js');
const canvas = document.createElement('canvas');
const draw = canvas.getContext('2d');
setInterval(() => draw.fillRect(Math.random() * 300, 0, 20, 150), 40);
const room = Object.assign(new Emitter(), { state: 'open', iceServers: [], answers: true, cameras: new Map(), calls: 0, now: () => Date.now() });
room.send = (message) => {
  if (room.state !== 'open') return false;
  const peer = room.cameras.get(message.session);
  if (message.type === 'call') room.calls++;
  if (message.type === 'call' && room.answers) void called(message.session);
  if (message.type === 'answer') void peer.setRemoteDescription({ type: 'answer', sdp: message.sdp });
  if (message.type === 'candidate' && message.candidate) void peer.addIceCandidate({ candidate: message.candidate, sdpMLineIndex: message.sdp_m_line_index });
  return true;
};
async function called(session) {
  const peer = new RTCPeerConnection();
  room.cameras.set(session, peer);
  peer.addTrack(canvas.captureStream(25).getTracks()[0]);
  peer.onicecandidate = ({ candidate }) => room.emit('candidate', { session, candidate: candidate?.candidate ?? '', sdp_m_line_index: 0 });
  await peer.setLocalDescription();
  room.emit('offer', { session, sdp: peer.localDescription.sdp });
}
// The connection breaks and is back a moment later; the server has ended the session.
room.blink = (answers) => {
  room.answers = answers;
  for (const peer of room.cameras.values()) peer.close();
  for (const state of ['closed', 'open']) room.emit('state', (room.state = state));
};
const video = document.createElement('video');
video.muted = true;
document.body.append(video);
const live = new Live(room, 'cam001@studio.loc', video);
Object.assign(window, { room, live, facts: 0 });
live.on('facts', () => window.facts++);
live.start();
