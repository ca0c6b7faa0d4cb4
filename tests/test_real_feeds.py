"""The 141 real feed files, served on loopback and polled through the command line as a user runs it."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import feedparser
import pytest

from pipeline.store import Store
from tests.conftest import SHARED, Site, watchfloor, write_config

#: Files whose entries are not all distinct, or share a guid: name → (entries, items, why).
EXCEPTIONS = {
    "fastfeedparser__72fea1ebfd02e90a.xml": (20, 11, "repeats entries"),
    "rss-parser__itunes-missing-image.xml": (131, 131, "two different entries with one guid, both kept"),
}


def key(entry: Mapping[str, Any]) -> str:
    """An entry's identity as feedparser has it; without id and link, what it says and when."""
    said = "\n".join(str(entry.get(name, "")) for name in ("title", "summary", "published"))
    return str(entry.get("id") or entry.get("link") or said)


def letters(text: str) -> str:
    """What of a title shows, whatever its markup, escapes and spaces."""
    return re.sub(r"[\W_]+|\u00ad", "", html.unescape(html.unescape(re.sub(r"<[^>]*>", "", text))))


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The real files served on loopback, with one run done: (folder, site, files, report)."""
    files = sorted((SHARED / "feeds").glob("*.xml"))
    if not files:
        pytest.skip("../shared/feeds with the real feed files is not here")
    folder = tmp_path_factory.mktemp("real")
    site = Site()
    site.bodies = {path.name: path.read_bytes() for path in files}
    # a small watch-list: what the pack finds in real text is looked at elsewhere, and takes as long as the reading
    one = "watchlist:\n  - {id: x, name: X, kind: topic, rules: [North Korea]}\n"
    write_config(folder, {f"f{number}": site.url(path.name) for number, path in enumerate(files)}, one)
    result = watchfloor("run", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    yield folder, site, files, json.loads(result.stdout)
    site.close()


def test_real_feeds_are_stored_entry_by_entry(real_run: Any) -> None:
    """For each real file the stored items are feedparser's distinct entries, with their ids and titles."""
    folder, _, files, report = real_run
    assert (report["feeds_polled"], report["feeds_ok"], report["feeds_failed"]) == (len(files), len(files), 0)
    stored: dict[str, list[tuple[str, str]]] = {}
    with Store(folder / "w.db") as store:
        for feed_id, guid, title in store.db.execute("SELECT feed_id, guid, title FROM items").fetchall():
            stored.setdefault(feed_id, []).append((guid, title))
    total = 0
    for number, path in enumerate(files):
        raw = feedparser.parse(path.read_bytes(), sanitize_html=False, resolve_relative_uris=False)
        rows = stored[f"f{number}"]
        total += len(raw.entries)
        distinct = {(key(entry), letters(entry.get("title", ""))) for entry in raw.entries}
        entries, items, why = EXCEPTIONS.get(path.name, (len(raw.entries), len(raw.entries), ""))
        assert (len(raw.entries), len(distinct), len(rows)) == (entries, items, items), f"{path.name}: {why}"
        assert Counter(letters(title) for _, title in rows) == Counter(title for _, title in distinct), path.name
        assert {" ".join(entry.id.split()) for entry in raw.entries if entry.get("id")} <= {guid for guid, _ in rows}
    assert (len(files), total) == (141, 5043)


def test_real_feeds_are_not_modified_the_second_time(real_run: Any) -> None:
    """A second run over the real files is all 304, stores nothing; a third finds exactly the item that one gained."""
    folder, site, files, _ = real_run
    report = json.loads(watchfloor("run", "--force", "--json", cwd=folder).stdout)
    assert report["feeds_not_modified"] == len(files)
    assert (report["items_new"], report["items_updated"], report["mentions"]) == (0, 0, 0)
    name = "fastfeedparser__08f1ee71883dbcde.xml"
    body = site.bodies[name]
    item = b"<item><guid>urn:x:gained</guid><title>Gained</title><description>One more.</description></item>"
    site.bodies[name] = body.replace(b"<item>", item + b"<item>", 1)
    assert site.bodies[name] != body
    report = json.loads(watchfloor("run", "--force", "--json", cwd=folder).stdout)
    assert (report["items_new"], report["items_updated"]) == (1, 0)
    assert (report["feeds_ok"], report["feeds_not_modified"]) == (1, len(files) - 1)
