"""A server with behaviour for the agent's tests: enrolment, room, storage, reports as docs/protocol.md has them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import msgspec
from aiohttp import web
from ucam_boxes import BoxesError, read_fragment, read_init
from ucam_protocol import (
    FRAGMENT_BYTES_MAX,
    SUBPROTOCOL,
    VERSION,
    FromClient,
    Hello,
    IceServer,
    Message,
    Ping,
    Pong,
    Settings,
    Welcome,
    decode_from_client,
    encode,
)

_Kind = TypeVar("_Kind", bound=Message)
SETTINGS = Settings(width=320, height=240, fps=10, bitrate_kbit=300, keyframe_ms=1000, chunk_s=10)


def hotspot() -> web.Response:
    """What a network answers that wants to be paid first."""
    return web.Response(text="<h1>Welcome</h1>", content_type="text/html")


@dataclass
class Upload:
    """One chunk on storage."""

    facts: dict[str, str]
    content: bytearray = field(default_factory=bytearray)
    length: int | None = None
    patches: int = 0


class Server:
    """Listens on a free port of loopback while the `async with` block runs; may be stopped and started again.

    `storage_fault`: None, a status, "black hole", "corrupt" (bytes are changed on their way), "busy" (another request
    has the chunk), "forgetful" (what was created is unknown at once) or "hotspot" (a page that says 200 answers for
    bytes and reports). `proxy`: the status that something in front of storage answers instead, in its own words.
    """

    def __init__(self, *, jid: str = "cam001@studio.loc", token: str = "device-token") -> None:
        self.jid, self.token = jid, token
        self.port = 0
        self.settings: Settings | None = SETTINGS
        self.clock_ahead_ms = 0
        self.ice_servers: list[IceServer] = []
        self.codes = {"code-1234"}
        self.uploads: dict[tuple[str, int], Upload] = {}
        self.takes_parts = False  # of a fragment that is larger than one PATCH, as storage does
        self.gone: set[tuple[str, int]] = set()
        self.forgotten: set[str] = set()
        self.poisoned: tuple[str, int] | None = None
        self.reports: list[dict[str, Any]] = []
        self.accept_gaps = True
        self.storage_fault: int | str | None = None
        self.proxy: int | None = None
        self.requests: Counter[str] = Counter()
        self.received: list[FromClient] = []
        self.listeners: list[Callable[[FromClient], None]] = []
        self.connections = 0
        self.cameras: list[web.WebSocketResponse] = []
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application(client_max_size=FRAGMENT_BYTES_MAX + 1)
        app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/ws/room", self._room),
                web.get("/api/device/ice/", self._ice),
                web.post("/api/device/enrol/", self._enrol),
                web.post("/api/device/report/", self._report),
                web.post("/api/device/chunks/", self._create),
                web.route("HEAD", "/api/device/chunks/{id}", self._look),
                web.patch("/api/device/chunks/{id}", self._append),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            for socket in self.cameras:
                await socket.close(code=1001)
            await runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage_url(self) -> str:
        return f"{self.url}/api/device/"

    @property
    def room_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/room"

    def device(self) -> dict[str, str]:
        """What device.json holds after enrolment."""
        return {
            "jid": self.jid,
            "token": self.token,
            "server": self.url,
            "room": self.room_url,
            "storage": self.storage_url,
        }

    # ------------------------------------------------------------ for tests

    async def until(self, holds: Any, within_s: float = 15.0) -> Any:
        """Wait until `holds()` is true and return what it is."""
        deadline = time.monotonic() + within_s
        while not (value := holds()):
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"not within {within_s} s"
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), min(0.05, left_s))
            except TimeoutError:
                continue
        return value

    def all(self, kind: type[_Kind]) -> list[_Kind]:
        """The messages of this kind that cameras have sent."""
        return [message for message in self.received if isinstance(message, kind)]

    async def say(self, message: Message) -> None:
        """Send to the camera that is there."""
        await self.cameras[-1].send_str(encode(message))

    # ------------------------------------------------------------ room

    def _may(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.token}"

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _room(self, request: web.Request) -> web.StreamResponse:
        if not self._may(request):
            return web.json_response({"code": "token_invalid", "message": "No."}, status=401)
        socket = web.WebSocketResponse(protocols=[SUBPROTOCOL])
        await socket.prepare(request)
        hello = decode_from_client(await socket.receive_str(timeout=5))
        assert isinstance(hello, Hello)
        self.received.append(hello)
        self.connections += 1
        self.cameras.append(socket)
        welcome = Welcome(
            version=VERSION, jid=f"{self.jid}/x{self.connections}", server_ms=self._now_ms(), settings=self.settings
        )
        await socket.send_str(encode(welcome))
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                message = decode_from_client(frame.data)
                if isinstance(message, Ping):
                    await socket.send_str(encode(Pong(sent_ms=message.sent_ms, server_ms=self._now_ms())))
                self.received.append(message)
                for listener in list(self.listeners):
                    listener(message)
                self._news.set()
        self.cameras.remove(socket)
        return socket

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_ahead_ms

    # ------------------------------------------------------------ enrolment, reports

    async def _ice(self, request: web.Request) -> web.Response:
        if not self._may(request):
            return web.json_response({"code": "token_invalid", "message": "No."}, status=401)
        return web.json_response({"ice_servers": msgspec.to_builtins(self.ice_servers)})

    async def _enrol(self, request: web.Request) -> web.Response:
        code = (await request.json())["code"]
        if code not in self.codes:
            return web.json_response({"code": "code_used", "message": "This code was used already."}, status=410)
        self.codes.remove(code)
        answer = {**self.device(), "settings": json.loads(_plain(self.settings or Settings()))}
        del answer["server"]
        return web.json_response(answer)

    async def _report(self, request: web.Request) -> web.Response:
        if not self._may(request):
            return web.json_response({"code": "token_invalid", "message": "No."}, status=401)
        if self.storage_fault == "hotspot":
            return hotspot()
        report = await request.json()
        self.reports.append(report)
        self._news.set()
        return web.json_response(
            {"accepted": [gap["id"] for gap in report.get("gaps", [])] if self.accept_gaps else []}
        )

    # ------------------------------------------------------------ tus

    async def _trouble(self, request: web.Request) -> web.Response | None:
        self.requests[request.method] += 1
        self._news.set()
        if self.proxy is not None:
            return web.Response(status=self.proxy, text="<h1>Something in between</h1>", content_type="text/html")
        if not self._may(request):
            return web.json_response({"code": "token_invalid", "message": "No."}, status=401)
        if request.headers.get("Tus-Resumable") != "1.0.0":
            return web.Response(status=412)
        if self.storage_fault == "black hole":
            await asyncio.sleep(60)
        if isinstance(self.storage_fault, int):
            body = {"code": "storage_away", "message": "Storage is away."}
            return web.json_response(body, status=self.storage_fault, headers={"Retry-After": "1"})
        return None

    async def _create(self, request: web.Request) -> web.Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        facts = {
            key: base64.b64decode(value).decode()
            for key, value in (pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
        }
        assert set(facts) == {"boot", "seq", "run", "started_ms", "started_mono_ns", "clock"}
        assert request.headers["Upload-Defer-Length"] == "1"
        name = facts["boot"], int(facts["seq"])
        self.forgotten.discard(f"{name[0]}-{name[1]}")
        upload = self.uploads.setdefault(name, Upload(facts))
        if name in self.gone:
            return web.json_response({"code": "chunk_gone", "message": "Deleted by retention."}, status=410)
        headers = {"Location": f"https://proxy.invalid/api/device/chunks/{name[0]}-{name[1]}", **self._headers(upload)}
        return web.Response(status=201, headers=headers)

    def _headers(self, upload: Upload) -> dict[str, str]:
        headers = {"Upload-Offset": str(len(upload.content)), "Cache-Control": "no-store"}
        return headers if upload.length is None else {**headers, "Upload-Length": str(upload.length)}

    def _find(self, request: web.Request) -> tuple[tuple[str, int], Upload]:
        boot, _, seq = request.match_info["id"].partition("-")
        return (boot, int(seq)), self.uploads[boot, int(seq)]

    async def _look(self, request: web.Request) -> web.Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        return web.Response(status=200, headers=self._headers(self._find(request)[1]))

    async def _append(self, request: web.Request) -> web.Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        if self.storage_fault == "hotspot":
            return hotspot()
        if "Content-Length" not in request.headers:
            return web.Response(status=411)
        if request.content_type != "application/offset+octet-stream":
            return web.Response(status=415)
        if request.match_info["id"] in self.forgotten or self.storage_fault == "forgetful":
            return web.json_response({"code": "not_found", "message": "There is nothing here for you."}, status=404)
        name, upload = self._find(request)
        if name == self.poisoned:
            return web.Response(status=500)
        content = await request.read()
        refusal = self._refusal(request, name, upload, content)
        if refusal is not None:
            return refusal
        upload.content += content
        upload.patches += 1
        if "Upload-Length" in request.headers:
            upload.length = int(request.headers["Upload-Length"])
        self._news.set()
        return web.Response(status=204, headers=self._headers(upload))

    def _refusal(
        self, request: web.Request, name: tuple[str, int], upload: Upload, content: bytes
    ) -> web.Response | None:
        def no(status: int, code: str) -> web.Response:
            return web.json_response({"code": code, "message": f"No: {code}."}, status=status)

        if name in self.gone:
            return no(410, "chunk_gone")
        if upload.length is not None:
            return no(403, "chunk_closed")
        if int(request.headers["Upload-Offset"]) != len(upload.content) or self.storage_fault == "busy":
            return no(409, "offset_wrong")
        if len(content) > FRAGMENT_BYTES_MAX:
            return no(413, "too_large")
        arrived = content + b"!" if self.storage_fault == "corrupt" else content
        digest = base64.b64encode(hashlib.sha256(arrived).digest()).decode()
        if request.headers["Upload-Checksum"] != f"sha256 {digest}":
            return no(460, "checksum")
        if content and not self.takes_parts and not _is_one_fragment(upload, content):
            return no(422, "not_fragmented_mp4")
        if int(request.headers.get("Upload-Length", len(upload.content) + len(content))) != len(upload.content) + len(
            content
        ):
            return no(400, "length_wrong")
        return None


def _is_one_fragment(upload: Upload, content: bytes) -> bool:
    """One PATCH holds one fragment that begins with a keyframe, the first the init in front."""
    try:
        init = read_init(bytes(upload.content) or content)
        fragment = read_fragment(content, 0 if upload.content else init.size, init=init)
    except BoxesError:
        return False
    return fragment.keyframe_first and fragment.offset + fragment.size == len(content)


def _plain(settings: Settings) -> bytes:
    return msgspec.json.encode(settings)
