"""What the recorder says of itself reaches whoever comes later, too."""

from __future__ import annotations

from .conftest import MakeRecorder


def test_a_reader_that_comes_later_hears_the_present_states(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    first = recorder.connect()
    first.event("fragment")
    first.send_settings(source={"kind": "file", "name": "absent.mp4"})
    degraded = first.event("state", part="recorder", state="degraded")
    first.close()
    second = recorder.connect()
    assert second.event("state", part="recorder") == degraded
    recorder.connect().event("state", part="camera", state="ok")
