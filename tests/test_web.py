"""The pages: real Datasette over a real database, asked over HTTP and looked at with a real browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import watchfloor


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo's database, served: the address of its page."""
    folder = tmp_path_factory.mktemp("web")
    assert watchfloor("demo", cwd=folder).returncode == 0
    with open(folder / "log", "w", encoding="utf-8") as log:  # noqa: PTH123
        command = [sys.executable, "-m", "pipeline", "serve", "--db", "db/demo.db", "--port", "18123"]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    address = "http://127.0.0.1:18123"
    for _ in range(200):
        try:
            httpx.get(address)
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    yield address
    process.terminate()
    assert process.wait(timeout=20) in (0, -15)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "watchfloor"),
        ("/watchfloor", "Today&#39;s tagged items"),
        ("/watchfloor/items", "The feed&#39;s own id"),
        ("/watchfloor/items?_search=Quaystone", "Quaystone"),
        ("/watchfloor/mentions?entity_id=unit-180", "unit-180"),
        ("/watchfloor/today", "han-river-wire"),
        ("/watchfloor/by_entity?entity=lab-110", "lab-110"),
        ("/watchfloor/entities_today", "Lab 110"),
        ("/watchfloor/feeds_in_trouble", "harbour-gazette"),
        ("/watchfloor/search?words=Quaystone", "[Quaystone]"),
    ],
)
def test_pages_show_what_they_should(pages: str, path: str, expected: str) -> None:
    """Each page and canned query answers with what the demo stored."""
    response = httpx.get(pages + path)
    assert response.status_code == 200
    assert expected in response.text


def test_items_can_be_faceted(pages: str) -> None:
    """The items table offers its facets."""
    answer = httpx.get(pages + "/watchfloor/items.json?_size=0").json()
    assert set(answer["facet_results"]) == {"feed_id", "language"}


def test_the_pages_cannot_write(pages: str) -> None:
    """No SQL that changes anything is carried out."""
    response = httpx.get(pages + "/watchfloor.json", params={"sql": "delete from items"})
    assert response.status_code == 400


def test_a_browser_runs_nothing_from_a_feed(pages: str) -> None:
    """Chromium shows the item with a script in its text, and the script did not run."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    result = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--virtual-time-budget=3000",
            "--dump-dom", pages + "/watchfloor/items?feed_id=desk-notes",
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "desk-notes" in result.stdout
    assert "onerror" not in result.stdout
    assert "javascript:" not in result.stdout


def test_chromium_was_there_where_it_must_be() -> None:
    """In CI the browser test ran: its absence is a failure there, not a skip."""
    import os  # noqa: PLC0415

    if os.environ.get("CI") and Path("/etc/debian_version").exists():
        assert shutil.which("chromium")
