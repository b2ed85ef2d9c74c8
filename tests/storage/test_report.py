"""What a camera tells of gaps and its spool."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from storage.letter import letter
from storage.models import Chunk, Gap, SpoolReport
from storage.report import take
from tests.conftest import Cast
from tests.storage.footage import BOOT, TEN_O_CLOCK_MS, Device, Footage

URL = "/api/device/report/"
GAP = {"id": "7f", "boot": BOOT, "cause": "power", "from_ms": TEN_O_CLOCK_MS, "to_ms": TEN_O_CLOCK_MS + 5000}


def test_a_gap_told_twice_is_one_row(cast: Cast, device: Device) -> None:
    for _ in range(2):
        answer = device.api.post(URL, {"gaps": [GAP | {"detail": "The plug was pulled."}]}, format="json")
        assert (answer.status_code, answer.json()) == (200, {"accepted": ["7f"]})
    gap = Gap.objects.get()
    assert (gap.camera, gap.cause, gap.detail) == (cast.camera, "power", "The plug was pulled.")


def test_two_cameras_may_use_the_same_id(cast: Cast, device: Device) -> None:
    device.api.post(URL, {"gaps": [GAP]}, format="json")
    cast.device(cast.foreign).post(URL, {"gaps": [GAP]}, format="json")
    assert Gap.objects.count() == 2


def test_the_newest_spool_report_counts_and_a_missing_key_changes_nothing(device: Device) -> None:
    spans = [{"from_ms": TEN_O_CLOCK_MS, "to_ms": TEN_O_CLOCK_MS + 1}]
    full = {
        "unshipped": spans,
        "spool": {"bytes": 5, "quota_bytes": 9},
        "clock": {"synchronised": True, "offset_ms": -3},
    }
    device.api.post(URL, full, format="json")
    device.api.post(URL, {"spool": {"bytes": 6, "quota_bytes": 9}}, format="json")
    report = SpoolReport.objects.get()
    assert (report.spool_bytes, report.synchronised, report.offset_ms) == (6, True, -3)
    assert report.unshipped == [[TEN_O_CLOCK_MS, TEN_O_CLOCK_MS + 1]]
    device.api.post(URL, {"unshipped": []}, format="json")
    assert SpoolReport.objects.get().unshipped == []


def test_the_fullest_of_a_day_counts_in_the_week_that_it_has_at_its_place(cast: Cast) -> None:
    """Sunday, half past eleven in the evening in UTC, is Monday in Berlin, where this camera is."""
    spool = {"bytes": 700, "quota_bytes": 1000}
    take(cast.camera, {"gaps": [], "closed": [], "spool": spool}, datetime(2026, 11, 29, 23, 30, tzinfo=UTC))
    peaks = [
        letter(cast.bob, monday, datetime(2026, 12, 8, tzinfo=UTC))["cameras"][0]["spool_peak"]
        for monday in (date(2026, 11, 23), date(2026, 11, 30))
    ]
    assert (peaks[0], peaks[1]["share"], peaks[1]["day"]) == (None, 0.7, "2026-11-30")


def test_dropped_frames_are_kept_with_their_chunk(device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2))
    device.api.post(URL, {"closed": [{"boot": BOOT, "seq": 1, "frames": 20, "dropped": 4}]}, format="json")
    assert Chunk.objects.get().dropped == 4


@pytest.mark.parametrize(
    "wrong",
    [
        [1, 2], {"gaps": "all"}, {"gaps": [{}]}, {"gaps": [GAP | {"id": "../x"}]}, {"gaps": [GAP | {"cause": "<b>"}]},
        {"gaps": [GAP | {"from_ms": 10**30}]}, {"gaps": [GAP | {"from_ms": None}]}, {"unshipped": [{"from_ms": "x"}]},
        {"gaps": [GAP | {"detail": "x" * 5000}]}, {"clock": {"synchronised": "perhaps"}}, {"spool": {"bytes": -1}},
        {"gaps": [GAP] * 1001},
    ],
)  # fmt: skip
def test_a_report_that_makes_no_sense_is_refused_as_a_whole(device: Device, wrong: Any) -> None:
    answer = device.api.post(URL, wrong, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Gap.objects.exists()


def test_only_devices_report(cast: Cast) -> None:
    assert cast.api(cast.alice).post(URL, {}, format="json").status_code == 401
    assert cast.api(None).post(URL, {}, format="json").status_code == 401
