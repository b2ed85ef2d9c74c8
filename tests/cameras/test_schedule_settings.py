"""What an operator may set of schedule, fragments and bandwidth; wrong values are a sentence in the form."""

from __future__ import annotations

import msgspec
import pytest
from django.core.exceptions import ValidationError
from ucam_protocol import FRAGMENT_BYTES_MAX, MessageMalformed, Period, Settings, decode_settings

from cameras.models import Camera, Location


def camera(**values: object) -> Camera:
    place = Location.objects.create(domain="studio.loc", name="Studio")
    return Camera(location=place, local="cam001", **values)


@pytest.mark.django_db
def test_a_schedule_reaches_the_device() -> None:
    one = camera(schedule=[{"days": ["mon", "fri"], "from": "20:00", "to": "07:00"}], uplink_kbit=2000)
    one.full_clean()
    told = one.settings()
    assert told.schedule == [Period(days=["mon", "fri"], from_="20:00", to="07:00")]
    assert told.uplink_kbit == 2000
    assert decode_settings(msgspec.json.encode(told)) == told


@pytest.mark.django_db
@pytest.mark.parametrize("period", [{"days": []}, {"days": ["someday"]}, {"days": ["mon"], "from": "25:00"}, "mon"])
def test_a_schedule_that_cannot_be_is_refused_in_words(period: object) -> None:
    with pytest.raises(ValidationError, match="This schedule cannot be used"):
        camera(schedule=[period]).full_clean()


@pytest.mark.django_db
def test_fragments_too_large_for_one_request_are_refused_in_the_form() -> None:
    with pytest.raises(ValidationError, match="shorter keyframe distance or a lower bitrate"):
        camera(bitrate_kbit=50_000, keyframe_ms=2000).full_clean()


def test_the_largest_fragment_that_is_allowed_leaves_headroom() -> None:
    settings = Settings(bitrate_kbit=20_000, keyframe_ms=2500)
    assert settings.bitrate_kbit * settings.keyframe_ms // 8 < FRAGMENT_BYTES_MAX * 0.76
    with pytest.raises(MessageMalformed, match="8 MiB"):
        decode_settings(b'{"bitrate_kbit": 20000, "keyframe_ms": 2600}')
