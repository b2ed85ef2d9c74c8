"""What Prometheus reads, by Prometheus' own parser; and that the Grafana dashboard asks only for what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from cameras.models import Alert, Camera, DeviceToken
from storage.models import Installation
from tests.conftest import Cast

DASHBOARD = Path(__file__).parents[2] / "docs" / "deploy" / "grafana-dashboard.json"
STATUS = {
    "recording": True, "spool_unshipped_bytes": 5000, "spool_holds_s": 3600, "clock_offset_ms": -20, "viewers": 2,
    "frames_dropped": 7, "version": '1.0 "new"\n',
}  # fmt: skip
Samples = dict[tuple[str, str], float]


@pytest.fixture(autouse=True)
def scraped(settings: Any, tmp_path: Path) -> None:
    settings.UCAM_METRICS_TOKEN = "scrape me"
    settings.UCAM_MEDIA = tmp_path / "media"


@pytest.fixture
def recording(cast: Cast) -> None:
    """The cast's camera is well and has an alert all the same."""
    DeviceToken.objects.issue(cast.camera)
    now = timezone.now()
    Camera.objects.filter(pk=cast.camera.pk).update(connected_at=now, latest_at=now, status=STATUS)
    Alert.objects.raise_("clock_unknown", Alert.Level.WARNING, "It does not know the time", camera=cast.camera)
    Installation.objects.this().retention_stamped(now)


def scrape(token: str = "scrape me") -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def samples() -> Samples:
    """Value by name and camera (or no camera)."""
    families = text_string_to_metric_families(scrape().content.decode())
    return {(one.name, one.labels.get("camera", "")): one.value for family in families for one in family.samples}


@pytest.mark.usefixtures("recording")
def test_a_camera_is_told_as_it_is() -> None:
    found, jid = samples(), "cam001@studio.loc"
    assert found["ucam_camera_online", jid] == found["ucam_camera_recording", jid] == 1
    assert found["ucam_camera_stored_age_seconds", jid] < 60
    assert found["ucam_camera_spool_unshipped_bytes", jid] == 5000
    assert found["ucam_camera_clock_offset_seconds", jid] == pytest.approx(-0.02)
    assert found["ucam_camera_frames_dropped_total", jid] == 7
    assert (
        "ucam_camera_online",
        "cam001@elsewhere.loc",
    ) not in found  # nobody enrolled it: that it is away says nothing
    assert found["ucam_alerts_open", ""] == 1
    assert found["ucam_storage_up", ""] == 1
    assert found["process_resident_memory_bytes", ""] > 0


def test_a_disk_that_is_away_is_a_zero(cast: Cast, settings: Any) -> None:
    samples()
    settings.UCAM_MEDIA = settings.UCAM_MEDIA / "elsewhere"
    found = samples()
    assert found["ucam_storage_up", ""] == 0
    assert ("ucam_storage_free_bytes", "") not in found


def test_only_its_token_and_operators_get_it(cast: Cast, settings: Any) -> None:
    assert scrape("wrong").status_code == 404
    assert scrape(cast.access(cast.bob)).status_code == 404
    assert scrape(cast.access(cast.alice)).status_code == 200
    settings.UCAM_METRICS_TOKEN = ""
    assert scrape("").status_code == 404


def test_more_cameras_take_no_more_queries(cast: Cast) -> None:
    counts = []
    for begin, end in ((1, 10), (10, 40)):
        for number in range(begin, end):
            Camera.objects.create(location=cast.elsewhere, local=f"more{number}", status=STATUS)
        scrape()
        with CaptureQueriesContext(connection) as queries:
            assert scrape().status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


@pytest.mark.usefixtures("recording")
def test_the_dashboard_asks_only_for_what_there_is() -> None:
    there = {name for name, _ in samples()} | {"up"}
    asked = {name for panel in panels() for target in panel["targets"] for name in names(target["expr"])}
    assert asked
    assert asked <= there
    assert {"ucam_alerts_open", "ucam_storage_free_bytes", "ucam_camera_online"} <= asked


def names(expression: str) -> list[str]:
    """The metrics of a PromQL expression."""
    return re.findall(r"\b(?:ucam|process)_\w+|\bup\b", expression)


def test_its_panels_stand_beside_each_other_and_name_their_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
