"""What can be asked of this camera in the room, and how it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from ucam_sentences import say, together

from .config import Config
from .doctor import examine
from .health import Health
from .lights.files import identify
from .talk import Command, Said

BLINK_S = 60.0
SELFTEST_WITHIN_S = 60.0
RECORDER, LIVE = "recorder", "live"


class Commands:
    """`restart` is told which process shall start afresh."""

    def __init__(self, config: Config, health: Health, restart: Callable[[str], None]) -> None:
        self._config, self._health, self._restart = config, health, restart

    def table(self) -> dict[str, Command]:
        """The commands by name."""
        return {
            "status": Command("watch", say("how I am."), self._status),
            "spool": Command("watch", say("what waits on me, and how long I have room."), self._spool),
            "snapshot": Command("watch", say("my newest picture."), self._snapshot),
            "blink": Command("operate", say("my light shows where I am, for a minute."), self._blink),
            "selftest": Command("operate", say("I look whether everything works."), self._selftest),
            "restart": Command(
                "operate", say("my live part starts afresh; restart recorder: the recorder does."), self._begin_afresh
            ),
        }

    async def _status(self, _rest: str) -> Said:
        return Said(self._health.in_words())

    async def _spool(self, _rest: str) -> Said:
        return Said(self._health.spool_in_words())

    async def _snapshot(self, _rest: str) -> Said:
        latest_ms = self._health.shipper.latest_ms
        if latest_ms is None:
            return Said(
                together(say("No picture has reached storage since I was started."), self._health.spool_in_words())
            )
        at = datetime.fromtimestamp(latest_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        late = self._health.shipper.reach.away
        if late:
            return Said(say("My newest picture on storage, which I cannot reach now."), at)
        return Said(say("My newest picture."), at)

    async def _blink(self, _rest: str) -> Said:
        await asyncio.to_thread(identify, self._config.state, BLINK_S)
        return Said(
            say(
                "For {seconds} s my light flashes three times short and once long, again and again.",
                seconds=f"{BLINK_S:.0f}",
            )
        )

    async def _selftest(self, _rest: str) -> Said:
        try:
            async with asyncio.timeout(SELFTEST_WITHIN_S):
                findings = await asyncio.to_thread(examine, self._config)
        except TimeoutError:
            return Said(
                say("The test takes too long: something hangs. Ask for `restart`, or look at my power and network.")
            )
        failed = [finding for finding in findings if not finding.works]
        if not failed:
            return Said(say("Everything works: {parts}.", parts=", ".join(finding.part for finding in findings)))
        troubles = (together(say("{part}:", part=one.part), one.words) for one in failed)
        return Said(together(say("This does not work."), *troubles))

    async def _begin_afresh(self, rest: str) -> Said:
        if rest not in ("", RECORDER, LIVE):
            return Said(say("I can restart my live part (restart) or my recorder (restart recorder)."))
        which = rest or LIVE
        asyncio.get_running_loop().call_later(1.0, self._restart, which)
        if which == RECORDER:
            return Said(say("My recorder starts afresh: for some seconds nothing is recorded, and a gap will say so."))
        return Said(say("My live part starts afresh; recording goes on. I am back in some seconds."))
