"""Services of apprise: set by operators only, and no door into the server's own network or files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cameras.models import Alert, Channel, Delivery
from cameras.notices import outside
from cameras.notices.errors import DeliveryFailed
from cameras.notices.targets import allowed
from tests.conftest import Cast
from tests.notices.conftest import one_pass
from tests.notices.receivers import Receiver, receiver

SOON = timedelta(seconds=30)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def loopback_allowed(settings: Any) -> None:
    settings.UCAM_NOTICE_NETWORKS = ["127.0.0.0/8"]


def add(cast: Cast, url: str, who: Any = None, person: str = "bob@example.com") -> Any:
    body = {"kind": "service", "url": url, "person": person, "name": "Shop's ntfy"}
    return cast.api(who or cast.alice).post("/api/notices/channels/", body)


def send(url: str) -> None:
    outside.run({"kind": "service", "url": url, "title": "Title", "body": "Body", "urgent": True})


def test_a_service_gets_the_alert(cast: Cast, there: Receiver, loopback_allowed: None) -> None:
    answer = add(cast, f"json://{there.host}/secret-path", person="alice@example.com")
    assert answer.status_code == 201, answer.content
    assert "secret-path" not in answer.content.decode()
    alert = Alert.objects.raise_("camera_offline", "critical", "Front door is away", "Look.", camera=cast.camera)
    one_pass(alert.raised_at + SOON)
    got = json.loads(there.got[0].body)
    assert got["title"] == "Front door is away"
    assert got["message"].startswith("Look.")
    assert f"/alerts/#alert-{alert.pk}" in got["message"]
    assert Delivery.objects.get(channel__kind="service").state == "sent"


def test_a_service_that_refuses_is_tried_again_and_its_words_hold_no_secret(
    cast: Cast, there: Receiver, loopback_allowed: None
) -> None:
    there.answers = [500]
    add(cast, f"json://{there.host}/secret-path", person="alice@example.com")
    alert = Alert.objects.raise_("disk_low", "critical", "Disk")
    one_pass(alert.raised_at + SOON)
    row = Delivery.objects.get(channel__kind="service")
    assert row.state == "waiting"
    assert row.words
    assert "secret" not in row.words
    one_pass(alert.raised_at + SOON * 3)
    assert len(there.got) == 2


def test_only_operators_set_services(cast: Cast, there: Receiver, loopback_allowed: None) -> None:
    url = f"json://{there.host}/"
    for who in (cast.bob, cast.mallory):
        assert add(cast, url, who).status_code == 403
    assert add(cast, url, None, "nobody@example.com").status_code == 404
    assert not Channel.objects.filter(kind="service").exists()


def test_nobody_sees_the_url_again_not_even_who_set_it(cast: Cast, there: Receiver, loopback_allowed: None) -> None:
    add(cast, f"json://{there.host}/secret-path")
    for who in (cast.alice, cast.bob):
        page = cast.api(who).get("/api/notices/").content.decode()
        assert "secret-path" not in page
        assert there.host not in page
    assert "Shop's ntfy" in cast.api(cast.bob).get("/api/notices/").content.decode()


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1:6379/", "json://localhost/", "jsons://169.254.169.254/latest/meta-data/", "json://10.0.0.1/",
        "json://[::1]:8000/", "json://[::ffff:127.0.0.1]/", "json://0.0.0.0/", "json://2130706433/", "json://127.1/",
        "gotify://192.168.1.4/token", "matrix://user:pass@172.16.0.1/#room", "syslog://", "dbus://", "file:///etc/passwd",
        "mailto://user:pass@example.com", "rsyslog://127.0.0.1", "exec://rm", "mqtt://127.0.0.1", "irc://127.0.0.1/x",
        "msteams://a/b/c/d/?template=/etc/passwd", "json://example.com/?template=/etc/passwd", "json://", "json",
        "fcm://project@key/?keyfile=/etc/passwd", "javascript:alert(1)", "json://exa\nmple.com/", "j" * 3000, "",
    ],
)  # fmt: skip
def test_what_leads_into_this_machine_or_its_network_is_refused(cast: Cast, url: str) -> None:
    answer = add(cast, url)
    assert answer.status_code == 400, answer.content
    assert not Channel.objects.filter(kind="service").exists()


@pytest.mark.parametrize("url", ["json://localhost:{port}/", "json://127.0.0.1:{port}/", "json://127.1:{port}/"])
def test_what_slipped_in_is_stopped_when_it_connects(there: Receiver, url: str) -> None:
    with pytest.raises(DeliveryFailed):
        send(url.format(port=there.port))
    assert there.got == []


def test_a_redirect_into_another_network_is_stopped(there: Receiver, settings: Any) -> None:
    settings.UCAM_NOTICE_NETWORKS = ["127.0.0.1/32"]
    with receiver() as inside:
        there.answers, there.to = [302], f"http://127.0.0.2:{inside.port}/admin/"
        with pytest.raises(DeliveryFailed):
            send(f"json://{there.host}/")
        assert inside.got == []
    assert len(there.got) == 1


def test_the_sender_reads_no_file_of_ours(there: Receiver, loopback_allowed: None, settings: Any) -> None:
    secret = settings.UCAM_DATA / "secret.key"
    with pytest.raises(DeliveryFailed):
        send(f"workflow://{there.host}/workflow/signature/?template={secret}")
    assert there.got == []


@pytest.mark.parametrize(
    ("address", "yes"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("::1", False), ("10.1.2.3", False),
        ("100.64.0.1", False), ("169.254.1.1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("0.0.0.0", False),
        ("224.0.0.1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:7f00:1::", False),
        ("192.168.7.9", True), ("::ffff:192.168.7.9", True), ("255.255.255.255", False), ("name.example", False),
    ],
)  # fmt: skip
def test_which_addresses_may_be_spoken_to(address: str, yes: bool) -> None:
    assert allowed(address, ["192.168.7.0/24"]) is yes
