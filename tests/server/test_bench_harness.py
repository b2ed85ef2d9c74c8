"""The figures that benchmarks print are the ones that they measured."""

import json
from pathlib import Path

import pytest

from bench import harness
from bench.harness import Row


def test_rounds_alternate_and_their_order_turns() -> None:
    order: list[str] = []
    values = iter(range(10))

    def measure(name: str) -> float:
        order.append(name)
        return float(next(values))

    samples = harness.alternate(3, {"ucam": lambda: measure("ucam"), "peer": lambda: measure("peer")})
    assert order == ["ucam", "peer", "peer", "ucam", "ucam", "peer"]
    assert samples == {"ucam": [0, 3, 4], "peer": [1, 2, 5]}


def test_the_report_holds_medians_ratio_machine_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    file = harness.report(
        "example", [Row("first frame", "ms", {"ucam": [10, 30, 20], "bare": [40, 40, 40]}, goal="<= 1")]
    )
    result = json.loads(file.read_text())
    assert result["rows"][0]["ratio"] == 0.5
    assert result["rows"][0]["contestants"]["ucam"]["median"] == 20
    assert result["machine"]["cores"] >= 1
    assert result["versions"]["python"]


def test_ucam_alone_has_no_ratio() -> None:
    row = Row("encoders", "", {"ucam": [1]})
    assert row.ratio is None
    assert "encoders" in harness.table([row])


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert harness.percentile([1, 2, 3, 4], 50) == 2.5
    assert harness.percentile([5], 95) == 5
