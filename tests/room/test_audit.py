"""Watching live leaves one row a session in the audit trail; being refused leaves none."""

from channels.db import database_sync_to_async
from ucam_protocol import Call, Error

from accounts.models import AuditEntry
from cameras.models import Membership
from tests.conftest import Cast
from tests.room.peers import device, person


@database_sync_to_async
def trail() -> list[tuple[str, str, str, str]]:
    return list(AuditEntry.objects.values_list("actor", "action", "subject", "details__session").order_by("pk"))


async def test_each_session_leaves_a_row(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    for session in ("one", "two"):
        await bob.say(Call(session=session, to=camera.jid))
        await camera.hear(Call)
    await bob.leave()
    await camera.leave()
    assert await trail() == [
        ("bob@example.com", "watch", "cam001@studio.loc", "one"),
        ("bob@example.com", "watch", "cam001@studio.loc", "two"),
    ]


async def test_a_refused_call_leaves_none(lasting_cast: Cast) -> None:
    await database_sync_to_async(Membership.objects.update)(may_watch=False)
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session="one", to=camera.jid))
    assert (await bob.hear(Error)).code == "not_found"
    await bob.leave()
    await camera.leave()
    assert await trail() == []
