"""The database: opening it whatever it is, keeping full text in step, verdicts, retagging."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from pipeline import retagging, watchlist
from pipeline.errors import StoreError, UsageError
from pipeline.migrations import migrations
from pipeline.models import Feed, Fetched, Item, Mention, Plan, TaggedItem, Wanted
from pipeline.store import Poll, Store
from pipeline.store import connection as store_connection
from pipeline.watchlist import Watchlist
from tests.conftest import NOW

FEED = Feed("a", "http://a.test/", "http://a.test/")
PLAN = Plan("ok", 0, 1800, NOW + timedelta(minutes=30), None)


def item(guid: str, title: str = "T", summary: str = "", content: str = "") -> Item:
    return Item(guid, None, None, title, summary, content, None, None, None, f"{title}|{summary}|{content}")


def save(store: Store, items: Sequence[Item], mentions: Sequence[Mention] = ()) -> None:
    """Store ``items`` as one poll; ``mentions`` belong to each of them."""
    fetched = Fetched("a", "ok", NOW, NOW, "http://a.test/")
    fresh = [TaggedItem(entry, tuple(mentions)) for entry in items]
    store.polls.save(Poll(FEED, fetched, PLAN, "hash", "A", len(items), fresh, "v1"), NOW)


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with one feed and the entities of the shipped pack."""
    store.watch.sync(watchlist.load_pack("dprk-cyber"), NOW)
    store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
    return store


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A database path that is a folder is one clear line."""
    with pytest.raises(StoreError, match=r"is a folder; let database: name a file"):
        Store(tmp_path)


def test_a_corrupt_file_is_refused(tmp_path: Path) -> None:
    """A file that is no database is named, and left as it is."""
    path = tmp_path / "w.db"
    path.write_bytes(b"this is not a database " * 100)
    with pytest.raises(StoreError, match=r"w\.db: is not a working SQLite database .*restore a backup"):
        Store(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A database that cannot be made says to check the permissions."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/w\.db: "):
        Store(tmp_path / "file" / "w.db")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A database with foreign tables is not built upon."""
    with Database(tmp_path / "w.db") as db:
        db.table("things").insert({"id": 1})
    with pytest.raises(StoreError, match="another program"):
        Store(tmp_path / "w.db")


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A database with a migration that this version does not know says so and stops."""
    with Store(tmp_path / "w.db") as store:
        row = {"migration_set": "watchfloor", "name": "m999_from_the_future", "applied_at": "2030"}
        store.db.table("_sqlite_migrations").insert(row)
    with pytest.raises(StoreError, match=r"newer watchfloor .*m999_from_the_future"):
        Store(tmp_path / "w.db")


def test_a_missing_database_is_not_made_for_a_reader(tmp_path: Path) -> None:
    """Commands that only read do not leave an empty database behind."""
    with pytest.raises(StoreError, match="no database yet"):
        Store(tmp_path / "w.db", create=False)
    assert not (tmp_path / "w.db").exists()


def test_two_programs_may_make_the_database_together(tmp_path: Path) -> None:
    """Several that open a new file at once all get a sound database."""
    failures: list[Exception] = []

    def start() -> None:
        try:
            with Store(tmp_path / "w.db"):
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_opening_waits_for_one_who_writes_a_file_that_is_not_in_wal_mode(tmp_path: Path) -> None:
    """SQLite itself does not wait when it switches to the write-ahead log, and would say that the file is locked."""
    path = tmp_path / "w.db"
    with Store(path):
        pass
    writer = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    assert writer.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    writer.execute("BEGIN IMMEDIATE")
    leaving = threading.Timer(0.5, writer.close)
    leaving.start()
    with Store(path) as store:
        assert store.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    leaving.join()


def test_the_file_is_in_wal_mode_with_foreign_keys(store: Store) -> None:
    """Readers do not block the writer, and rows cannot refer to nothing."""
    assert store.db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert store.db.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_locked_database_is_waited_for(tmp_path: Path, filled: Store) -> None:
    """A second writer that holds the lock for a second delays a poll and does not fail it."""
    other = sqlite3.connect(tmp_path / "w.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.0, lambda: other.execute("COMMIT"))
    timer.start()
    save(filled, [item("1")])
    timer.join()
    other.close()
    assert filled.db.table("items").count == 1


def test_a_lock_that_stays_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database held by another program for too long is named with the remedy."""
    monkeypatch.setattr(store_connection, "BUSY_SECONDS", 0.2)
    with Store(tmp_path / "w.db"):
        pass
    other = sqlite3.connect(tmp_path / "w.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program has held the database"), Store(tmp_path / "w.db") as store:
        store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
    other.close()


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    """When SQLite cannot grow the file the poll fails as a whole, with the reason; a later one works."""

    def fill_up() -> None:
        with Store(tmp_path / "w.db") as store:
            store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
            save(store, [item("1")])
            pages = store.db.execute("PRAGMA page_count").fetchone()[0]
            store.db.execute(f"PRAGMA max_page_count = {pages + 5}")  # the same error as a disk without space
            save(store, [item(str(n), content="x" * 4000) for n in range(2, 40)])

    with pytest.raises(StoreError, match="the disk is full"):
        fill_up()
    with Store(tmp_path / "w.db") as store:
        assert [row["guid"] for row in store.db.table("items").rows] == ["1"]
        save(store, [item("2")])
        assert store.reports.integrity() == []


def test_the_same_items_again_change_nothing(filled: Store) -> None:
    """Storing what is stored already adds no row and no version."""
    save(filled, [item("1"), item("2")])
    save(filled, [item("2"), item("1")])
    assert (filled.db.table("items").count, filled.db.table("item_versions").count) == (2, 0)


def test_one_guid_in_two_feeds_is_two_items(filled: Store) -> None:
    """Identity is within a feed."""
    filled.polls.sync_feeds({"a": "http://a.test/", "b": "http://b.test/"}, 1800)
    save(filled, [item("1")])
    fetched = Fetched("b", "ok", NOW, NOW, "http://b.test/")
    other = replace(FEED, id="b")
    filled.polls.save(Poll(other, fetched, PLAN, "hash", "B", 1, [TaggedItem(item("1"), ())], "v1"), NOW)
    assert filled.db.table("items").count == 2


WORDS = st.lists(st.sampled_from(["lazarus", "rain", "김정은", "wallet", "Ünit"]), max_size=4).map(" ".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("12345"), WORDS, WORDS), max_size=12))
def test_full_text_search_is_in_step(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    """After any sequence of inserts and edits the full-text index passes SQLite's own comparison with the items."""
    path = tmp_path_factory.mktemp("fts") / "w.db"
    with Store(path) as store:
        store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
        for guid, title, content in steps:
            save(store, [item(guid, title=title, content=content)])
        assert store.reports.integrity() == []
        found = store.db.execute("SELECT count(*) FROM items_fts WHERE items_fts MATCH 'lazarus'").fetchone()[0]
        rows = store.db.table("items").rows
        assert found == sum("lazarus" in row["title"] or "lazarus" in row["content"] for row in rows)


def test_an_index_out_of_step_is_found(filled: Store) -> None:
    """The integrity check notices a full-text index that lost a row."""
    save(filled, [item("1", title="lazarus")])
    filled.db.execute("INSERT INTO items_fts(items_fts) VALUES ('delete-all')")
    assert any("full-text" in problem for problem in filled.reports.integrity())


def small_list(phrase: str) -> Watchlist:
    """A watch-list of one entity with one phrase."""
    rule = watchlist.Rule(id="x.name", phrases=(phrase,))
    entity = watchlist.Entity(id="rgb", name="X", kind="topic", rules=(rule,))
    return Watchlist(words={}, contexts={}, entities=(entity,))


def retagged(store: Store, phrase: str, *, dry_run: bool = False) -> list[tuple[bool, str]]:
    """What retagging with ``small_list(phrase)`` gains (True) and loses, with the items' titles."""
    batches = retagging.retag(small_list(phrase), store, since=None, dry_run=dry_run)
    return sorted((change.gained, change.title) for _, changes in batches for change in changes)


def test_retag_shows_and_then_makes_the_change(filled: Store) -> None:
    """A dry run tells what would be gained and lost and changes nothing; the real one does exactly that."""
    save(filled, [item("1", title="old name"), item("2", title="new name")])
    retagged(filled, "old name")
    for dry_run in (True, False):
        assert retagged(filled, "new name", dry_run=dry_run) == [(False, "old name"), (True, "new name")]
    assert [row["text"] for row in filled.db.table("mentions").rows] == ["new name"]
    assert retagged(filled, "new name") == []


def test_retag_goes_on_where_it_was_interrupted(filled: Store) -> None:
    """Items that the present watch-list tagged already are not tagged again, whoever did it and whenever."""
    save(filled, [item(str(number), title="name") for number in range(450)])
    run = retagging.retag(small_list("name"), filled, since=None, dry_run=False)
    next(run)
    run.close()
    version = small_list("name").version
    assert filled.watch.count_outdated(version, None) == 250
    assert sum(items for items, _ in retagging.retag(small_list("name"), filled, since=None, dry_run=False)) == 250
    assert filled.db.table("mentions").count == 450
    assert filled.db.table("items").count_where("watchlist_version = ?", [version]) == 450


def test_retag_knows_the_feeds_subject(filled: Store) -> None:
    """A rule that asks for the feed's subject finds in stored items what it finds in new ones."""
    save(filled, [item("1", title="old name")])
    rule = watchlist.Rule(id="x.1", phrases=("old name",), requires={"context": "c", "within": "feed"})  # type: ignore[arg-type]
    entity = watchlist.Entity(id="rgb", name="X", kind="topic", rules=(rule,))
    for subjects, texts in (({}, []), ({"a": ("c",)}, ["old name"])):
        listed = Watchlist(words={}, contexts={"c": ("elsewhere",)}, entities=(entity,), subjects=subjects)
        list(retagging.retag(listed, filled, since=None, dry_run=False))
        assert [row["text"] for row in filled.db.table("mentions").rows] == texts


def test_retag_leaves_an_item_that_changed_meanwhile(filled: Store) -> None:
    """An item edited between reading and storing keeps the mentions that its own poll stored."""
    save(filled, [item("1", title="old name")])
    (rows,) = filled.watch.outdated_in_batches("v2", None)
    save(filled, [item("1", title="T")], [Mention("rgb", "title", 0, 1, "T", "r", 0.9, {"sentence": "T"})])
    stale = Mention("rgb", "title", 0, 3, "old", "x.name", 0.9, {"sentence": "old name"})
    filled.watch.save_batch([(rows[0], (stale,))], "v2")
    assert [row["text"] for row in filled.db.table("mentions").rows] == ["T"]


def judged(store: Store) -> None:
    """One item that says "old name", with a mention that a person called wrong."""
    save(store, [item("1", title="old name")])
    retagged(store, "old name")
    (mention,) = store.db.table("mentions").rows
    store.review.mark(1, "wrong_tag", reviewer="kim", now=NOW, mention_id=mention["id"])


def test_a_verdict_outlives_its_mention(filled: Store) -> None:
    """When a mention goes, the verdict on it still says what it was about, and finds it again when it comes back."""
    judged(filled)
    retagged(filled, "else")
    (verdict,) = filled.db.table("verdicts").rows
    said = ("mention_id", "entity_id", "verdict", "field", "start", "end", "text", "rule")
    assert [verdict[key] for key in said] == [None, "rgb", "wrong_tag", "title", 0, 8, "old name", "x.name"]
    retagged(filled, "old name")
    (mention,) = filled.db.table("mentions").rows
    (verdict,) = filled.db.table("verdicts").rows
    assert verdict["mention_id"] == mention["id"]


def test_a_renamed_rule_keeps_the_verdict(filled: Store) -> None:
    """A mention at the same place is the same mention, whichever rule finds it now."""
    judged(filled)
    rule = watchlist.Rule(id="x.renamed", phrases=("old name",))
    entity = watchlist.Entity(id="rgb", name="X", kind="topic", rules=(rule,))
    renamed = Watchlist(words={}, contexts={}, entities=(entity,))
    list(retagging.retag(renamed, filled, since=None, dry_run=False))
    (mention,) = filled.db.table("mentions").rows
    (verdict,) = filled.db.table("verdicts").rows
    assert (mention["rule"], verdict["mention_id"]) == ("x.renamed", mention["id"])


def test_an_edit_that_moves_the_words_keeps_the_verdict(filled: Store) -> None:
    """A mention of the same words at another place of an edited item keeps its id."""
    judged(filled)
    moved = Mention("rgb", "title", 4, 12, "old name", "x.name", 0.9, {"sentence": "The old name"})
    save(filled, [item("1", title="The old name")], [moved])
    (mention,) = filled.db.table("mentions").rows
    (verdict,) = filled.db.table("verdicts").rows
    assert (mention["start"], verdict["mention_id"]) == (4, mention["id"])


def test_a_database_of_the_first_release_is_upgraded(tmp_path: Path) -> None:
    """Opening it adds what is new; a verdict on a mention learns what it was about; its items count as untagged."""
    path = tmp_path / "old.db"
    with Database(path) as old:
        migrations.apply(old, stop_before="m002_watchlists")
        old.table("feeds").insert({"id": "a", "url": "u", "configured_url": "u", "interval_s": 1})
        times = dict.fromkeys(("first_seen_at", "updated_at"), "2026-11-01T00:00:00Z")
        old.table("items").insert({"id": 1, "feed_id": "a", "guid": "1", "title": "RGB", "content_hash": "h", **times})
        old.table("entities").insert({"id": "rgb", "name": "RGB", "kind": "topic"})
        row = {"item_id": 1, "entity_id": "rgb", "field": "title", "start": 0, "end": 3, "text": "RGB", "rule": "r.1"}
        old.table("mentions").insert({**row, "id": 5, "score": 0.9, "evidence": "{}", "watchlist_version": "v"})
        verdict = {"item_id": 1, "verdict": "wrong_tag", "reviewer": "kim", "created_at": "2026-11-02T00:00:00Z"}
        old.table("verdicts").insert({**verdict, "mention_id": 5, "entity_id": "rgb"})
        old.table("verdicts").insert({**verdict, "verdict": "relevant"})
    with Store(path) as store:
        assert store.watch.count_outdated("v", None) == 1
        wrong, relevant = store.db.table("verdicts").rows
        assert [wrong[key] for key in ("field", "start", "end", "text", "rule")] == ["title", 0, 3, "RGB", "r.1"]
        assert relevant["text"] is None
        store.watch.sync(watchlist.load_pack("dprk-cyber"), NOW)
        assert json.loads(store.db.table("entities").get("lazarus-group")["references"])["attack"] == "G0032"


def test_every_watchlist_that_tagged_is_kept(filled: Store) -> None:
    """The rules of an old mention can be read in the watch-list of its version."""
    filled.watch.sync(small_list("old name"), NOW)
    filled.watch.sync(small_list("old name"), NOW + timedelta(days=1))
    row = next(filled.db.table("watchlists").rows_where("version = ?", [small_list("old name").version]))
    assert row["first_used_at"] == "2026-11-23T12:00:00Z"
    assert Watchlist.model_validate_json(row["content"]) == small_list("old name")


def test_the_newest_verdict_stands(filled: Store) -> None:
    """Verdicts are only added; an item that has one has left the queue; the export gives the newest."""
    save(filled, [item("1", title="T")], [Mention("rgb", "title", 0, 1, "T", "r", 0.9, {"sentence": "T"})])
    filled.queue.refresh(500)
    assert [row["id"] for row in filled.review.queue(None, 10)] == [1]
    filled.review.mark(1, "relevant", reviewer="a", now=NOW)
    filled.review.mark(1, "escalated", reviewer="b", now=NOW)
    assert filled.review.queue(None, 10) == []
    (row,) = filled.exporting.items(Wanted())
    assert row.verdict is not None
    assert row.verdict["verdict"] == "escalated"
    assert filled.db.table("verdicts").count == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"item_id": 9, "verdict": "relevant"}, "no item 9"),
        ({"item_id": 1, "verdict": "maybe"}, "no verdict 'maybe'"),
        ({"item_id": 1, "verdict": "wrong_tag"}, "needs --mention"),
        ({"item_id": 1, "verdict": "missed_tag"}, "needs --entity"),
        ({"item_id": 1, "verdict": "missed_tag", "entity_id": "x"}, "no entity 'x'"),
        ({"item_id": 1, "verdict": "wrong_tag", "mention_id": 7}, "no mention 7"),
    ],
)
def test_a_verdict_on_nothing_is_refused(filled: Store, arguments: dict[str, object], message: str) -> None:
    """Every verdict says of what it is, and that exists."""
    save(filled, [item("1")])
    with pytest.raises(UsageError, match=message):
        filled.review.mark(**arguments, reviewer="a", now=NOW)  # type: ignore[arg-type]


def test_export_streams_in_batches(filled: Store) -> None:
    """More items than one batch holds come out whole, in order, once each."""
    mention = Mention("rgb", "title", 0, 1, "T", "r", 0.9, {"sentence": "T"})
    for start in range(0, 450, 150):
        save(filled, [item(str(n), title="T") for n in range(start, start + 150)], [mention])
    ids = [row.item["id"] for row in filled.exporting.items(Wanted(entities=("rgb",)))]
    assert ids == sorted(set(ids))
    assert len(ids) == 450
