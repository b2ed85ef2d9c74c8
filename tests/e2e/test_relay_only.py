"""Camera and viewer have no way to each other but the server's own relay: there is a picture all the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import ROOT

pytestmark = pytest.mark.e2e


def test_where_only_the_relay_leads_the_picture_comes_by_the_relay(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "tests.e2e.relay_only", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["frames"] >= 10
    assert "relay" in (seen["local"], seen["remote"])
    assert (seen["viewer reaches server"], seen["camera"]) == (True, False)
