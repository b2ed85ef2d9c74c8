"""What the documents list is what the code has: alerts, parts of doctor, variables, links between them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")


def python_files(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in file.parts:
                yield ast.parse(file.read_text())


def alert_kinds() -> set[str]:
    """First arguments of `raise_` that are text, and the lists named KINDS from which others come."""
    found: set[str] = set()
    for tree in python_files("accounts", "cameras", "storage", "ucam"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "raise_":
                found |= texts(node.args[:1])
            elif isinstance(node, ast.Assign) and any(getattr(one, "id", "") == "KINDS" for one in node.targets):
                found |= texts(list(ast.walk(node.value)))
    return found


def texts(nodes: list[ast.expr] | list[ast.AST]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_alert_is_explained_and_no_other() -> None:
    kinds = alert_kinds()
    assert {"camera_offline", "disk_low", "clock_unknown"} <= kinds
    assert set(re.findall(r"\(`([a-z_]+)`\)", (DOCS / "alerts.md").read_text())) == kinds


def test_every_part_that_doctor_looks_at_has_its_line() -> None:
    source = (ROOT / "agent" / "src" / "ucam_agent" / "doctor.py").read_text()
    parts = set(re.findall(r"(?:Finding|_look)\(\s*\"([a-z]+)\"", source)) | {"camera", "encoder"}
    told = set(re.findall(r"^\| `([a-z]+)` \|", (DOCS / "troubleshooting.md").read_text(), re.M))
    assert parts == told


def test_words_quoted_from_doctor_are_its_words() -> None:
    """What stands between “ ” in the table of doctor is what the agent says, but for names and numbers (…)."""
    folder = ROOT / "agent" / "src" / "ucam_agent"
    said = " ".join("".join(sorted(texts(list(ast.walk(tree))))) for tree in python_files(str(folder)))
    table = (DOCS / "troubleshooting.md").read_text().partition("## What `ucam-agent doctor` says")[2]
    pieces = [piece.strip() for quote in re.findall("“([^”]+)”", table) for piece in quote.split("…")]
    missing = [piece for piece in pieces if piece and piece not in said]
    assert pieces
    assert missing == []


def test_every_variable_is_documented() -> None:
    source = (ROOT / "ucam" / "settings.py").read_text()
    read = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", source))
    told = set(re.findall(r"`([A-Z_]+)`", (DOCS / "operations.md").read_text()))
    assert read - told == set()


@pytest.mark.parametrize("file", [*sorted(DOCS.glob("*.md")), ROOT / "README.md"], ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    broken = []
    for path, anchor in LINK.findall(file.read_text()):
        if path.startswith(("http:", "https:", "mailto:")):
            continue
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor[1:] not in anchors(target)):
            broken.append(path + anchor)
    assert broken == []


def anchors(file: Path) -> set[str]:
    """Of headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
