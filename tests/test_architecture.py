"""The arrows of the design: which module may import which, and who may do what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: The stages of the data's way. None may import another; run.py, inhand.py, worker.py and the edges know the order.
STAGES = {"fetch", "parse", "tag", "store", "digest", "stories", "fulltext", "delivery"}
#: Modules that know the order or stand at the edge, so may import stages.
CONDUCTORS = {
    "run",
    "folding",
    "inhand",
    "backfill",
    "pages",
    "tools",
    "intake",
    "callback",
    "subscribing",
    "worker",
    "daemon",
    "cli",
    "reporting",
    "delivering",
    "alerting",
    "retagging",
    "trial",
    "upkeep",
    "checks",
    "demo",
    "web",
    "__main__",
}


def noun(path: Path) -> str:
    """The module or package directly below ``pipeline`` that ``path`` belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")} - {noun(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_never_import_one_another(path: Path) -> None:
    """Only the conductors import stages; a stage or a shared module imports none but itself."""
    if noun(path) in CONDUCTORS:
        return
    assert not own_imports(path) & (STAGES | CONDUCTORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_fetcher_opens_sockets_to_the_outside(path: Path) -> None:
    """Network libraries are imported by fetch and its guard; pages and the demo only listen on this machine."""
    used = {name.split(".")[0] for name in imports(path)} | {".".join(name.split(".")[:2]) for name in imports(path)}
    outward = used & {"httpx", "httpcore", "requests", "urllib3", "aiohttp", "urllib.request", "http.client"}
    listening = used & {"socket", "socketserver", "http.server"}
    if outward:
        allowed = {"fetch", "guard"} | ({"tools"} if outward == {"httpx"} else set())  # tools makes the one TLS context
        assert noun(path) in allowed
    if listening:
        assert noun(path) in {"guard", "cli", "demo", "callback", "delivery"}  # delivery knows the errors of sockets
    if used & {"smtplib", "apprise", "aiosmtplib"}:
        assert noun(path) == "delivery"


SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX)|PRAGMA\s)", re.DOTALL
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_store_writes_sql(path: Path) -> None:
    """No text that is SQL stands outside store and migrations, and nobody else imports a database library."""
    if noun(path) in {"store", "migrations"}:
        return
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [text for text in texts if SQL.search(text)]
    libraries = {name.split(".")[0] for name in imports(path)} & {"sqlite3", "sqlite_utils"}
    assert not libraries or (noun(path) == "cli" and libraries == {"sqlite3"})  # main() explains its errors


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Each module opens with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_that_grows_is_split(path: Path) -> None:
    """No module is longer than 350 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350
