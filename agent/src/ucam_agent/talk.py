"""Talk to it: what is said to this camera in the room, answered in words (docs/protocol.md, Talking to a camera)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ucam_carried import carried
from ucam_protocol import Chat, Jid, JidInvalid, Message
from ucam_sentences import say, together

log = logging.getLogger(__name__)

ASKED_MAX = 4
TEXT_MAX = 3900
_MENTION = re.compile(r"@([a-z0-9][a-z0-9._-]*)(?:@([\w.-]+))?[,:]?\s*", re.IGNORECASE)
# In the midst of a line only questions count, and only when they end it: "good morning, @cam001 status please".
_ASKED = re.compile(r"([a-z]+)(?:\s+please)?\s*(?:[.,;:!?)]|$)", re.IGNORECASE)
_SENTENCE = {
    "watch": say("You may ask me for that once you may watch this camera. Ask an operator for the right."),
    "operate": say("Only who may operate this camera can ask me for that. Ask an operator for the right."),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What the camera says; `at`: an instant to look at (RFC 3339)."""

    text: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be asked for: the right that it takes, what it is, and who answers."""

    right: str
    words: str
    answer: Callable[[str], Awaitable[Said]]


class Talk:
    """Answers commands. `send` puts a message on its way to the room; `jid` tells our full JID there."""

    def __init__(self, commands: dict[str, Command], send: Callable[[Message], object], jid: Callable[[], str]) -> None:
        self._commands, self._send, self._jid = commands, send, jid
        self._answers: set[asyncio.Task[None]] = set()

    def heard(self, chat: Chat) -> None:
        """Somebody said something that names this camera or is for it."""
        try:
            own, sender = Jid.parse(self._jid()).bare, Jid.parse(chat.from_).bare
        except JidInvalid:
            return
        words = self._for_us(chat, own)
        if sender == own or words is None or len(self._answers) >= ASKED_MAX:
            return
        task = asyncio.create_task(self._answer(chat, words, own, sender), name=f"answer {words[:20]}")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _for_us(self, chat: Chat, own: Jid) -> str | None:
        """What is asked of us; None when we are only spoken of."""
        for line in chat.text.strip().splitlines():
            if (words := self._first_in(line.strip(), own, bool(chat.to))) is not None:
                return words
        return next(filter(None, (self._amidst(line, own) for line in chat.text.splitlines())), None)

    def _first_in(self, text: str, own: Jid, named: bool) -> str | None:
        """A line that begins with our name, or is for us anyway."""
        private = named
        while match := _MENTION.match(text):
            named = named or _is_ours(match, own)
            text = text[match.end() :]
        known = text.split(None, 1)[0].lower() in {*self._commands, "help"} if text else True
        return text.lower() if named and (known or private) else None

    def _amidst(self, line: str, own: Jid) -> str | None:
        """A question somewhere in a line. What does something must be said first: talk about it does nothing."""
        for match in _MENTION.finditer(line):
            apart = match.start() == 0 or not line[match.start() - 1].isalnum()
            asked = _ASKED.match(line, match.end()) if apart and _is_ours(match, own) else None
            word = asked[1].lower() if asked else ""
            if word == "help" or (word in self._commands and self._commands[word].right == "watch"):
                return word
        return None

    async def _answer(self, chat: Chat, words: str, own: Jid, sender: Jid) -> None:
        name, _, rest = words.partition(" ")
        said = await self._words(name or "help", rest.strip(), chat.may)
        to, camera = str(sender) if chat.to else "", str(own) if said.at else ""
        text = str(said.text)[:TEXT_MAX]
        self._send(Chat(text=text, to=to, camera=camera, at=said.at, said=carried(said.text)))

    async def _words(self, name: str, rest: str, may: list[str]) -> Said:
        command = self._commands.get(name)
        if command is None:
            return Said(self._help(name))
        if command.right not in may:
            return Said(_SENTENCE[command.right])
        try:
            return await command.answer(rest)
        except OSError as error:
            log.warning("%s could not be done: %s", name, error)
            return Said(
                say(
                    "That did not work: {reason}. Check card and disk of this camera.",
                    reason=error.strerror or error,
                )
            )

    def _help(self, name: str) -> str:
        known = [together(say("{word}:", word=word), command.words) for word, command in self._commands.items()]
        if name == "help":
            return together(*known)
        return together(say("I do not know {word}. What I know:", word=repr(name[:40])), *known)


def _is_ours(mention: re.Match[str], own: Jid) -> bool:
    local, domain = mention[1].lower().rstrip("."), (mention[2] or own.domain).lower().rstrip(".")
    return (local, domain) == (own.local, own.domain)
