"""The review queue: what stands in it, in which order, found by which filter; verdicts, undo, notes; always true."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import OvertakenError, UsageError
from pipeline.folding import fold
from pipeline.models import Decision, Feed, Fetched, Mention, Plan, QueueFilter, TaggedItem, Wanted
from pipeline.parse.identity import make_item
from pipeline.store import Poll, Store
from pipeline.store import queue as queue_module
from pipeline.store.queue import Queue, QueueRow
from pipeline.store.review import Span
from pipeline.stories.compared import Copy
from pipeline.stories.fingerprint import keys_of
from pipeline.upkeep import keep_ready
from pipeline.watchlist import Entity, Rule, Watchlist

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
THEFT = (
    "The exchange Halcyon said that thieves had taken 4,100 ether from one of its wallets on Monday morning. "
    "It stopped all withdrawals within the hour and told customers that their balances were safe. Two firms that trace "
    "coins said the ether went through a mixer and on to three addresses that have been used by the Lazarus Group."
)
REACTOR = (
    "Satellite pictures of last week show warm water leaving the reactor at Yongbyon for the first time since "
    "November, analysts in Vienna said. A crane has been standing beside the reprocessing hall since the ninth."
)
ENTITIES = ("lazarus-group", "lab-110", "unit-180")


def listed(priority: dict[str, float] | None = None) -> Callable[[Store], None]:
    entities = tuple(
        Entity(id=name, name=name.title(), kind="topic", rules=(Rule(id=f"{name}.1", phrases=(name,)),))
        for name in ENTITIES
    )
    return lambda store: store.watch.sync(Watchlist(words={}, contexts={}, entities=entities), NOW, priority or {})


def mention(entity: str = "lazarus-group", score: float = 0.9, start: int = 0) -> Mention:
    evidence = {"sentence": THEFT[:103], "sentence_start": 0}
    return Mention(entity, "content", start, start + 3, THEFT[start : start + 3], f"{entity}.1", score, evidence)


def deliver(
    store: Store,
    feed_id: str,
    guid: str,
    text: str,
    *mentions: Mention,
    at: datetime = NOW,
    language: str | None = None,
) -> None:
    item = make_item(
        guid=guid, url=f"http://{feed_id}.test/{guid}", published_at=at, title=text[:30], summary="", content=text,
        author=None, language=language,
    )  # fmt: skip
    feeds = {row["id"] for row in store.db.table("feeds").rows} | {feed_id}
    store.polls.sync_feeds({name: f"http://{name}.test/" for name in feeds}, 1800)
    feed = Feed(feed_id, f"http://{feed_id}.test/", f"http://{feed_id}.test/")
    fresh = [TaggedItem(item, mentions, keys_of(Copy(feed_id, item.canonical_url, item.title, "", text)))]
    fetched, plan = Fetched(feed_id, "ok", NOW, NOW, feed.url, status=200), Plan("ok", 0, 1800, NOW, None)
    store.polls.save(Poll(feed, fetched, plan, items_seen=1, fresh=fresh, watchlist_version="v"), NOW)


def settle(store: Store) -> None:
    fold(store, WEEK)
    keep_ready(store)


@pytest.fixture
def desk(store: Store) -> Store:
    """Story 1: a theft in three feeds (items 1 to 3); story 4: a reactor in one, in Korean; item 5 is not tagged."""
    listed()(store)
    deliver(store, "a", "1", THEFT, mention(), mention("lab-110", 0.8, 20))
    deliver(store, "b", "1", f"TALLINN (Wire) -- {THEFT}", mention(score=0.95))
    deliver(store, "c", "1", THEFT[:160] + "…")
    deliver(store, "a", "2", REACTOR, mention("unit-180"), at=NOW - timedelta(hours=20), language="ko")
    deliver(store, "a", "3", "Nothing that anybody watches stands in this text, which is short.")
    settle(store)
    return store


def ids(store: Store, **wanted: Any) -> list[int]:
    return [row.story_id for row in store.queue.page(QueueFilter(**wanted)).rows]


def row_of(store: Store, story_id: int) -> QueueRow:
    row = store.queue.one(story_id)
    assert row is not None
    return row


def state(store: Store, story_id: int = 1) -> str:
    return row_of(store, story_id).state


def test_tagged_stories_await_a_verdict_the_best_first(desk: Store) -> None:
    """Each tagged story is in the queue once, in the order of its rank; what is not tagged is not."""
    assert ids(desk) == [1, 4]
    rows = desk.queue.page(QueueFilter()).rows
    assert [row.rank for row in rows] == sorted((row.rank for row in rows), reverse=True)


def test_a_row_says_what_the_reviewer_needs(desk: Store) -> None:
    """The lead tagged stands for the story, with outlets, copies, entities, and the sentence of the surest mention."""
    row = row_of(desk, 1)
    assert (row.item_id, row.feed_id, row.outlets, row.copies, row.score, row.state) == (2, "b", 3, 2, 0.95, "awaiting")
    assert (row.url, row.at, row.verdict, row.notes) == ("http://b.test/1", int(NOW.timestamp()), None, 0)
    assert [(one["id"], one["name"], one["mentions"]) for one in row.entities] == [
        ("lazarus-group", "Lazarus-Group", 2),
        ("lab-110", "Lab-110", 1),
    ]
    assert row.sentence is not None
    assert row.sentence.text[row.sentence.start : row.sentence.end] == "The"


@pytest.mark.parametrize(
    ("wanted", "stories"),
    [
        ({"entity": "lazarus-group"}, [1]),
        ({"entity": "lab-110", "feed": "c"}, [1]),  # the feed of a copy
        ({"entity": "unit-180", "feed": "c"}, []),
        ({"feed": "a"}, [1, 4]),
        ({"language": "ko"}, [4]),
        ({"language": ""}, [1]),  # unknown
        ({"day": "2026-03-19"}, [4]),
        ({"day": "2026-03-20", "entity": "lab-110", "feed": "a", "language": ""}, [1]),
        ({"words": "warm reactor"}, [4]),
        ({"words": "ether", "entity": "lab-110"}, [1]),
        ({"words": "ether", "entity": "unit-180"}, []),
        ({"words": "wire"}, [1]),  # of a copy
        ({"words": "anybody"}, []),  # of an item that is not tagged
        ({"words": "  "}, [1, 4]),
        ({"state": "relevant"}, []),
        ({"state": "no such"}, []),
        ({"entity": "no-such"}, []),
    ],
)
def test_filters(desk: Store, wanted: dict[str, str], stories: list[int]) -> None:
    """A story is shown when it meets all that is asked, and the counts by state agree."""
    assert ids(desk, **wanted) == stories
    if "state" not in wanted:
        assert desk.queue.counts(QueueFilter(**wanted))["awaiting"] == len(stories)


def test_facets_count_stories(desk: Store) -> None:
    """Each value with its name and its number of stories, the most frequent first; days the newest first."""
    desk.review.mark(4, "relevant", reviewer="kim", now=NOW)
    assert desk.queue.facets("awaiting")["feed"] == [("a", "a", 1), ("b", "b", 1), ("c", "c", 1)]
    assert desk.queue.facets("relevant") == {
        "entity": [("unit-180", "Unit-180", 1)],
        "feed": [("a", "a", 1)],
        "language": [("ko", "ko", 1)],
        "day": [("2026-03-19", "2026-03-19", 1)],
    }


def test_pages_follow_one_another(store: Store) -> None:
    """Page after page gives every story once, in order, equal ones by their ids, whatever is decided between."""
    listed()(store)
    for number in range(11):
        deliver(store, "a", str(number), f"{number} {number * 7} {REACTOR[number * 9 :]}", mention("unit-180"))
    keep_ready(store)
    every = ids(store)
    assert len(every) == 11
    for wanted in (QueueFilter(), QueueFilter(entity="unit-180", feed="a"), QueueFilter(words="analysts")):
        seen: list[int] = []
        after = None
        while True:
            page = store.queue.page(wanted, after, limit=4)
            seen += [row.story_id for row in page.rows]
            after = page.after
            if after is None:
                break
        assert seen == every
    first = store.queue.page(QueueFilter(), limit=4)
    store.review.mark(first.rows[0].item_id, "irrelevant", reviewer="kim", now=NOW)
    assert [row.story_id for row in store.queue.page(QueueFilter(), first.after, limit=4).rows] == every[4:8]


def test_too_many_matches_are_cut_and_said(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the matches of frequent words only those stored last are looked at, and the page says so."""
    assert not desk.queue.page(QueueFilter(words="analysts OR")).is_cut
    monkeypatch.setattr(queue_module, "MOST_MATCHES", 1)
    assert not desk.queue.page(QueueFilter(words="analysts")).is_cut
    page = desk.queue.page(QueueFilter(words="exchange"))  # in three items, the last of them is a copy
    assert ([row.story_id for row in page.rows], page.is_cut) == ([1], True)


@pytest.mark.parametrize("verdict", ["relevant", "irrelevant", "escalated"])
def test_a_verdict_on_any_copy_settles_a_story(desk: Store, verdict: str) -> None:
    """At once, without a refresh; the newest counts."""
    desk.review.mark(3, "relevant" if verdict == "irrelevant" else "irrelevant", reviewer="lee", now=NOW)
    desk.review.mark(1, verdict, reviewer="kim", now=NOW, note="seen")
    assert ids(desk) == [4]
    row = row_of(desk, 1)
    assert row.state == verdict
    assert row.verdict is not None
    assert (row.verdict["reviewer"], row.verdict["note"], row.verdict["item_id"]) == ("kim", "seen", 1)
    assert desk.queue.counts(QueueFilter()) == {
        "awaiting": 1, "relevant": 0, "irrelevant": 0, "escalated": 0, "wrong_tag": 0, verdict: 1,
    }  # fmt: skip


def mention_ids(store: Store, story_id: int) -> list[int]:
    query = "SELECT m.id FROM mentions m JOIN items i ON i.id = m.item_id WHERE i.story_id = ? ORDER BY m.score"
    return [row[0] for row in store.db.execute(query, [story_id]).fetchall()]


def wrong(store: Store, mention_id: int) -> int:
    (item_id,) = store.db.execute("SELECT item_id FROM mentions WHERE id = ?", [mention_id]).fetchone()
    return store.review.mark(item_id, "wrong_tag", reviewer="kim", now=NOW, mention_id=mention_id)


def test_a_wrong_tag_counts_no_more(desk: Store) -> None:
    """Its score and entity are gone from the story, which awaits a verdict still; the last wrong tag settles it."""
    lab, first, best = mention_ids(desk, 1)
    wrong(desk, best)
    assert (state(desk), row_of(desk, 1).score) == ("awaiting", 0.9)
    wrong(desk, lab)
    assert [one["id"] for one in row_of(desk, 1).entities] == ["lazarus-group"]
    assert ids(desk, entity="lab-110") == []
    last = wrong(desk, first)
    assert (state(desk), ids(desk)) == ("wrong_tag", [4])
    assert ids(desk, state="wrong_tag", entity="lab-110") == [1]  # still found, to be undone
    desk.review.undo([last], reviewer="kim", now=NOW)
    assert (state(desk), row_of(desk, 1).score) == ("awaiting", 0.9)


def test_a_tag_called_wrong_can_be_called_right_again(desk: Store) -> None:
    """The newest verdict on a mention stands, and decides nothing of the story but that."""
    (only,) = mention_ids(desk, 4)
    wrong(desk, only)
    assert state(desk, 4) == "wrong_tag"
    desk.review.mark(4, "relevant", reviewer="kim", now=NOW, mention_id=only)
    assert state(desk, 4) == "awaiting"


def test_a_missed_tag_decides_nothing(desk: Store) -> None:
    """The story awaits a verdict as before; what was missed is kept with its place."""
    span = Span("content", 4, 12, "exchange")
    desk.review.mark(1, "missed_tag", reviewer="kim", now=NOW, entity_id="unit-180", span=span)
    assert state(desk) == "awaiting"
    (kept,) = desk.review.trail(1)
    assert [kept[key] for key in ("entity_id", "field", "start", "end", "text", "rule", "entity")] == [
        "unit-180", "content", 4, 12, "exchange", None, "Unit-180",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "span",
    [
        Span("content", 4, 12, "Exchange"),
        Span("content", 5, 12, "exchange"),
        Span("content", 4, 4, ""),
        Span("content", -8, -1, "Group.."),
        Span("author", 0, 1, "x"),
    ],
)
def test_a_missed_tag_that_is_not_there_is_refused(desk: Store, span: Span) -> None:
    """Words that the stored text does not have at that place are no tag."""
    with pytest.raises(UsageError, match=r"does not stand at|has no field"):
        desk.review.mark(1, "missed_tag", reviewer="kim", now=NOW, entity_id="unit-180", span=span)
    with pytest.raises(UsageError, match="only missed_tag is"):
        desk.review.mark(1, "relevant", reviewer="kim", now=NOW, span=span)
    assert desk.review.trail(1) == []


def test_undo_brings_back_what_stood_before(desk: Store) -> None:
    """The verdict before counts again, in the queue, the digest's rows and the item's history; the trail has all."""
    desk.review.mark(1, "relevant", reviewer="kim", now=NOW)
    second = desk.review.mark(1, "escalated", reviewer="kim", now=NOW + timedelta(minutes=1))
    assert desk.review.undo([second], reviewer="kim", now=NOW + timedelta(minutes=2)) == [1]
    assert state(desk) == "relevant"
    (row, *_) = desk.exporting.items(Wanted(entities=("lab-110",)))
    assert row.verdict is not None
    assert row.verdict["verdict"] == "relevant"
    history = desk.items.history(1)
    assert history is not None
    assert [verdict["verdict"] for verdict in history.verdicts] == ["relevant"]
    assert [(one["verdict"], one["undone_by"]) for one in desk.review.trail(1)] == [
        ("escalated", "kim"),
        ("relevant", None),
    ]


def test_undo_is_for_ones_own_once(desk: Store) -> None:
    """Another's verdict needs leave; one taken back is not taken back again; all or none."""
    mine = desk.review.mark(1, "relevant", reviewer="kim", now=NOW)
    theirs = desk.review.mark(4, "relevant", reviewer="lee", now=NOW)
    with pytest.raises(UsageError, match=f"verdict {theirs} is by lee; only they or an admin"):
        desk.review.undo([mine, theirs], reviewer="kim", now=NOW)
    assert state(desk) == "relevant"
    desk.review.undo([theirs], reviewer="kim", now=NOW, anyones=True)
    with pytest.raises(UsageError, match=f"verdict {theirs} was taken back already, by kim"):
        desk.review.undo([theirs], reviewer="lee", now=NOW)
    with pytest.raises(UsageError, match="there is no verdict 99"):
        desk.review.undo([99], reviewer="kim", now=NOW)


def test_many_are_decided_together_and_taken_back_together(desk: Store) -> None:
    """A decision on several is one transaction under one batch: all or none."""
    with pytest.raises(UsageError, match="there is no item 99"):
        desk.review.decide({1: 0, 99: 0}, "irrelevant", reviewer="kim", now=NOW)
    assert ids(desk) == [1, 4]
    given = desk.review.decide({1: 0, 4: 0}, "irrelevant", reviewer="kim", now=NOW)
    assert list(given) == [1, 4]
    assert ids(desk) == []
    assert len({row["batch"] for row in desk.db.table("verdicts").rows}) == 1
    assert desk.review.undo(list(given.values()), reviewer="kim", now=NOW) == [1, 4]
    assert ids(desk) == [1, 4]


def test_nobody_overrules_a_verdict_that_they_have_not_seen(desk: Store) -> None:
    """Another's later verdict on any of the stories refuses all; seen, it is overruled; one's own always is."""
    theirs = desk.review.mark(4, "relevant", reviewer="lee", now=NOW)
    with pytest.raises(OvertakenError, match=r"lee called .* relevant meanwhile") as refused:
        desk.review.decide({1: 0, 4: 0}, "irrelevant", reviewer="kim", now=NOW)
    assert refused.value.standing == {4: theirs}
    assert ids(desk) == [1]
    desk.review.decide({1: 0, 4: theirs}, "irrelevant", reviewer="kim", now=NOW)
    desk.review.decide({1: 0}, "escalated", reviewer="kim", now=NOW)
    assert ids(desk) == []


def test_of_two_who_decide_at_once_one_is_told(desk: Store) -> None:
    """What stands is looked at inside of the transaction that decides, so no moment is left between."""
    told: list[str] = []
    ready = threading.Barrier(2)

    def decide(reviewer: str) -> None:
        with Store(desk.path) as store:
            ready.wait()
            try:
                store.review.decide({1: 0}, "relevant", reviewer=reviewer, now=NOW)
            except OvertakenError as error:
                told.append(str(error))

    for _ in range(5):
        for verdict in list(desk.db.query("SELECT id FROM verdicts WHERE id NOT IN (SELECT verdict_id FROM undos)")):
            desk.review.undo([verdict["id"]], reviewer="kim", now=NOW, anyones=True)
        threads = [threading.Thread(target=decide, args=[name]) for name in ("kim", "lee")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(told) == 5


def test_notes_are_kept_and_counted(desk: Store) -> None:
    """A note on any item of a story is counted, stands in the item's trail and decides nothing."""
    desk.review.note(2, " ask the police ", reviewer="kim", now=NOW)
    assert (row_of(desk, 1).notes, state(desk)) == (1, "awaiting")
    (kept,) = desk.review.trail(2)
    assert (kept["what"], kept["note"], kept["reviewer"]) == ("note", "ask the police", "kim")
    for arguments in ((2, "  "), (99, "x")):
        with pytest.raises(UsageError):
            desk.review.note(*arguments, reviewer="kim", now=NOW)


def test_a_story_that_loses_its_tags_leaves_unless_it_was_decided(desk: Store) -> None:
    """Without a tag there is nothing to review; a decision stays to be seen."""
    desk.review.mark(4, "relevant", reviewer="kim", now=NOW)
    with desk.db.atomic():
        desk.db.execute("DELETE FROM mentions")
    keep_ready(desk)
    assert (ids(desk), ids(desk, state="relevant")) == ([], [4])
    assert row_of(desk, 4).sentence is None


def test_a_verdict_on_a_mention_that_went_decides_no_story(desk: Store) -> None:
    """What was said of one tag does not become a verdict on the item when the tag goes."""
    (only,) = mention_ids(desk, 4)
    desk.review.mark(4, "relevant", reviewer="kim", now=NOW, mention_id=only)
    with desk.db.atomic():
        desk.db.execute("DELETE FROM mentions WHERE id = ?", [only])
    keep_ready(desk)
    assert desk.queue.one(4) is None
    assert not [row for row in desk.exporting.items(Wanted()) if row.verdict]


def test_priorities_of_the_configuration_count(desk: Store) -> None:
    """A more important entity brings its stories forward, also those that wait already; others stay as they are."""
    listed({"unit-180": 50})(desk)
    assert desk.queue.refresh(500) == 1
    assert ids(desk) == [4, 1]
    assert (row_of(desk, 4).priority, row_of(desk, 1).priority) == (50, 1)
    changes = desk.db.conn.total_changes
    listed({"unit-180": 50})(desk)
    assert desk.db.conn.total_changes == changes


def test_days_are_those_of_the_configured_zone(desk: Store) -> None:
    """Noon of March 20 in London is the 21st in Kiritimati; after a change every story has its new day."""
    desk.queue.follow(ZoneInfo("Pacific/Kiritimati"))
    keep_ready(desk)
    assert desk.queue.facets("awaiting")["day"] == [("2026-03-21", "2026-03-21", 1), ("2026-03-20", "2026-03-20", 1)]
    assert ids(desk, day="2026-03-21") == [1]
    desk.queue.follow(ZoneInfo("Pacific/Kiritimati"))
    assert not desk.queue.is_any_waiting()


def test_an_edited_copy_changes_its_story(desk: Store) -> None:
    """A copy without a tag, edited and now said to be three days older, brings its story's time back with it."""
    earlier = NOW - timedelta(days=3)
    deliver(desk, "c", "1", THEFT[:190] + "…", at=earlier)
    settle(desk)
    assert (row_of(desk, 1).at, row_of(desk, 1).copies) == (int(earlier.timestamp()), 2)
    assert ids(desk, day="2026-03-17") == [1]


def test_a_bounded_refresh_takes_the_newest_first(desk: Store) -> None:
    """So many are worked out and no more, what was stored last first."""
    with desk.db.atomic():
        desk.db.execute("DELETE FROM queue")
        desk.db.execute("INSERT INTO unqueued SELECT id FROM stories")
    assert desk.queue.refresh(2) == 2
    assert desk.queue.one(4) is not None
    assert desk.queue.one(1) is None
    assert desk.queue.refresh(500) == 1


def test_no_query_scans_a_table(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked, SQLite's plan looks things up; only rows that were looked up before are gone through."""
    plans: list[tuple[str, str]] = []
    asked: list[tuple[str, Any]] = []
    run, query = desk.db.execute, desk.db.query

    def execute(sql: str, values: Any = None) -> Any:
        asked.append((sql, values or []))
        return run(sql, values)

    def ask(sql: str, values: Any = None) -> Any:
        asked.append((sql, values or []))
        return query(sql, values)

    monkeypatch.setattr(desk.db, "execute", execute)
    monkeypatch.setattr(desk.db, "query", ask)
    queue = Queue(desk.db)
    for wanted in (
        QueueFilter(),
        QueueFilter(entity="lab-110"),
        QueueFilter(entity="lab-110", feed="a", language="", day="2026-03-20"),
        QueueFilter(words="ether", feed="a"),
    ):
        page = queue.page(wanted, limit=1)
        queue.page(wanted, (page.rows[0].rank, page.rows[0].story_id))
        queue.counts(wanted)
    queue.facets("awaiting")
    desk.review.mark(1, "relevant", reviewer="kim", now=NOW)
    monkeypatch.undo()
    for sql, values in asked:
        if re.match(r"\s*(SELECT|WITH)", sql):
            plans += [(sql, row[3]) for row in desk.db.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
    assert len(plans) > 30
    small = (
        r"SCAN (entities|feeds|queue_zone|w|l|items_fts|CONSTANT ROW|\(subquery-\d+\)|SUBQUERY \d+|.* VIRTUAL TABLE)"
    )
    assert [plan for plan in plans if plan[1].startswith("SCAN") and not re.match(small, plan[1])] == []


def queued(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All that is worked out."""
    return {
        "queue": store.db.execute("SELECT * FROM queue ORDER BY story_id").fetchall(),
        "facets": store.db.execute("SELECT * FROM queue_facets ORDER BY 1, 2, 3, 4, 5").fetchall(),
        "counts": store.db.execute("SELECT * FROM queue_counts WHERE stories != 0 ORDER BY 1, 2, 3").fetchall(),
    }


def check(store: Store) -> None:
    """The queue is what it would be were it worked out from nothing, and its counts are right."""
    kept = queued(store)
    counts = store.db.execute("SELECT kind, value, state, count(*) FROM queue_facets GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
    assert kept["counts"] == counts.fetchall()
    with store.db.atomic():
        for table in ("queue", "queue_facets", "queue_counts"):
            store.db.execute(f"DELETE FROM {table}")
        store.db.execute("INSERT OR IGNORE INTO unqueued SELECT id FROM stories")
    store.queue.refresh(500)
    assert kept == queued(store)


class Desk:
    """What a database goes through, step by step; each step drawn from a number."""

    def __init__(self, store: Store) -> None:
        self.store = store
        listed()(store)

    def arrive(self, draw: random.Random) -> None:
        """A new item, or an edit of one: of two stories, in four feeds, tagged or not, of any date and language."""
        text = draw.choice([THEFT, REACTOR, f"WIRE (x) -- {THEFT}", f"{REACTOR} It is warm.", THEFT[:150] + "…"])
        tags = [mention(draw.choice(ENTITIES), draw.choice([0.8, 0.9]), 10 * n) for n in range(draw.randrange(3))]
        at = NOW - timedelta(hours=draw.randrange(0, 400))
        language = draw.choice([None, "en", "ko"])
        deliver(self.store, draw.choice("abcd"), str(draw.randrange(3)), text, *tags, at=at, language=language)

    def fold(self, draw: random.Random) -> None:
        fold(self.store, WEEK)

    def rebuild(self, draw: random.Random) -> None:
        self.store.stories.begin_rebuild()
        fold(self.store, WEEK, most=1)

    def refresh(self, draw: random.Random) -> None:
        self.store.queue.refresh(draw.randrange(1, 4))

    def decide(self, draw: random.Random) -> None:
        if items := self._ids("items"):
            verdict = draw.choice(get_args(Decision))
            chosen = draw.sample(items, min(2, len(items)))
            self.store.review.decide(dict.fromkeys(chosen, 0), verdict, reviewer="kim", now=NOW)

    def wrong(self, draw: random.Random) -> None:
        if mentions := self._ids("mentions"):
            wrong(self.store, draw.choice(mentions))

    def undo(self, draw: random.Random) -> None:
        standing = set(self._ids("verdicts")) - {row["verdict_id"] for row in self.store.db.table("undos").rows}
        if standing:
            self.store.review.undo([draw.choice(sorted(standing))], reviewer="kim", now=NOW)

    def retag(self, draw: random.Random) -> None:
        rows = list(self.store.db.query("SELECT id, title, summary, content FROM items"))
        if rows:
            tags = [mention(draw.choice(ENTITIES), 0.7, 10 * n) for n in range(draw.randrange(3))]
            self.store.watch.save_batch([(draw.choice(rows), tags)], "w")

    def prefer(self, draw: random.Random) -> None:
        listed({draw.choice(ENTITIES): draw.choice([0.5, 2])})(self.store)

    def move(self, draw: random.Random) -> None:
        self.store.queue.follow(ZoneInfo(draw.choice(["UTC", "Asia/Seoul", "America/Los_Angeles"])))

    def _ids(self, table: str) -> list[int]:
        return [row["id"] for row in self.store.db.table(table).rows]


STEPS = [Desk.arrive] * 5 + [
    Desk.fold, Desk.rebuild, Desk.refresh, Desk.decide, Desk.wrong, Desk.undo, Desk.retag, Desk.prefer, Desk.move,
]  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2**16)), min_size=4, max_size=25))
def test_the_queue_is_true_whatever_happened(
    empty: Path, tmp_path: Path, steps: Sequence[tuple[Callable[[Desk, random.Random], None], int]]
) -> None:
    """Stored, folded, decided, undone, retagged in any order: what is kept is what comes from nothing."""
    path = tmp_path / "steps.db"
    path.write_bytes(empty.read_bytes())
    with Store(path) as store:
        desk = Desk(store)
        for step, number in steps:
            step(desk, random.Random(number))
        fold(store, WEEK)
        store.queue.refresh(500)
        check(store)
    for left in tmp_path.glob("steps.db*"):
        left.unlink()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row, made once."""
    path = tmp_path_factory.mktemp("empty") / "w.db"
    with Store(path) as store:
        store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path
