"""Sessions: who watches this camera live now. Signalling between the room and gst_webrtc.py; no gi in here."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ucam_carried import carried
from ucam_protocol import (
    Answer,
    Call,
    Hangup,
    IceCandidate,
    IceServer,
    Jid,
    JidInvalid,
    Message,
    Offer,
    RtspSource,
    StreamName,
)
from ucam_sentences import say, together

from .errors import AgentError
from .frames import Frame, Frames, Samples, Stream
from .ice import ice_urls, is_answer, is_candidate, profile_level_id
from .small import SmallStream

if TYPE_CHECKING:
    from .gst_branch import Branch
    from .gst_own import Own
    from .gst_small import Small
    from .gst_webrtc import Fanout

log = logging.getLogger(__name__)

SESSIONS_MAX = 16
REASON_MAX = 300
SESSIONS_PER_VIEWER_MAX = 4
PICTURE_WITHIN_S = 8.0
CONNECT_WITHIN_S = 20.0
CANDIDATES_MAX = 64


class SessionState(StrEnum):
    """What becomes of a session, in this order."""

    CALLED = "called"
    OFFERED = "offered"
    ANSWERED = "answered"
    CONNECTED = "connected"
    CLOSED = "closed"


class Session:
    """One viewer of this camera; `viewer` is the full JID that called, `stream` what it gets."""

    def __init__(
        self, id: str, viewer: str, sessions: Sessions, stream: StreamName = "main", *, sound: bool = False
    ) -> None:
        self.id, self.viewer, self.stream, self.sound = id, viewer, stream, sound
        self.state = SessionState.CALLED
        self.branch: Branch | None = None
        self.opening: asyncio.Task[None] | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self.candidates = 0
        self._sessions = sessions

    @property
    def person(self) -> str:
        """Who watches, whatever the connection."""
        return _bare(self.viewer)

    # ---- what gst_webrtc.py tells, on the event loop

    def offered(self, sdp: str) -> None:
        if self.state is SessionState.CALLED:
            self.state = SessionState.OFFERED
            self._sessions.send(Offer(session=self.id, sdp=sdp, stream=self.stream))

    def candidate_found(self, line: int, candidate: str) -> None:
        if self.state is not SessionState.CLOSED:
            self._sessions.send(IceCandidate(session=self.id, candidate=candidate, sdp_m_line_index=line))

    def connected(self) -> None:
        if self.state is not SessionState.CLOSED:
            self.state = SessionState.CONNECTED
            if self.deadline:
                self.deadline.cancel()
            self._sessions.changed()

    def ended(self, reason: str) -> None:
        self._sessions.close(self, reason)


class Sessions:
    """All viewers of this camera. The live pipeline exists from the first to the last of them."""

    def __init__(self, frames: Frames, send: Callable[[Message], object], on_change: Callable[[], None]) -> None:
        self._frames = frames
        self._send, self._on_change = send, on_change
        self._sessions: dict[str, Session] = {}
        self._fanouts: dict[StreamName, Fanout] = {}
        self._small = SmallStream(frames, self._on_small, self._end_small)
        self._fanout_lock = asyncio.Lock()
        self._ready = asyncio.Event()
        self._profile = ""
        self._closing: set[asyncio.Task[None]] = set()
        self.ice_servers: list[IceServer] = []

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def pipeline_exists(self) -> bool:
        return bool(self._fanouts)

    @property
    def small_exists(self) -> bool:
        """Whether there is a small stream just now."""
        return self._small.exists

    def send(self, message: Message) -> None:
        self._send(message)

    def changed(self) -> None:
        self._on_change()

    # ------------------------------------------------------------ from the room

    def call(self, call: Call) -> None:
        """Somebody wants to watch; who may has been judged by the server."""
        if call.session in self._sessions:
            return
        refusal = self._refusal(_bare(call.from_))
        if refusal:
            self._hang_up(call.session, refusal)
            return
        session = Session(call.session, call.from_, self, call.stream, sound=call.sound)
        self._sessions[call.session] = session
        self._want()
        if not self._ready.is_set():
            self._frames.ask_keyframe()
        session.opening = asyncio.create_task(self._open(session), name=f"session {session.id}")
        session.deadline = asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, session.ended, _no_way())
        self.changed()

    def answer(self, answer: Answer) -> None:
        """The viewer agrees."""
        session = self._sessions.get(answer.session)
        if session is None or session.branch is None or session.state is not SessionState.OFFERED:
            return
        if not is_answer(answer.sdp):
            self.close(session, say("The answer could not be read."))
            return
        session.state = SessionState.ANSWERED
        session.branch.answer(answer.sdp)

    def candidate(self, message: IceCandidate) -> None:
        """One way to the viewer; an empty one says that no more will come."""
        session = self._sessions.get(message.session)
        if session is None or session.branch is None or not message.candidate:
            return
        session.candidates += 1
        if session.candidates <= CANDIDATES_MAX and is_candidate(message.candidate):
            session.branch.add_candidate(message.sdp_m_line_index, message.candidate)

    def hangup(self, hangup: Hangup) -> None:
        """The viewer has enough."""
        session = self._sessions.get(hangup.session)
        if session is not None:
            self.close(session)

    def offline(self, jid: str) -> None:
        """A connection of the room is gone, and the sessions that it called for with it."""
        for session in [one for one in self._sessions.values() if one.viewer == jid]:
            self.close(session)

    # ------------------------------------------------------------ from the recorder

    def stream_changed(self, stream: Stream) -> None:
        """Size or format of the picture is another now: the viewers must call again."""
        log.info("The picture is %d x %d at %d frames/s.", stream.width, stream.height, stream.fps)
        self._ready.clear()
        self._small.stream_changed()
        self._want()
        self._frames.ask_keyframe()  # the first viewer need not wait for what is learnt from it
        for session in [one for one in self._sessions.values() if one.state is not SessionState.CALLED]:
            self.close(session, say("The camera's picture changed; call again."))

    def frame(self, frame: Frame) -> None:
        """One frame for all viewers."""
        if frame.keyframe and not self._ready.is_set():
            self._profile = profile_level_id(frame.data)
            if self._profile:
                self._ready.set()
                self._want()
        if "main" in self._fanouts:
            self._fanouts["main"].push(frame)
        self._small.push(frame)

    def use_small(self, own: RtspSource | None) -> None:
        """The IP camera's own small stream, if it has one: those who watch another call again."""
        if self._small.use(own):
            self._end_small(say("The camera's picture changed; call again."))

    def sound(self, samples: Samples) -> None:
        """Some sound for all viewers that asked for it."""
        for fanout in self._fanouts.values():
            fanout.push_sound(samples)

    def _want(self) -> None:
        """Of the recorder: frames for viewers, or to learn from one; sound when somebody asked for it."""
        frames = bool(self._sessions) or not self._ready.is_set()
        self._frames.want(frames, any(session.sound for session in self._sessions.values()))

    # ------------------------------------------------------------ opening and closing

    def _refusal(self, person: str) -> str:
        """Why one more session is not possible; empty when it is."""
        if sum(session.person == person for session in self._sessions.values()) >= SESSIONS_PER_VIEWER_MAX:
            return say(
                "You watch this camera in {n} places already. Close one of them first.", n=SESSIONS_PER_VIEWER_MAX
            )
        if len(self._sessions) >= SESSIONS_MAX:
            return say("This camera has {n} viewers already, as many as it can serve. Try again later.", n=SESSIONS_MAX)
        return ""

    async def _open(self, session: Session) -> None:
        """The pipeline when it is not there yet, then a branch of it."""
        try:
            webrtc, _ = await asyncio.gather(_load_webrtc(), self._picture())
            small = await self._small.get() if session.stream == "sub" else None
            async with self._fanout_lock:
                if session.state is SessionState.CALLED:
                    fanout = await self._shared_fanout(webrtc, session, small)
                    session.branch = await fanout.add(session, ice_urls(self.ice_servers), sound=session.sound)
        except TimeoutError:
            self.close(session, say("The camera has no picture at the moment."))
        except AgentError as error:
            log.error("Live pictures are not possible: %s", error)
            self.close(
                session, say("The camera cannot send live pictures. Its owner finds out why by `ucam-agent doctor`.")
            )

    async def warm(self) -> None:
        """Loads what the first viewer would wait for: about a second, 8 MB."""
        try:
            webrtc = await _load_webrtc()
            await asyncio.to_thread(webrtc.warm)
            log.info("Ready for viewers.")
        except AgentError as error:
            log.warning("Live pictures are not possible: %s", error)

    async def _picture(self) -> None:
        """Wait until the stream's caps and profile are known."""
        async with asyncio.timeout(PICTURE_WITHIN_S):
            await self._ready.wait()

    async def _shared_fanout(self, webrtc: Any, session: Session, small: Own | Small | None) -> Fanout:
        """That of the session's stream; where a small one cannot be, the session gets the large one."""
        stream, profile, ask_keyframe = self._frames.stream, self._profile, self._frames.ask_keyframe
        if stream is None:
            raise TimeoutError
        if small is None or small.stream is None:
            session.stream = "main"
        else:
            stream, profile, ask_keyframe = small.stream, small.profile, small.want_keyframe
        if session.stream not in self._fanouts or self._fanouts[session.stream].stream != stream:
            fanout = webrtc.Fanout(stream, profile, ask_keyframe)
            await fanout.open()
            stale = self._fanouts.get(session.stream)
            self._fanouts[session.stream] = fanout
            if stale is not None:
                await stale.close()
        return self._fanouts[session.stream]

    def _on_small(self, frame: Frame) -> None:
        if "sub" in self._fanouts:
            self._fanouts["sub"].push(frame)

    def _end_small(self, reason: str) -> None:
        """It is over, or another now: those who watch it call again."""
        for session in [one for one in self._sessions.values() if one.stream == "sub"]:
            self.close(session, reason)

    def close(self, session: Session, reason: str | None = None) -> None:
        """End a session, with a reason when the viewer does not know yet. May be called twice."""
        if self._sessions.pop(session.id, None) is None:
            return
        session.state = SessionState.CLOSED
        if session.deadline:
            session.deadline.cancel()
        if reason is not None:
            log.info("Session of %s ended: %s", session.person, reason)
            self._hang_up(session.id, reason)
        self._want()
        task = asyncio.create_task(self._dispose(session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self.changed()

    def _hang_up(self, session: str, reason: str) -> None:
        self._send(Hangup(session=session, reason=str(reason)[:REASON_MAX], said=carried(reason)))

    async def _dispose(self, session: Session) -> None:
        """Take the branch out; the last one takes the pipeline along."""
        if session.opening is not None:
            await asyncio.wait([session.opening])
        async with self._fanout_lock:
            if session.branch is not None:
                await session.branch.close()
            session.branch = session.opening = None  # sockets and threads go with the last reference, not some day
            used = {one.stream for one in self._sessions.values()}
            for stream in [stream for stream in self._fanouts if stream not in used]:
                await self._fanouts.pop(stream).close()
        await self._small.end_unless(lambda: any(one.stream == "sub" for one in self._sessions.values()))

    async def beat(self) -> None:
        """Returns only while the GLib thread does its work: a hang there is one of the whole process."""
        for fanout in list(self._fanouts.values()):
            await fanout.beat()

    async def close_all(self, reason: str) -> None:
        """End every session and wait until the pipeline is gone."""
        for session in list(self._sessions.values()):
            self.close(session, reason)
        while self._closing:
            await asyncio.wait(self._closing)


def _no_way() -> str:
    found = say("The camera found no way to you within {seconds} s.", seconds=f"{CONNECT_WITHIN_S:.0f}")
    return together(found, say("Try another network, or ask the operator of the server for a relay (TURN)."))


async def _load_webrtc() -> Any:
    """gi is loaded once the room is there, by `warm`, or with the first viewer: recording and shipping come first."""
    return await asyncio.to_thread(importlib.import_module, "ucam_agent.gst_webrtc")


def _bare(jid: str) -> str:
    try:
        return str(Jid.parse(jid).bare)
    except JidInvalid:
        return jid
