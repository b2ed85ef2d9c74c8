"""A peer for the room: the least that a good engineer would write. It keeps nothing and asks nobody who they are.

One process, all in its memory: what one says goes, with a number, to everybody who is there.

    python -m bench.peers.bare_room PORT
"""

from __future__ import annotations

import json
import sys

from aiohttp import WSMsgType, web


class BareRoom:
    """Those who are in, and how many messages there were."""

    def __init__(self) -> None:
        self._sockets, self._number = set[web.WebSocketResponse](), 0

    async def take(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from its hello to its end."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        await socket.send_str('{"type":"welcome"}')
        self._sockets.add(socket)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._pass_on(frame.data)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _pass_on(self, frame: str) -> None:
        said = json.loads(frame)
        if said["type"] == "chat":
            self._number += 1
            text = json.dumps(said | {"number": self._number})
            for socket in list(self._sockets):
                await socket.send_str(text)


def main() -> None:
    application = web.Application()
    application.router.add_get("/ws/room", BareRoom().take)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)


if __name__ == "__main__":
    main()
