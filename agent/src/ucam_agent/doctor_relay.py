"""What `ucam-agent doctor` says of the relays (TURN) that the server names to this camera."""

from __future__ import annotations

import aiohttp
import msgspec
from ucam_protocol import IceServer
from ucam_sentences import say, together

from . import relay
from .config import Device
from .errors import AgentError, StorageAway, TokenRefused
from .ice import turn_servers

UNKNOWN = 404
NONE = say(
    "The server names no relay: who cannot reach this camera directly sees no live picture. Recording needs none."
)


async def relay_words(device: Device, http: aiohttp.ClientSession) -> str:
    """What works; raises AgentError for what does not. A place is asked for at each relay, and given back."""
    servers = await _servers(device, http)
    if servers is None:
        return say("This server is older than this agent and does not say which relays it names.")
    turns = turn_servers(servers)
    if not turns:
        return NONE
    said, failed = [], []
    for server in turns:
        if server.secure or server.transport == "tcp":
            said.append(say("{relay} (TCP) was not tried.", relay=server.place))
            continue
        try:
            place = await relay.allocate(server)
            said.append(say("{relay} gives this camera a place ({place}).", relay=server.place, place=place))
        except AgentError as error:
            failed.append(error.message)
        except OSError as error:
            why = error.strerror or error
            failed.append(say("{relay} cannot be reached ({reason}). Check UCAM_TURN.", relay=server.place, reason=why))
    if failed:
        raise StorageAway(together(*failed, *said))
    return together(*said)


async def _servers(device: Device, http: aiohttp.ClientSession) -> list[IceServer] | None:
    """As the room would name them; None where it cannot be asked without going into the room."""
    headers = {"Authorization": f"Bearer {device.token}"}
    async with http.get(f"{device.server}/api/device/ice/", headers=headers, allow_redirects=False) as response:
        if response.status == UNKNOWN:
            return None
        if response.status in (401, 403):
            raise TokenRefused(say("The server does not accept this camera's token; see the line `room`."))
        if response.status != 200:
            words = say("The server answers {status} when asked for its relays.", status=response.status)
            raise StorageAway(together(words, say("Ask its operator.")))
        try:
            return msgspec.json.decode(await response.read(), type=dict[str, list[IceServer]])["ice_servers"]
        except (msgspec.DecodeError, KeyError) as error:
            words = say("The server's list of relays cannot be read.")
            raise StorageAway(together(words, say("Ask its operator."))) from error
