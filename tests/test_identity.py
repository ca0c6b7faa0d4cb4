"""Which stored item an entry is: ids used twice, ids changed, one item in two feeds, databases of earlier versions.

Feeds are served on loopback and polled by real runs; the bodies stand in ``fixtures/identity``.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from sqlite_utils import Database

from pipeline import config as configuration
from pipeline.addresses import canonical_address
from pipeline.migrations import migrations
from pipeline.models import RunReport, TaggedItem
from pipeline.parse import parse
from pipeline.parse.identity import _digest
from pipeline.run import Silent, run
from pipeline.sameness import Entry, base_of, is_edit, names_a_page, same_id
from pipeline.store import Store
from tests.conftest import Site, call, thread_tools, write_config

BODIES = Path(__file__).parent / "fixtures" / "identity"


def body(name: str) -> bytes:
    return (BODIES / f"{name}.xml").read_bytes()


def poll(folder: Path, site: Site, **served: bytes) -> RunReport:
    """One forced run over feeds that show these bodies (feed → body)."""
    config = configuration.load(write_config(folder, {name: site.url(name) for name in served}))
    site.bodies |= served
    with Store(config.database) as store:
        report = run(config, store, thread_tools(config), Silent(), threading.Event(), force=True)
    assert report.feeds_failed == 0
    return report


def gains(report: RunReport) -> tuple[int, int]:
    return report.items_new, report.items_updated


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store(folder / "w.db") as store:
        return store.db.execute(sql).fetchall()


def items(folder: Path) -> list[tuple[Any, ...]]:
    return rows(folder, "SELECT guid, title FROM items ORDER BY id")


# --- an id that a feed uses for different items


@pytest.mark.parametrize("scheme", ["one", "home"])
def test_an_id_used_for_another_item_overwrites_nothing(tmp_path: Path, site: Site, scheme: str) -> None:
    """A feed whose newest item always has one id, be it 1 or its home page: each item stays, as an item of its own."""
    for number in (1, 2, 3):
        assert gains(poll(tmp_path, site, a=body(f"{scheme}-{number}"))) == (1, 0)
    assert [title for _, title in items(tmp_path)] == [
        "Ferry leaves early before the storm",
        "Exchange halts withdrawals after theft",
        "Old library opens its reading room",
    ]
    assert len({base_of(guid) for guid, _ in items(tmp_path)}) == 1
    assert rows(tmp_path, "SELECT count(*) FROM item_versions") == [(0,)]


@pytest.mark.parametrize("scheme", ["one", "home", "undated"])
def test_items_that_share_an_id_stay_the_same_items(tmp_path: Path, site: Site, scheme: str) -> None:
    """Shown again and again, in any order, each is found again; an edited one is a version of the right item."""
    poll(tmp_path, site, a=body(f"{scheme}-1"))
    poll(tmp_path, site, a=body(f"{scheme}-2"))
    stored = items(tmp_path)
    for again in (1, 2, 2, 1, 2):
        # a comment, as a body that is byte for byte the last one is not even read
        assert gains(poll(tmp_path, site, a=body(f"{scheme}-{again}") + b"<!-- %d -->" % time.monotonic_ns())) == (0, 0)
    assert items(tmp_path) == stored
    assert gains(poll(tmp_path, site, a=body(f"{scheme}-1-edited"))) == (0, 1)
    assert gains(poll(tmp_path, site, a=body(f"{scheme}-2"))) == (0, 0)
    assert [title for _, title in items(tmp_path)] == [
        "Ferry cancelled as the storm comes closer",
        "Exchange halts withdrawals after theft",
    ]


def test_one_of_two_that_share_an_id_falls_out(tmp_path: Path, site: Site) -> None:
    """Two entries of one body share an id; later one stands alone, then beside a third: no item is doubled or lost."""
    assert gains(poll(tmp_path, site, a=body("twins-1"))) == (2, 0)
    assert gains(poll(tmp_path, site, a=body("twins-2"))) == (0, 0)
    assert gains(poll(tmp_path, site, a=body("twins-3"))) == (1, 0)
    assert gains(poll(tmp_path, site, a=body("twins-1"))) == (0, 0)
    edited = body("twins-1").replace(b"<title>Exchange halts", b"<title>Big exchange halts")
    assert gains(poll(tmp_path, site, a=edited)) == (0, 1)
    assert sorted(title for _, title in items(tmp_path)) == [
        "Big exchange halts withdrawals after theft",
        "Ferry leaves early before the storm",
        "Old library opens its reading room",
    ]


MOMENT = datetime(2026, 11, 23, 8, tzinfo=UTC)
STORM = "The harbour office moved the evening ferry forward by two hours, as waves of six metres are expected tonight."
THEFT = (
    "A trading platform stopped all withdrawals when auditors noticed that forty million dollars had left its wallets."
)
BEFORE = Entry("1", None, None, "Ferry leaves early", STORM, None, "hash")
PAGE, HOME = "https://a.test/2026/ferry", "https://a.test/"


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        ({}, {"title": "Storm: no more ships today"}, True),  # its words stay
        ({}, {"text": STORM + " " + THEFT}, True),
        ({}, {"text": THEFT}, True),  # its title stays
        ({"text": ""}, {"text": "", "title": "Ferry leaves two hours early"}, True),
        ({"text": ""}, {"text": "", "title": "Auditors miss millions"}, False),
        ({"text": "", "title": "T1"}, {"text": "", "title": "T2"}, True),  # too little is said to tell
        ({"text": "", "title": ""}, {"text": THEFT, "title": "Auditors miss millions"}, True),
        ({}, {"text": THEFT, "title": "Auditors miss millions"}, False),
        ({"address": PAGE}, {"address": PAGE, "text": THEFT, "title": "Auditors miss millions"}, True),
        ({"address": HOME}, {"address": HOME, "text": THEFT, "title": "Auditors miss millions"}, False),
        ({"published_at": MOMENT}, {"published_at": MOMENT, "text": THEFT, "title": "Auditors miss millions"}, True),
        (
            {"published_at": MOMENT, "address": PAGE},
            {"published_at": MOMENT.replace(day=24), "address": PAGE + "-2", "text": THEFT},
            False,  # a column that has one title every day
        ),
        ({"address": PAGE}, {"address": "https://b.test/2026/ferry", "published_at": MOMENT}, True),
        ({"title": "제련소 화재로 공장 멈춰", "text": ""}, {"title": "국립도서관 열람실 재개관", "text": ""}, False),
        (
            {"title": "제련소 화재로 공장 멈춰", "text": ""},
            {"title": "제련소 화재, 공장 이틀째 멈춰", "text": ""},
            True,
        ),
    ],
)
def test_an_edit_is_told_from_another_item(before: dict[str, Any], after: dict[str, Any], is_one: bool) -> None:
    """Under one id: what keeps the page, the date or much of the wording is an edit."""
    assert is_edit(replace(BEFORE, **before), replace(BEFORE, **{**before, **after})) is is_one


@pytest.mark.parametrize(
    ("address", "is_page"),
    [
        ("https://a.test/", False),
        ("https://a.test/news", False),
        ("https://a.test/news/latest.html", False),
        ("https://a.test/?p=12", True),
        ("https://a.test/2026/ferry", True),
        ("https://a.test/news/ferry-leaves-early", True),
        ("https://a.test/%EA%B8%B0%EC%82%AC", True),
        (None, False),
    ],
)
def test_an_article_has_an_address_of_its_own(address: str | None, is_page: bool) -> None:
    """A home page or a section is no article's address, so that it tells nothing of identity."""
    assert names_a_page(address) is is_page


def entry(guid: str, title: str, link: str, text: str = "", date: str = "") -> str:
    said = {"title": title, "link": link, "description": text, "pubDate": date}
    rest = "".join(f"<{name}>{value}</{name}>" for name, value in said.items() if value)
    return f"<item><guid isPermaLink='false'>{guid}</guid>{rest}</item>"


def feed(*entries: str) -> bytes:
    return f"<rss version='2.0'><channel><title>A</title>{''.join(entries)}</channel></rss>".encode()


def test_items_of_one_form_are_told_apart_by_all_they_say() -> None:
    """Of two much alike that share an id, the one that is word for word the stored one is it, whatever its mark."""
    one = replace(BEFORE, title="Advisory 1", text=STORM + " Version 1.", content_hash="one")
    two = replace(one, guid="1#0123456789abcdef", title="Advisory 2", text=STORM + " Version 2.", content_hash="two")
    shown = [
        replace(two, guid="1"),
        replace(one, guid="1#new", text=STORM + " Version 1, corrected.", content_hash="x"),
    ]
    assert same_id(shown, [two, one]) == {"1": two.guid, "1#new": "1"}
    renewed = [replace(one, guid=two.guid, content_hash="new 1"), replace(two, guid="1", content_hash="new 2")]
    assert same_id(renewed, [two, one]) == {two.guid: "1", "1": two.guid}  # after an upgrade, or with other addresses


def test_a_title_for_every_day_names_many_items(tmp_path: Path, site: Site) -> None:
    """One id and one title, but another page and date each day: an item a day."""
    for day in (23, 24, 24, 23):
        date = f"{day} Nov 2026 08:00:00 GMT"
        poll(tmp_path, site, a=feed(entry("1", "Report of the day", f"https://a.test/2026/11/{day}", "", date)))
    assert len(items(tmp_path)) == 2


def test_what_a_body_shows_unchanged_is_taken(tmp_path: Path, site: Site) -> None:
    """An entry beside a stored one, with its id or its address and much of its wording, is another item."""
    one = entry("1", "Advisory for ships", "https://a.test/advisory", STORM, "Mon, 23 Nov 2026 08:00:00 GMT")
    other = entry("1", "Advisory for all ships", "https://a.test/advisory", STORM, "Mon, 23 Nov 2026 09:00:00 GMT")
    page = entry("2", "Advisory for boats", "https://a.test/advisory-2")
    poll(tmp_path, site, a=feed(one, page))
    assert gains(poll(tmp_path, site, a=feed(other, one, page))) == (1, 0)
    assert gains(poll(tmp_path, site, a=feed(other, one, page, page.replace(">2<", ">3<")))) == (1, 0)


# --- a feed that changes its ids


@pytest.mark.parametrize("scheme", ["moved", "moved-undated"])
def test_a_feed_that_moves_doubles_nothing(tmp_path: Path, site: Site, scheme: str) -> None:
    """New domain, new ids, same titles, dates and paths: the items take their new ids, only the new one is new."""
    assert gains(poll(tmp_path, site, a=body(f"{scheme}-before"))) == (6, 0)
    first = dict(rows(tmp_path, "SELECT title, id FROM items"))
    assert gains(poll(tmp_path, site, a=body(f"{scheme}-after"))) == (1, 0)
    after = {title: (key, guid, url) for key, title, guid, url in rows(tmp_path, "SELECT id,title,guid,url FROM items")}
    assert {title: after[title][0] for title in first} == first
    assert all(
        guid.startswith("8d1f6f0e-") and url.startswith("https://paper.test/") for _, guid, url in after.values()
    )
    assert rows(tmp_path, "SELECT (SELECT count(*) FROM gaps), (SELECT count(*) FROM item_versions)") == [(0, 0)]
    assert gains(poll(tmp_path, site, a=body(f"{scheme}-after") + b"<!-- again -->")) == (0, 0)
    assert gains(poll(tmp_path, site, a=body(f"{scheme}-before"))) == (0, 0)  # a server that still has the old body


def test_a_move_from_the_command_line(tmp_path: Path, site: Site) -> None:
    """What a user's runs report when a feed moves, and later uses one id for its newest item."""
    write_config(tmp_path, {"a": site.url("a"), "b": site.url("b")})
    for names, new in (("moved-before one-1", 7), ("moved-after one-2", 2), ("moved-after one-1", 0)):
        site.bodies["a"], site.bodies["b"] = map(body, names.split())
        report = json.loads(call("run", "--force", "--json", cwd=tmp_path).stdout)
        assert (report["feeds_failed"], report["items_new"], report["items_updated"]) == (0, new, 0)


@pytest.mark.parametrize("dated", [True, False])
def test_a_feed_that_moves_to_other_paths(tmp_path: Path, site: Site, dated: bool) -> None:
    """Where paths change, too, titles tell: with their dates, or undated with their texts."""
    titles = ("Ferry leaves early", "Exchange halts withdrawals", "Old library opens")

    def shown(scheme: str) -> bytes:
        return feed(
            *(
                entry(f"{scheme}-{n}", title, f"https://{scheme}.test/{scheme}/{n}{n}", *said)
                for n, title in enumerate(titles)
                for said in [("", f"Mon, 23 Nov 2026 0{n}:10:00 GMT") if dated else (f"{title}. {STORM}",)]
            )
        )

    poll(tmp_path, site, a=shown("old"))
    assert gains(poll(tmp_path, site, a=shown("new"))) == (0, 0)
    assert [guid for guid, _ in items(tmp_path)] == ["new-2", "new-1", "new-0"]


def test_a_title_edited_under_a_new_id_is_the_same_item(tmp_path: Path, site: Site) -> None:
    """One entry gets a new id, another title and text at its address: it is the item, with a version more."""
    poll(tmp_path, site, a=body("retitled-before"))
    assert gains(poll(tmp_path, site, a=body("retitled-after"))) == (0, 1)
    assert sorted(items(tmp_path)) == [
        ("a-12", "Old library opens its reading room"),
        ("b-77", "Ferry cancelled as the storm comes closer"),
    ]
    assert rows(tmp_path, "SELECT title FROM item_versions") == [("Ferry leaves early before the storm",)]


def test_an_address_that_items_share_tells_nothing(tmp_path: Path, site: Site) -> None:
    """Entries that link to one page, be it whole or by its fragments, are told apart by their ids."""

    def log(*versions: int, fragment: str) -> bytes:
        entries = "".join(
            f"<item><guid isPermaLink='false'>v{n}</guid><title>Version {n}</title>"
            f"<link>https://a.test/log-1{fragment.format(n)}</link></item>"
            for n in versions
        )
        return f"<rss version='2.0'><channel><title>A</title>{entries}</channel></rss>".encode()

    poll(tmp_path, site, a=log(1, fragment="#v{}"), b=log(2, 1, fragment=""))
    assert gains(poll(tmp_path, site, a=log(2, fragment="#v{}"), b=log(3, fragment=""))) == (2, 0)


@pytest.mark.parametrize("comes_back_as", ["a-77", "b-77"])
def test_an_item_that_comes_back_is_the_same(tmp_path: Path, site: Site, comes_back_as: str) -> None:
    """Taken out of the feed and put back later, under its old id or a new one."""
    whole, without = body("retitled-before"), body("twins-2")
    poll(tmp_path, site, a=whole)
    assert gains(poll(tmp_path, site, a=without)) == (1, 0)
    assert gains(poll(tmp_path, site, a=whole.replace(b"a-77", comes_back_as.encode()))) == (0, 0)


def test_two_reports_of_one_minute_stay_two(tmp_path: Path, site: Site) -> None:
    """Another id, another page, the same title and moment: one such entry is not enough to be a move."""

    def alert(number: int) -> bytes:
        return (
            f"<rss version='2.0'><channel><title>A</title><item><guid>urn:x:{number}</guid><title>Tsunami alert</title>"
            f"<link>https://a.test/alert/{number}</link><pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate></item>"
            "</channel></rss>"
        ).encode()

    poll(tmp_path, site, a=alert(1))
    assert gains(poll(tmp_path, site, a=alert(2))) == (1, 0)


def test_a_poll_of_a_large_feed_looks_at_few_items(tmp_path: Path, site: Site) -> None:
    """Edits, unknown ids and a move cost no scan of a feed that has a hundred thousand items."""
    poll(tmp_path, site, a=body("moved-before"))
    with Store(tmp_path / "w.db") as store:
        columns = dict.fromkeys(("summary", "content"), "words " * 20)
        times = dict.fromkeys(("first_seen_at", "updated_at", "published_at"), "2025-01-01T00:00:00Z")
        store.db.table("items").insert_all(
            {"id": n, "feed_id": "a", "guid": f"g{n}", "title": f"Title {n}", "content_hash": "h", **columns, **times}
            | {"canonical_url": f"https://a.test/{n}", "url": f"https://a.test/{n}"}
            for n in range(-100_000, 0)
        )
        tagged = [TaggedItem(item, ()) for item in parse(body("moved-after"), "http://a.test/").items]
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        store.db.conn.set_progress_handler(count, 1000)
        told = store.known.told_apart("a", tagged, [one.item.guid for one in tagged])
        store.known.hashes("a")
        store.db.conn.set_progress_handler(None, 0)
        assert len(told.new) == 1
        assert steps < 100  # thousands of SQLite's steps; a scan of all items takes more than a thousand


# --- the same item in two feeds


def test_one_item_in_two_feeds_has_one_address(tmp_path: Path, site: Site) -> None:
    """Two rows, as each feed has its own; one canonical address, and one story."""
    poll(tmp_path, site, politics=body("section-politics"), money=body("section-money"))
    found = rows(tmp_path, "SELECT feed_id, canonical_url FROM items ORDER BY feed_id")
    address = "https://harbour.test/2026/exchange-91"
    assert found == [("money", address), ("politics", address)]
    assert rows(tmp_path, "SELECT items_count FROM stories") == [(2,)]


# --- a database of an earlier version


def old_address(address: str) -> str:
    """What the versions before stored as canonical, for the addresses of these tests."""
    parts = urlsplit(address)
    pairs = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith("utm_")]
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(pairs), ""))


def old_database(path: Path, feed_url: str, rows: list[dict[str, Any]]) -> None:
    """A database as the version before left it, with these items (url, guid or none, title, summary)."""
    with Database(path) as db:
        migrations.apply(db, stop_before="m008_addresses")
        db.table("feeds").insert({"id": "a", "url": feed_url, "configured_url": feed_url, "interval_s": 1})
        times = dict.fromkeys(("first_seen_at", "updated_at"), "2026-11-01T00:00:00Z")
        db.table("items").insert_all(
            {
                **{key: row[key] for key in ("title", "summary", "url")},
                "feed_id": "a",
                "guid": row["guid"] or old_address(row["url"]) + row.get("mark", ""),
                "canonical_url": old_address(row["url"]),
                "content_hash": _digest(row["title"], row["summary"], "", old_address(row["url"])),
                **times,
            }
            for row in rows
        )


def feed_of(entries: list[dict[str, Any]]) -> bytes:
    said = "".join(
        f"<item><title>{row['title']}</title><link>{row['url'].replace('&', '&amp;')}</link>"
        + (f"<guid isPermaLink='false'>{row['guid']}</guid>" if row["guid"] else "")
        + f"<description>{row['summary']}</description></item>"
        for row in entries
    )
    return f"<rss version='2.0'><channel><title>A</title>{said}</channel></rss>".encode()


def test_an_upgrade_doubles_nothing(tmp_path: Path, site: Site) -> None:
    """Items with and without ids, permanent links, shared links: polled again, none is new, none a version."""
    entries: list[dict[str, Any]] = [
        {"url": "http://www.a.test/storm", "guid": None},
        {"url": "http://www.a.test/news/1/?utm_source=rss&b=2&a=1", "guid": None},
        {"url": "http://m.a.test/news/2/", "guid": "http://m.a.test/news/2/"},
        {"url": "http://a.test/about", "guid": "http://a.test/about"},
        {"url": "https://a.test/news/3/amp/", "guid": "three"},
        {"url": "http://a.test/?utm_source=rss", "guid": None, "mark": None},
        {"url": "http://a.test/?utm_source=rss", "guid": None, "mark": None},
        {"url": "http://b.test/", "guid": None, "mark": None},
        {"url": "http://b.test/", "guid": None, "mark": None},
        {"url": "https://a.test/news/5", "guid": None},
    ]
    for number, row in enumerate(entries):
        row |= {"title": f"Title number {number}", "summary": f"What item {number} says."}
        if "mark" in row:
            row["mark"] = "#" + _digest(row["title"], old_address(row["url"]))[:16]
    old_database(tmp_path / "w.db", site.url("a"), entries)
    guids = [guid for (guid,) in rows(tmp_path, "SELECT guid FROM items ORDER BY id")]
    assert guids[1:4] == ["https://a.test/news/1?a=1&b=2", "http://m.a.test/news/2/", "http://a.test/about"]
    assert gains(poll(tmp_path, site, a=feed_of(entries))) == (0, 0)
    assert gains(poll(tmp_path, site, a=feed_of(entries) + b"<!-- again -->")) == (0, 0)
    addresses = dict(rows(tmp_path, "SELECT title, canonical_url FROM items"))
    assert addresses == {row["title"]: canonical_address(row["url"]) for row in entries}
    assert rows(tmp_path, "SELECT count(*) FROM item_versions") == [(0,)]
    entries[0]["summary"] = "It was corrected."
    assert gains(poll(tmp_path, site, a=feed_of(entries))) == (0, 1)


def test_an_upgrade_keeps_both_of_two_forms(tmp_path: Path) -> None:
    """Two stored items whose addresses become one: both stay, one of them with its old identity."""
    same = {"guid": None, "title": "T", "summary": ""}
    old_database(
        tmp_path / "w.db",
        "http://a.test/f",
        [same | {"url": f"https://a.test/1{end}"} for end in ("/?utm_a=1", "/amp?utm_a=1")],
    )
    assert rows(tmp_path, "SELECT guid, canonical_url FROM items ORDER BY id") == [
        ("https://a.test/1", "https://a.test/1"),
        ("https://a.test/1/amp", "https://a.test/1"),
    ]


def test_a_page_s_text_is_no_edit_after_an_upgrade(tmp_path: Path, site: Site) -> None:
    """An item whose content was taken from its page is compared by what its feed said."""
    entries = [{"url": "http://www.a.test/news/1", "guid": "1", "title": "Title", "summary": "Says."}]
    old_database(tmp_path / "w.db", site.url("a"), entries)
    with Database(tmp_path / "w.db") as db:
        db.table("items").update(1, {"content": "The text of the page."})
        db.table("pages").insert({"item_id": 1, "outcome": "taken", "feed_content": ""})
    assert gains(poll(tmp_path, site, a=feed_of(entries))) == (0, 0)
    assert rows(tmp_path, "SELECT content FROM items") == [("The text of the page.",)]


def test_an_upgrade_of_many_items_is_quick(tmp_path: Path) -> None:
    """Fifty thousand items take seconds."""
    many = [
        {"url": f"http://www.a.test/news/{n}?utm_source=rss", "guid": None, "title": f"T{n}", "summary": "s"}
        for n in range(50_000)
    ]
    old_database(tmp_path / "w.db", "http://a.test/f", many)
    began = time.monotonic()
    assert rows(tmp_path, "SELECT count(*) FROM items WHERE guid = canonical_url") == [(50_000,)]
    assert time.monotonic() - began < 30
