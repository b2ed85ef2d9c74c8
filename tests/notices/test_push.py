"""Web push, as far as a browser's push service, which is a server on loopback here and decrypts what it gets."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cameras.models import Alert, Channel, Delivery
from cameras.notices import push
from tests.conftest import Cast
from tests.notices.conftest import one_pass
from tests.notices.receivers import Browser, Receiver, receiver

SOON = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def key_of_this_test(settings: Any, tmp_path: Path) -> None:
    settings.UCAM_VAPID_KEY_FILE = tmp_path / "vapid.pem"
    settings.UCAM_NOTICE_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def subscribe(cast: Cast, browser: Browser, endpoint: str) -> Any:
    body = {"kind": "push", "subscription": browser.subscription(endpoint), "name": "Chromium on Linux"}
    return cast.api(cast.alice).post("/api/notices/channels/", body)


def raised(cast: Cast) -> Alert:
    return Alert.objects.raise_("disk_low", "critical", "The disk is full", "Free some space.")


def test_a_browser_gets_what_only_it_can_read(cast: Cast, service: Receiver, mailoutbox: list[Any]) -> None:
    browser = Browser()
    answer = subscribe(cast, browser, f"http://{service.host}/push/abc")
    assert answer.status_code == 201, answer.content
    assert "abc" not in answer.content.decode()
    alert = raised(cast)
    one_pass(alert.raised_at + SOON)
    assert len(service.got) == 1
    message = browser.read(service.got[0])
    assert message["title"] == "The disk is full"
    assert message["body"].startswith("Free some space.\nThis server · since")
    assert message["url"].endswith(f"/alerts/#alert-{alert.pk}")
    assert message["tag"] == f"alert-{alert.pk}"
    assert b"disk" not in service.got[0].body
    assert service.got[0].headers["urgency"] == "high"


def test_the_server_proves_who_it_is(cast: Cast, service: Receiver) -> None:
    subscribe(cast, Browser(), f"http://{service.host}/push/abc")
    one_pass(raised(cast).raised_at + SOON)
    parts = dict(
        part.strip().split("=", 1) for part in service.got[0].headers["authorization"].removeprefix("vapid ").split(",")
    )
    point = push._key(parts["k"])
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    claims = jwt.decode(parts["t"], key, ["ES256"], audience=f"http://{service.host}")
    assert claims["sub"] == push.contact()
    assert parts["k"] == push.public_key() == cast.api(cast.alice).get("/api/notices/").json()["push_key"]


def test_the_key_is_made_once_and_for_nobody_else(settings: Any) -> None:
    first = push.private_key()
    assert push.private_key() == first
    assert stat.S_IMODE(settings.UCAM_VAPID_KEY_FILE.stat().st_mode) == 0o600


def test_a_browser_that_is_gone_is_forgotten_when_mail_reaches_the_person(
    cast: Cast, service: Receiver, mailoutbox: list[Any]
) -> None:
    subscribe(cast, Browser(), f"http://{service.host}/push/abc")
    service.answers = [410]
    one_pass(raised(cast).raised_at + SOON)
    assert not Channel.objects.filter(kind="push").exists()
    assert len(mailoutbox) == 1
    assert not Alert.objects.filter(kind="notice_failed").exists()


def test_a_push_server_in_trouble_gets_it_later_under_the_same_topic(cast: Cast, service: Receiver) -> None:
    subscribe(cast, Browser(), f"http://{service.host}/push/abc")
    service.answers = [503]
    alert = raised(cast)
    one_pass(alert.raised_at + SOON)
    one_pass(alert.raised_at + SOON * 3)
    assert len({got.headers["topic"] for got in service.got}) == 1
    assert Delivery.objects.get(channel__kind="push").state == "sent"


def test_a_redirect_is_not_followed(cast: Cast, service: Receiver) -> None:
    with receiver() as inside:
        subscribe(cast, Browser(), f"http://{service.host}/push/abc")
        service.answers, service.to = [302], f"http://{inside.host}/admin/"
        one_pass(raised(cast).raised_at + SOON)
        assert inside.got == []
    assert Delivery.objects.get(channel__kind="push").state == "waiting"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/x", "https://127.0.0.1/x", "https://169.254.169.254/latest/", "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x", "https://10.0.0.5:9200/x", "https://user:secret@push.example.com/x",
        "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "", "x" * 3000, f"https://{quote('127.0.0.1')}/",
    ],
)  # fmt: skip
def test_an_address_that_is_no_push_service_is_refused(cast: Cast, settings: Any, endpoint: str) -> None:
    settings.UCAM_NOTICE_NETWORKS = []
    answer = subscribe(cast, Browser(), endpoint)
    assert answer.status_code == 400, answer.content
    assert not Channel.objects.filter(kind="push").exists()


def test_a_name_that_leads_into_this_network_is_refused_when_it_is_used(
    cast: Cast, service: Receiver, settings: Any
) -> None:
    settings.UCAM_NOTICE_NETWORKS = []
    channel = Channel.objects.add_push(
        cast.alice, Browser().subscription(f"http://localhost:{service.port}/push/abc"), "mallory's"
    )
    one_pass(raised(cast).raised_at + SOON)
    assert service.got == []
    assert "not allowed" in Delivery.objects.get(channel=channel).words


@pytest.mark.parametrize("keys", [{}, {"p256dh": "AAAA", "auth": "AAAA"}, {"p256dh": 5, "auth": []}, {"p256dh": "§"}])
def test_keys_that_are_none_are_refused(cast: Cast, keys: dict[str, Any]) -> None:
    body = {"kind": "push", "subscription": {"endpoint": "https://push.example.com/x", "keys": keys}}
    assert cast.api(cast.alice).post("/api/notices/channels/", body).status_code == 400


def test_a_browser_belongs_to_who_signed_in_there_last(cast: Cast) -> None:
    browser, endpoint = Browser(), "http://127.0.0.1:9/push/abc"
    subscribe(cast, browser, endpoint)
    body = {"kind": "push", "subscription": browser.subscription(endpoint)}
    cast.api(cast.bob).post("/api/notices/channels/", body)
    assert Channel.objects.get(kind="push").user == cast.bob
