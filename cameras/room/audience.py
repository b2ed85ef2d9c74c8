"""Whom a message is for."""

from __future__ import annotations

import msgspec

from cameras.room.roster import Member


class Audience(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may hear a message. Whoever is not named here does not."""

    places: list[int] = []  # people of these places
    any_place: bool = False  # people who belong to any place at all
    operators: bool = False
    people: list[int] = []
    cameras: list[int] = []
    about: int = 0  # a camera: guests of it may hear this, and nothing else
    but: str = ""  # not this connection (full JID)

    def includes(self, member: Member) -> bool:
        """Whether this member may hear it."""
        if member.jid == self.but:
            return False
        if member.kind == "camera":
            return member.subject in self.cameras
        if member.guest:
            return member.subject in self.people or self.about in member.cameras
        if (member.operator and (self.operators or self.any_place)) or member.subject in self.people:
            return True
        return bool(member.places) if self.any_place else not member.places.isdisjoint(self.places)


def who_sees(member: Member) -> Audience:
    """Those who may know that this member is here, without itself; an account without a place knows of nobody."""
    if member.operator:
        return Audience(any_place=True, but=member.jid)
    about = member.subject if member.kind == "camera" else 0
    return Audience(places=sorted(member.places), operators=True, about=about, but=member.jid)
