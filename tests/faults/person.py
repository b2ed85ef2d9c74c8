"""Somebody in the room of the running product who watches a camera without a browser."""

from __future__ import annotations

import asyncio
import time
import uuid

import aiohttp
from ucam_protocol import SUBPROTOCOL, VERSION, Call, Error, Hello, Message, Welcome, decode_from_server, encode

from tests.agent.viewer import Viewer
from tests.faults.product import Product

RETRY_S = 0.1
ATTEMPT_S = 3.0


async def seconds_to_picture(product: Product, access: str, within_s: float) -> float:
    """How long it takes until a moving picture is there, with as many attempts as a page would make."""
    begun_s = time.monotonic()
    async with aiohttp.ClientSession(product.url) as http, asyncio.timeout(within_s):
        while True:
            try:
                async with asyncio.timeout(ATTEMPT_S):
                    if await _watch(http, product.camera_jid, access):
                        return time.monotonic() - begun_s
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                print(f"after {time.monotonic() - begun_s:.1f} s: {error!r}")  # the door is not open yet
            await asyncio.sleep(RETRY_S)


async def _watch(http: aiohttp.ClientSession, camera: str, access: str) -> bool:
    """One visit: in, call, three frames; False when the camera is not there or the socket closes before."""
    async with http.ws_connect("/ws/room", protocols=[SUBPROTOCOL], headers=_origin(http)) as socket:
        await socket.send_str(encode(Hello(version=VERSION, token=access, capabilities=["view"])))
        welcome = decode_from_server(await socket.receive_str(timeout=5))
        assert isinstance(welcome, Welcome)
        if not any(peer.jid.startswith(camera) for peer in welcome.roster):
            return False
        tasks: set[asyncio.Task[None]] = set()

        def send(message: Message) -> None:
            tasks.add(asyncio.create_task(socket.send_str(encode(message))))

        viewer = Viewer(str(uuid.uuid4()), send)
        try:
            send(Call(session=viewer.session, to=camera))
            return await _until_frames(socket, viewer)
        finally:
            await viewer.close()


async def _until_frames(socket: aiohttp.ClientWebSocketResponse, viewer: Viewer) -> bool:
    while viewer.frames < 3 and not viewer.hung_up:
        try:
            heard = await socket.receive(timeout=RETRY_S)
        except TimeoutError:
            continue
        if heard.type is not aiohttp.WSMsgType.TEXT:
            return False
        message = decode_from_server(heard.data)
        if isinstance(message, Error):
            print(message)
            return False
        if getattr(message, "session", "") == viewer.session:
            viewer.take(message)
    return viewer.frames >= 3


def _origin(http: aiohttp.ClientSession) -> dict[str, str]:
    return {"Origin": str(http._base_url).rstrip("/")} if http._base_url else {}
