"""The matrix: every door of the URLconf x everybody x own, foreign and missing objects, as doors.py declares it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponseBase
from rest_framework.test import APIClient

from tests.security.answers import PEOPLE, Kind, Which
from tests.security.doors import DOORS, Door
from tests.security.routes import methods, routes
from tests.security.world import FOREIGN, OWN, Parameters, World

pytestmark = pytest.mark.django_db  # the world is in a transaction around all of them
SEES_FOREIGN = (Kind.OPERATOR, Kind.OTHER_CAMERA)
BELONGS = (*SEES_FOREIGN, Kind.HOLDER, Kind.OTHERWISE, Kind.GUEST, Kind.CAMERA, Kind.MATE)


def test_every_route_has_a_line() -> None:
    missing = sorted(set(routes()) - {door.route for door in DOORS})
    assert missing == [], f"Add a line to tests/security/doors.py for {missing}; docs/development.md says how."


def test_every_line_has_a_route() -> None:
    assert sorted({door.route for door in DOORS} - set(routes())) == []


def test_every_method_has_a_line() -> None:
    declared = {(door.method, door.route) for door in DOORS}
    found = {(method, route) for route, view in routes().items() for method in methods(view) or ()}
    in_admin = {(method, route) for method, route in found if route.startswith("admin/")}  # its redirects: any method
    assert sorted(found - declared - in_admin) == []


def knock(world: World, door: Door, kind: Kind, which: Which) -> HttpResponseBase:
    """The answer; nothing that it did stays."""
    cache.clear()
    client = world.client(kind, door.who)
    with transaction.atomic():
        try:
            return send(client, door, world.parameters(door.about, which))
        finally:
            transaction.set_rollback(True)


def send(client: APIClient, door: Door, parameters: Parameters) -> HttpResponseBase:
    told: dict[str, Any] = dict(door.headers(parameters)) if door.headers else {}
    kind = told.pop("CONTENT_TYPE", "application/json")
    body = json.dumps(door.body(parameters)) if door.body else ""
    path = address(door.route, parameters) + (f"?{door.query}" if door.query else "")
    return client.generic(door.method, path, body, content_type=kind, **told)


def address(route: str, parameters: dict[str, str]) -> str:
    """A route with its parameters filled in."""
    route = re.sub(r"^admin/\^.*", "admin/cameras/", route)  # the page of an app
    route = re.sub(r"\(\?P<url>.*", "no/such/page", route)
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parameters[found[1]], route)


def content(answer: HttpResponseBase) -> bytes:
    """The body as far as it is text at hand; pictures and streams hold no words."""
    return b"" if answer.streaming else getattr(answer, "content", b"")


def asked(door: Door) -> Iterator[Which]:
    yield from Which if door.about else (Which.OWN,)


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_door_answers_as_it_says(world: World, door: Door) -> None:
    wrong = []
    bodies: dict[tuple[Kind, Which], tuple[int, bytes]] = {}
    for kind in sorted(door.who.tried):
        for which in asked(door):
            answer = knock(world, door, kind, which)
            expected = door.who.expected(kind, which)
            bodies[kind, which] = answer.status_code, content(answer)
            if answer.status_code != expected:
                wrong.append(f"{kind}, {which}: {answer.status_code} and not {expected} {content(answer)[:200]!r}")
            wrong += [f"{kind}, {which}: {word}" for word in faults(door, kind, answer)]
    for (kind, which), (status, body) in bodies.items():
        if status == 404 and (kind, Which.MISSING) in bodies and body != bodies[kind, Which.MISSING][1]:
            wrong.append(f"{kind}, {which}: a 404 that differs from that of what does not exist: {body[:200]!r}")
    assert wrong == []


def faults(door: Door, kind: Kind, answer: HttpResponseBase) -> Iterator[str]:
    """What is wrong with an answer whatever its status is."""
    text = content(answer).lower()
    if kind not in SEES_FOREIGN and FOREIGN.encode() in text:
        yield f"tells of the other place: {text[:300]!r}"
    if kind not in BELONGS and OWN.encode() in text:
        yield f"tells of a place that is not theirs: {text[:300]!r}"
    if door.who.admin and kind is not Kind.OPERATOR and not answer.get("Location", "").startswith("/admin/login/"):
        yield f"leads to {answer.get('Location')}"
    if answer.status_code < 300 and kind in PEOPLE and door.route.startswith("api/"):
        kept = answer.get("Cache-Control", "")
        if "private" not in kept and "no-store" not in kept:
            yield f"Cache-Control is {kept!r}: others might be given this answer"


@pytest.mark.parametrize(
    "route", sorted({door.route for door in DOORS if not door.who.admin and not door.route.startswith("admin/")})
)
def test_other_methods_are_refused(world: World, route: str) -> None:
    """What no line names does nothing, not even for operators. (The admin's views change by POST, which has lines.)"""
    declared = {door.method for door in DOORS if door.route == route}
    first = next(door for door in DOORS if door.route == route)
    for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - declared):
        door = Door(method, route, first.who, first.about, headers=first.headers)
        for kind in (Kind.ANONYMOUS, Kind.HOLDER, Kind.OPERATOR):
            answer = knock(world, door, kind, Which.OWN)
            assert answer.status_code in (401, 404, 405), (method, kind, answer.status_code)


def test_the_bytes_of_a_chunk_are_not_found_under_another_camera(world: World) -> None:
    """Two ids in one address: that both are there is not enough."""
    door = next(door for door in DOORS if door.route.endswith("chunks/<int:number>.mp4"))
    parameters = {"jid": str(world.own.camera.jid), "number": str(world.foreign.chunk.pk)}
    for kind in (Kind.HOLDER, Kind.OPERATOR):
        assert world.client(kind, door.who).get(address(door.route, parameters)).status_code == 404
