"""The API as its own OpenAPI document describes it, with made-up input: no door answers with an error page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from tests.security.answers import Kind, may, operators
from tests.security.routes import routes
from tests.security.world import TUS, World

pytestmark = pytest.mark.django_db
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
SHORT = settings(
    derandomize=True, database=None, deadline=None, max_examples=8, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def document(world: World) -> Iterator[Any]:
    """As it is served; the server closes its database connection after each answer, this one holds the world."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_the_document_describes_every_door(document: Any) -> None:
    written = {re.sub(r"{(\w+)}", r"<\1>", path) for path in document.raw_schema["paths"]}
    found = {"/" + re.sub(r"<\w+:", "<", route) for route in routes() if route.startswith("api/")}
    assert found - {"/api/schema/"} == written


def test_no_door_answers_with_an_error_page(document: Any, world: World) -> None:
    operations = [result.ok() for result in document.get_all_operations()]
    assert operations
    for operation in operations:
        knock_as_it_is_described(operation, world)


def knock_as_it_is_described(operation: Any, world: World) -> None:
    """Eight times, with what the document says one may send, and with a camera that is there."""
    device = operation.path.startswith("/api/device/") and not operation.path.endswith("enrol/")
    client = world.client(Kind.CAMERA, may()) if device else world.client(Kind.OPERATOR, operators())
    headers = {"Authorization": client._credentials["HTTP_AUTHORIZATION"]} | (  # type: ignore[attr-defined]
        {"Tus-Resumable": TUS["HTTP_TUS_RESUMABLE"]} if device else {}
    )

    @SHORT
    @given(case=operation.as_strategy())
    def knock(case: Any) -> None:
        cache.clear()
        if "jid" in (case.path_parameters or {}):
            case.path_parameters["jid"] = "cam001@harbour.loc"
        with transaction.atomic():
            case.call_and_validate(checks=[not_a_server_error], headers=headers)
            transaction.set_rollback(True)

    knock()
