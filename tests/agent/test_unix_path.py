"""A state directory may lie deeper than the address of a unix socket is long."""

import os
import socket
from pathlib import Path

import pytest
from ucam_agent.readers import _bound
from ucam_agent.unix_path import SUN_PATH_MAX, address


@pytest.mark.parametrize("longer", [-20, 0, 1, 60])
def test_the_recorders_socket_is_there_however_deep_its_folder_lies(tmp_path: Path, longer: int) -> None:
    rest = SUN_PATH_MAX + longer - len(os.fsencode(tmp_path)) - len("/live.sock") - 1
    folder = tmp_path / ("x" * max(1, rest))
    folder.mkdir()
    with _bound(folder / "live.sock"), socket.socket(socket.AF_UNIX) as client:
        with address(folder / "live.sock") as where:
            client.connect(where)
        assert sorted(file.name for file in folder.iterdir()) == ["live.sock"]
