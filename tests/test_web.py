"""The pages: real Datasette over a real database, asked over HTTP and looked at with a real browser."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipeline import config as configuration
from pipeline.store import Store
from pipeline.web import make_datasette
from tests.conftest import Site, call, free_port, rss, watchfloor, write_config


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo's database, served: the address of its page."""
    folder = tmp_path_factory.mktemp("web")
    assert watchfloor("demo", cwd=folder).returncode == 0
    with open(folder / "log", "w", encoding="utf-8") as log:  # noqa: PTH123
        port = free_port()
        command = [sys.executable, "-m", "pipeline", "serve", "--db", "db/demo.db", "--port", str(port)]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
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
        ("/watchfloor/audit_trail", "by whom and when"),
        ("/watchfloor/decisions_by_day", "each local day"),
        ("/watchfloor/escalated", "the best first"),
        ("/watchfloor/wrong_tags", "called wrong"),
        ("/watchfloor/missed_tags", "marked by hand"),
        ("/watchfloor/lessons_learnt", "Conditions that wrong tags taught"),
        ("/watchfloor/search?words=Quaystone", "[Quaystone]"),
        ("/-/stories", "Seoul blames Lazarus Group"),
    ],
)
def test_pages_show_what_they_should(pages: str, path: str, expected: str) -> None:
    """Each page and canned query answers with what the demo stored."""
    response = httpx.get(pages + path)
    assert response.status_code == 200
    assert expected in response.text


def test_a_story_has_its_page(pages: str) -> None:
    """The list leads to the story, which names the outlets, the first reporter, and what only one copy has."""
    listed = httpx.get(pages + "/-/stories").text
    address = re.search(r'href="(/-/story/\d+)">Quaystone thieves', listed)
    assert address is not None
    story = httpx.get(pages + address[1]).text
    assert "2 items in 2 feeds: Chain Observer, Pacific Ledger" in story
    assert "First reported by <b>Chain Observer</b>" in story
    assert "<blockquote>This story first appeared in Chain Observer.</blockquote>" in story
    copies = re.findall(r'<h3><a href="(/-/item/\d+)">', story)
    assert len(copies) == 2
    item = httpx.get(pages + copies[1]).text
    assert f'<a href="{copies[0]}">' in item
    assert "<mark " in item


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/watchfloor/items", r"/-/item/\d+"),
        ("/watchfloor/items", r"/-/story/\d+"),
        ("/watchfloor/items/1", r"/-/item/1"),
        ("/watchfloor/stories", r"/-/story/\d+"),
        ("/watchfloor/stories", r"/-/item/\d+"),
        ("/watchfloor/mentions", r"/-/item/\d+"),
        ("/watchfloor/queue", r"/-/item/\d+"),
        ("/watchfloor/feeds", r"/-/queue\?feed=chain-observer"),
        ("/watchfloor/entities", r"/-/queue\?entity=lab-110"),
        ("/watchfloor/today", r"/-/item/\d+"),
        ("/watchfloor/search?words=Quaystone", r"/-/item/\d+"),
    ],
)
def test_rows_lead_to_our_pages(pages: str, path: str, link: str) -> None:
    """Titles, and the numbers of items and stories, are links to their pages, in tables, rows and queries."""
    assert re.search(f'<a href="{link}">[^<]', httpx.get(pages + path).text)


def test_datasettes_pages_lead_to_ours(pages: str) -> None:
    """Their menu names them, and so does the list of tables and queries."""
    for path in ("/watchfloor", "/watchfloor/items"):
        shown = httpx.get(pages + path).text
        for address in ("/-/queue", "/-/overview", "/-/rules", "/-/stories"):
            assert f'<a href="{address}">' in shown


def metadata() -> dict[str, Any]:
    """What metadata.yaml says of our database."""
    text = (resources.files("pipeline.web") / "metadata.yaml").read_text(encoding="utf-8")
    described: dict[str, Any] = yaml.safe_load(text)["databases"]["watchfloor"]
    return described


def test_every_table_and_column_is_described(tmp_path: Path) -> None:
    """Whoever opens a table reads what it and each column hold; no description is of what is not there."""
    described = metadata()["tables"]
    with Store(tmp_path / "w.db") as store:
        tables = {table.name: set(table.columns_dict) for table in store.db.tables if "items_fts" not in table.name}
    assert set(described) == set(tables) | {"items_searched"}
    assert [name for name, table in described.items() if not table.get("description")] == []
    for name, columns in tables.items():
        assert set(described[name].get("columns", {})) == (set() if described[name].get("hidden") else columns), name


def test_what_only_the_program_reads_is_hidden(pages: str) -> None:
    """Helper tables stand apart, and the view that the full-text index reads is not shown at all."""
    listed = httpx.get(pages + "/watchfloor.json").json()
    shown = {table["name"] for table in listed["tables"] if not table["hidden"]}
    assert shown >= {"items", "verdicts", "undos", "notes", "lessons", "queue", "tally", "heartbeat"}
    assert not shown & {
        "bands",
        "grams",
        "queue_counts",
        "queue_facets",
        "queue_zone",
        "unfolded",
        "unqueued",
        "ungrammed",
    }
    assert listed["views"] == []


def test_queries_end(tmp_path: Path) -> None:
    """Each is bounded, or gives one row for each feed or entity."""
    for name, query in metadata()["queries"].items():
        assert "limit" in query["sql"] or name in {"entities_today", "feeds_in_trouble"}, name


@pytest.mark.parametrize("path", ["/-/item/999999999", "/-/story/999999999", "/-/item/x"])
def test_what_is_not_there_is_said_to_be_missing(pages: str, path: str) -> None:
    """An unknown item or story is a 404, not an error."""
    assert httpx.get(pages + path).status_code == 404


def test_our_pages_let_nothing_run(pages: str) -> None:
    """Every page of ours comes with a policy that allows no script, and its style sheet is there."""
    for path in ("/-/stories", "/-/story/1", "/-/item/1"):
        assert "default-src 'none'" in httpx.get(pages + path).headers["content-security-policy"]
    assert httpx.get(pages + "/-/watchfloor-static/pages.css").status_code == 200


def test_an_items_page_shows_what_an_edit_changed(tmp_path: Path, site: Site) -> None:
    """Words that went and came, and the mention, the victim and the amount that changed, escaped whatever they hold."""
    text = "Hackers of Lab 110 stole $41 million from the exchange {} on Tuesday, North Korea watchers said."
    site.bodies["f"] = rss([("1", "A theft", text.format("Upbit"))])
    write_config(tmp_path, {"f": site.url("f")})
    assert call("run", cwd=tmp_path).returncode == 0
    site.bodies["f"] = rss([("1", "A theft &lt;script&gt;", text.format("Bithumb").replace("$41", "$44"))])
    assert call("run", "--force", cwd=tmp_path).returncode == 0
    with Store(tmp_path / "w.db") as store:
        datasette = make_datasette(replace(configuration.default(tmp_path), database=store.path))
        page = asyncio.run(datasette.client.get("/-/item/1")).text
    assert "<del>Upbit</del><ins>Bithumb</ins>" in page
    assert "victim new: <b>Bithumb</b>" in page
    assert "amount gone: <b>$41 million</b>" in page
    assert all('src="/-/watchfloor-static/' in script for script in re.findall("<script[^>]*>", page))


def test_items_can_be_faceted(pages: str) -> None:
    """The items table offers its facets."""
    answer = httpx.get(pages + "/watchfloor/items.json?_size=0").json()
    assert set(answer["facet_results"]) == {"feed_id", "language"}


def test_the_pages_cannot_write(pages: str) -> None:
    """No SQL that changes anything is carried out."""
    response = httpx.get(pages + "/watchfloor.json", params={"sql": "delete from items"})
    assert response.status_code == 400


def test_chromium_was_there_where_it_must_be() -> None:
    """In CI the browser test ran: its absence is a failure there, not a skip."""
    import os  # noqa: PLC0415

    if os.environ.get("CI") and Path("/etc/debian_version").exists():
        assert shutil.which("chromium")
