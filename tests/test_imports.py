"""The arrows between the packages (docs/architecture.md), read from the imports themselves."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
AGENT = ROOT / "agent" / "src"
ARROWS = ["ucam", "storage", "cameras", "accounts"]  # each may import those to its right
SHARED = {path.stem for path in AGENT.glob("ucam_*.py")}  # single modules that server and agent both use
ROOM_MAY_NOT_KNOW = ("django.db", "django.http", "django.shortcuts", "json", "http", "rest_framework", "cameras.models")


def modules(folder: Path) -> list[Path]:
    """Its Python files, migrations left out: Django writes those."""
    return sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)


def imports(file: Path) -> Iterator[str]:
    """Every absolute module name that a file imports, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def tops(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


def offences(files: list[Path], forbidden: set[str]) -> list[str]:
    return [f"{file.relative_to(ROOT)} imports {name}" for file in files for name in sorted(tops(file) & forbidden)]


@pytest.mark.parametrize("package", ARROWS)
def test_arrows_go_one_way(package: str) -> None:
    left = set(ARROWS[: ARROWS.index(package)])
    files = modules(ROOT / package)
    assert files
    assert offences(files, left | {"ucam_agent"}) == []


def test_the_agent_never_imports_django_or_the_server() -> None:
    files = modules(AGENT)
    assert files
    assert offences(files, {"django", "channels", "rest_framework", "celery", *ARROWS}) == []


def test_only_gst_modules_import_gi() -> None:
    files = [file for folder in (*ARROWS, "agent/src") for file in modules(ROOT / folder)]
    assert offences([file for file in files if not file.stem.startswith("gst")], {"gi"}) == []
    assert "gi" in set().union(*(tops(file) for file in files if file.stem.startswith("gst")))


@pytest.mark.parametrize("name", sorted(SHARED))
def test_shared_modules_know_only_each_other(name: str) -> None:
    allowed = set(sys.stdlib_module_names) | SHARED | {"msgspec"}
    assert tops(AGENT / f"{name}.py") - allowed == set()


def test_the_supervisor_needs_the_standard_library_only() -> None:
    assert tops(AGENT / "ucam_supervise.py") - set(sys.stdlib_module_names) == set()


def test_the_environment_is_read_in_two_files_only() -> None:
    """Reading means os.environ.get, os.environ[...] or os.getenv; handing all of it on to a child is not reading."""
    allowed = {ROOT / "ucam" / "settings.py", AGENT / "ucam_agent" / "config.py"}
    files = [file for folder in (*ARROWS, "agent/src") for file in modules(ROOT / folder) if file not in allowed]
    assert [f"{file.relative_to(ROOT)}:{line}" for file in files for line in environment_reads(file)] == []


def environment_reads(file: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="getenv")):
                yield node.lineno
            case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="os"), attr="environ"), attr="get")):
                yield node.lineno
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="os"), attr="environ"), ctx=ast.Load()):
                yield node.lineno


@pytest.mark.parametrize("ending", ["Manager", "Handler", "Helper", "Util", "Processor", "Data", "Info"])
def test_no_class_has_a_name_that_says_nothing(ending: str) -> None:
    files = [file for folder in (*ARROWS, "agent/src") for file in modules(ROOT / folder)]
    names = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(ending) and node.name != "UserManager"  # Django's word
    ]
    assert names == []


@pytest.mark.parametrize("word", ["services", "managers", "utils", "helpers", "base", "common"])
def test_no_file_is_named_after_nothing(word: str) -> None:
    assert [path for folder in (*ARROWS, "agent/src") for path in (ROOT / folder).rglob(f"{word}*.py")] == []


@pytest.mark.parametrize("name", ["room.py", "roster.py", "relay.py"])
def test_the_room_knows_no_sql_http_or_json(name: str) -> None:
    found = list(imports(ROOT / "cameras" / "room" / name))
    assert [
        module for module in found if f"{module}.".startswith(tuple(f"{word}." for word in ROOM_MAY_NOT_KNOW))
    ] == []
