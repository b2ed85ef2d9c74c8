"""The room over several server processes that share one Redis: real daphne, real websockets, real SIGKILL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis as redis_client
from asgiref.sync import sync_to_async
from django.conf import settings
from ucam_protocol import Answer, Call, Chat, Error, Hangup, Offer, Offline, Online, Ping, Pong, Watching

from cameras.models import DeviceToken
from cameras.room import presence
from tests.conftest import Cast
from tests.room.servers import NetPeer, Redis, WebServer, connect

CAMERA = "cam001@studio.loc"
Start = Callable[..., WebServer]
Make = Callable[[WebServer, str], Awaitable[NetPeer]]


@pytest.fixture
def servers(lasting_cast: Cast) -> Iterator[Start]:
    """Starts servers, and ends them all."""
    started: list[WebServer] = []

    def start(redis_url: str = "") -> WebServer:
        started.append(WebServer(redis_url))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that the test may kill."""
    started = Redis(tmp_path).start()
    yield started
    started.kill()


@pytest.fixture
async def peers(lasting_cast: Cast) -> AsyncIterator[Make]:
    """Makes peers by name, and closes them all."""
    made: list[NetPeer] = []

    async def make(server: WebServer, who: str) -> NetPeer:
        if who == "camera":
            token = await sync_to_async(DeviceToken.objects.issue)(lasting_cast.camera)
            made.append(await connect(server, device_token=token))
        else:
            access = await sync_to_async(lasting_cast.access)(getattr(lasting_cast, who))
            made.append(await connect(server, access=access))
        return made[-1]

    yield make
    for peer in made:
        await peer.leave()


async def test_two_processes_are_one_room(servers: Start, peers: Make) -> None:
    one, two = servers(), servers()
    bob, alice = await peers(one, "bob"), await peers(two, "alice")
    camera = await peers(two, "camera")
    assert (await bob.hear(Online, lambda online: online.peer.kind == "camera")).peer.jid == camera.jid
    await bob.say(Call(session="s1", to=CAMERA))
    assert (await camera.hear(Call)).from_ == bob.jid
    await camera.say(Offer(session="s1", sdp="v=0"))
    assert (await bob.hear(Offer)).from_ == camera.jid
    await bob.say(Answer(session="s1", sdp="v=0"))
    assert (await camera.hear(Answer)).from_ == bob.jid
    assert (await alice.hear(Watching)).viewers == ["bob@example.com"]
    await alice.say(Chat(text="hello over there"))
    assert (await bob.hear(Chat)).from_ == "alice@example.com"
    newer = await peers(one, "camera")
    assert await camera.hear_close() == 4409
    assert (await bob.hear(Hangup)).session == "s1"
    assert newer.jid != camera.jid


async def test_a_process_that_is_killed_leaves_no_ghost(lasting_cast: Cast, servers: Start, peers: Make) -> None:
    one, two = servers(), servers()
    bob, camera = await peers(one, "bob"), await peers(two, "camera")
    await bob.say(Call(session="s1", to=CAMERA))
    await camera.hear(Call)
    two.kill()
    assert (await bob.hear(Offline, within_s=30)).jid == camera.jid
    assert (await bob.hear(Hangup)).session == "s1"
    visible = await sync_to_async(presence.visible_to)(lasting_cast.alice)
    assert [peer.jid for peer in visible] == [bob.jid]
    assert await sync_to_async(presence.watchers_now)() == {}
    deadline = asyncio.get_running_loop().time() + 5
    while True:
        await lasting_cast.camera.arefresh_from_db()
        if not lasting_cast.camera.online:
            break
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


async def test_the_last_process_killed_leaves_no_ghost(lasting_cast: Cast, servers: Start, peers: Make) -> None:
    server = servers()
    await peers(server, "bob")
    assert await sync_to_async(presence.visible_to)(lasting_cast.alice)
    server.kill()
    deadline = asyncio.get_running_loop().time() + 30
    while await sync_to_async(presence.visible_to)(lasting_cast.alice):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)


async def test_after_redis_was_killed_everybody_comes_back_in(
    lasting_cast: Cast, own_redis: Redis, servers: Start, peers: Make
) -> None:
    server = servers(own_redis.url)
    bob, camera = await peers(server, "bob"), await peers(server, "camera")
    own_redis.kill()
    assert await bob.hear_close(within_s=10) == 4503
    assert await camera.hear_close(within_s=10) == 4503
    own_redis.start()
    camera, bob = await peers(server, "camera"), await peers(server, "bob")
    assert {peer.jid for peer in bob.welcome.roster} >= {bob.jid, camera.jid}
    await bob.say(Call(session="s1", to=CAMERA))
    await camera.hear(Call)


async def test_a_redis_that_forgets_everything_sends_everybody_to_the_door(servers: Start, peers: Make) -> None:
    server = servers()
    bob = await peers(server, "bob")
    with redis_client.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
    assert await bob.hear_close(within_s=10) == 4503
    again = await peers(server, "bob")
    await again.say(Ping(sent_ms=1))
    await again.hear(Pong)


@pytest.mark.parametrize("size", [70_000, 1_000_000])
async def test_a_long_frame_is_answered(servers: Start, peers: Make, size: int) -> None:
    bob = await peers(servers(), "bob")
    await bob.send_frame('{"type": "ping", "x": "' + "a" * size + '"}')
    await bob.say(Ping(sent_ms=1))
    await bob.hear(Pong)
    assert (await bob.hear(Error)).code == "frame_too_long"


async def test_a_frame_without_end_is_cut_off(servers: Start, peers: Make) -> None:
    bob = await peers(servers(), "bob")
    with suppress(ConnectionError):  # when the server is quicker than the sender
        await bob.send_frame("a" * 3_000_000)
    assert await bob.hear_close() in (1009, 1006)
