"""A network cut while somebody watches: the recording stands in and says why; the live picture comes back by itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import ROOT

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("what", ["live", pytest.param("everything", marks=pytest.mark.campaign)])
def test_a_cut_is_bridged_by_the_recording_told_in_words_and_healed(tmp_path: Path, what: str) -> None:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "tests.e2e.cut_network", str(tmp_path), what],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    seen = json.loads(done.stdout.splitlines()[-1])
    assert "You see the recording as it arrives. Nothing is lost." in seen["cut"]
    assert seen["back"] == "live"
    if what == "everything":
        assert "The cameras go on recording." in seen["away"]
        assert seen["all back"] == "live"
