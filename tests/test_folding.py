"""Stories in the database: the same whatever the order of arrival, however often delivered, whenever interrupted."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import folding
from pipeline.folding import fold
from pipeline.models import Feed, Fetched, Mention, Plan, TaggedItem
from pipeline.parse.identity import make_item
from pipeline.store import Poll, Store
from pipeline.stories.compared import Copy
from pipeline.stories.fingerprint import keys_of
from pipeline.watchlist import load_pack
from tests.conftest import call

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
WEEK = timedelta(days=7)

THEFT = (
    "The exchange Halcyon said that thieves had taken 4,100 ether from one of its wallets on Monday morning. "
    "It stopped all withdrawals within the hour and told customers that their balances were safe. "
    "Two firms that trace coins said the ether went through a mixer and on to three addresses that have been used by "
    "the Lazarus Group before. The police in Tallinn opened an inquiry."
)
REACTOR = (
    "Satellite pictures of last week show warm water leaving the reactor at Yongbyon for the first time since "
    "November, analysts in Vienna said. A crane has been standing beside the reprocessing hall since the ninth of the "
    "month. The analysts would not say what is being built there, and Pyongyang has not spoken of it."
)
REACTOR_KO = (
    "오스트리아 빈의 분석가들은 지난주 위성사진에서 지난해 11월 이후 처음으로 영변 원자로의 온수 배출이 확인됐다고 "
    "밝혔다. 재처리 시설 옆에는 이달 9일부터 기중기가 서 있다. 분석가들은 무엇을 짓는지는 말하지 않았다."
)


def tagged(feed_id: str, guid: str, title: str, text: str, published: datetime | None = NOW) -> tuple[str, TaggedItem]:
    item = make_item(
        guid=guid, url=f"http://{feed_id}.test/{guid}", published_at=published, title=title, summary="", content=text,
        author=None, language=None,
    )  # fmt: skip
    return feed_id, TaggedItem(item, (), keys_of(Copy(feed_id, item.canonical_url, title, "", text)))


def deliver(store: Store, arrivals: Iterable[tuple[str, TaggedItem]], now: datetime = NOW) -> None:
    for feed_id, item in arrivals:
        store.polls.sync_feeds({name: f"http://{name}.test/" for name in {feed_id, *feeds_of(store)}}, 1800)
        feed = Feed(feed_id, f"http://{feed_id}.test/", f"http://{feed_id}.test/")
        fetched = Fetched(feed_id, "ok", now, now, feed.url, status=200)
        plan = Plan("ok", 0, 1800, now, None)
        store.polls.save(Poll(feed, fetched, plan, items_seen=1, fresh=[item], watchlist_version="v"), now)


def feeds_of(store: Store) -> list[str]:
    return [row["id"] for row in store.db.table("feeds").rows]


def partition(store: Store) -> set[frozenset[str]]:
    """The stories as sets of ``feed/guid``."""
    found: dict[int, set[str]] = {}
    for row in store.db.query("SELECT feed_id, guid, story_id FROM items"):
        found.setdefault(row["story_id"], set()).add(f"{row['feed_id']}/{row['guid']}")
    return {frozenset(members) for members in found.values()}


def check(store: Store) -> None:
    """What holds of stories at any time."""
    assert store.reports.integrity() == []


def story(*names: str) -> frozenset[str]:
    return frozenset(names)


SAMPLE = [
    tagged("a", "1", "Thieves take 4,100 ether from Halcyon", THEFT),
    tagged("b", "1", "Halcyon robbed of ether", f"TALLINN, March 20 (Baltic Wire) -- {THEFT}\nReporting by A. Kask"),
    tagged("c", "1", "Halcyon loses 4,100 ether", THEFT[:150] + "…"),
    tagged("d", "1", "Warm water at Yongbyon", REACTOR),
    tagged("e", "1", "Reactor at Yongbyon runs again, pictures suggest", REACTOR + "\n\nThe reactor makes plutonium."),
    tagged("f", "1", "영변 원자로 온수 배출 확인", REACTOR_KO),
    tagged("g", "1", "[속보] 영변 원자로 다시 가동", f"(빈=가나통신) 김가나 기자 = {REACTOR_KO}"),
    tagged("h", "1", "Halcyon loses 9,300 ether", THEFT.replace("4,100", "9,300")),
    tagged("i", "1", "Thieves take 4,100 ether from Halcyon", THEFT, NOW - timedelta(days=5)),
    tagged("j", "1", "Thieves take 4,100 ether from Halcyon", THEFT, NOW - timedelta(days=11)),
    tagged("k", "1", "Thieves take 4,100 ether from Halcyon", THEFT, NOW - timedelta(days=30)),
]
STORIES = {
    story("a/1", "b/1", "c/1", "i/1", "j/1"),  # j is within a week of i
    story("d/1", "e/1"),
    story("f/1", "g/1"),
    story("h/1"),
    story("k/1"),
}


def test_copies_fold_and_all_else_stays_apart(store: Store) -> None:
    """Prefix, truncation, addition and headline fold, in English and Korean; other numbers, weeks, languages do not."""
    deliver(store, SAMPLE)
    fold(store, WEEK)
    assert partition(store) == STORIES
    check(store)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(len(SAMPLE))),
    folds=st.sets(st.integers(0, len(SAMPLE))),
    again=st.lists(st.integers(0, len(SAMPLE) - 1), max_size=4),
)
def test_order_repeats_and_restarts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: Sequence[int], folds: set[int], again: Sequence[int]
) -> None:
    """Any order of arrival, folded after any items or not before the end, delivered again, gives the same stories."""
    path = tmp_path_factory.mktemp("fold") / "w.db"
    for position, number in enumerate([*order, *again]):
        with Store(path) as store:  # opened anew for each item: nothing is carried in memory
            deliver(store, [SAMPLE[number]])
            if position in folds:
                fold(store, WEEK, most=1)
            check(store)
    with Store(path) as store:
        fold(store, WEEK)
        assert partition(store) == STORIES
        check(store)


def test_a_story_is_named_by_its_first_item_and_led_by_the_earliest_of_the_fullest(store: Store) -> None:
    """The id is that of the item stored first; a flash of one sentence does not lead though it came first."""
    flash = tagged("c", "1", "Halcyon loses 4,100 ether", THEFT[:150] + "…", NOW - timedelta(hours=3))
    late = tagged("a", "1", "Thieves take 4,100 ether from Halcyon", THEFT, NOW - timedelta(hours=1))
    full = tagged("b", "1", "Halcyon robbed of ether", THEFT, NOW - timedelta(hours=2))
    deliver(store, [flash, late, full])
    fold(store, WEEK)
    [found] = store.stories.list(least=2, limit=9)
    assert (found["id"], found["title"], found["items_count"]) == (1, "Halcyon robbed of ether", 3)
    assert found["lead_item_id"] == 3
    assert found["feeds"] == ["c", "a", "b"]


def test_an_item_has_a_story_as_soon_as_it_is_stored(store: Store) -> None:
    """Before anything is folded, each item is a story of its own."""
    deliver(store, SAMPLE[:3])
    assert partition(store) == {story("a/1"), story("b/1"), story("c/1")}
    assert store.stories.waiting() == 3
    check(store)


def test_an_edit_takes_an_item_out_of_its_story_and_parts_what_it_held_together(store: Store) -> None:
    """A copy that holds two others together, as the only one within a week of both, becomes other news."""
    early, middle, late = (
        tagged(feed_id, "1", "Thieves take 4,100 ether from Halcyon", THEFT, NOW - timedelta(days=days))
        for feed_id, days in (("a", 12), ("b", 6), ("c", 0))
    )
    deliver(store, [early, middle, late])
    fold(store, WEEK)
    assert partition(store) == {story("a/1", "b/1", "c/1")}
    deliver(store, [tagged("b", "1", "Warm water at Yongbyon", REACTOR, NOW - timedelta(days=6))])
    fold(store, WEEK)
    assert partition(store) == {story("a/1"), story("b/1"), story("c/1")}
    check(store)
    deliver(store, [middle])
    fold(store, WEEK)
    assert partition(store) == {story("a/1", "b/1", "c/1")}
    check(store)


def test_the_window_decides(store: Store) -> None:
    """With a window of a month, the copy of thirty days ago is one more of the story; a rebuild applies it."""
    deliver(store, SAMPLE)
    fold(store, WEEK)
    store.stories.begin_rebuild()
    fold(store, timedelta(days=30))
    assert story("a/1", "b/1", "c/1", "i/1", "j/1", "k/1") in partition(store)
    check(store)


@pytest.mark.parametrize("offset", range(7))
@pytest.mark.parametrize(("days", "stories"), [(6.9, 1), (7.1, 2), (9, 2)])
def test_copies_further_apart_than_the_window_are_two(store: Store, offset: int, days: float, stories: int) -> None:
    """On whichever day of the week the first one comes."""
    first = NOW - timedelta(days=20 + offset)
    moments = {"a": first, "b": first + timedelta(days=days)}
    deliver(store, [tagged(feed_id, "1", "Halcyon robbed", THEFT, moment) for feed_id, moment in moments.items()])
    fold(store, WEEK)
    assert len(partition(store)) == stories


def test_a_large_story_takes_in_every_copy(store: Store) -> None:
    """Of a hundred and twenty copies under as many titles the last finds the story as the second did."""
    deliver(store, [tagged(f"f{n}", "1", f"Halcyon {chr(0x4E00 + n)} robbed", THEFT) for n in range(120)])
    fold(store, WEEK)
    assert [len(members) for members in partition(store)] == [120]


def test_what_shares_the_rarest_keys_is_compared_first(store: Store) -> None:
    """An item with one rare key goes before those with two common ones."""
    deliver(store, SAMPLE[:6])
    items = store.stories.texts(range(1, 7))
    keys = {1: (1, 2, 3), 2: (1, 2), 3: (1, 2), 4: (1, 2), 5: (1, 2), 6: (3,)}
    with store.stories.folding():
        for item in items:
            store.stories.index(item, keys[item.item_id])
    assert store.stories.near(items[0], keys[1], timedelta(days=40))[0] == 6


def test_an_edited_item_is_found_by_its_present_text_only(store: Store) -> None:
    """Its old keys are gone from the index."""
    deliver(store, [SAMPLE[0]])
    fold(store, WEEK)
    edited = tagged("a", "1", "Warm water at Yongbyon", REACTOR)
    deliver(store, [edited])
    fold(store, WEEK)
    assert store.db.table("bands").count == len(edited[1].keys)


def test_a_rebuild_takes_in_what_waits_already(store: Store) -> None:
    """Every item is marked as of the rebuild, those that waited before it, too."""
    deliver(store, SAMPLE[:2])
    store.stories.begin_rebuild()
    assert store.db.table("unfolded").count_where("rebuild = 1 AND keys IS NULL") == 2


def test_an_interrupted_rebuild_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebuild of many items that is stopped after a batch leaves true stories, and the rest is done later."""
    many = [
        tagged(f"f{n % 7}", str(n), f"Title number {n // 2}", f"{THEFT.replace('4,100', str(n // 2))}")
        for n in range(260)
    ]
    deliver(store, many)
    fold(store, WEEK)
    before = partition(store)
    assert len(before) == 130
    monkeypatch.setattr(folding, "BATCH", 100)
    assert store.stories.begin_rebuild() == 260
    assert fold(store, WEEK, most=1) >= 100
    assert store.stories.is_rebuilding()
    assert 0 < store.stories.waiting() <= 160
    check(store)
    deliver(store, [SAMPLE[3]])  # news go on meanwhile
    fold(store, WEEK)
    assert not store.stories.is_rebuilding()
    assert partition(store) == before | {story("d/1")}
    check(store)


def test_verdicts_follow_their_items(store: Store) -> None:
    """What an analyst said of an item stays with it whatever its story is."""
    deliver(store, SAMPLE)
    fold(store, WEEK)
    said = store.review.mark(2, "relevant", reviewer="kim", now=NOW)
    store.stories.begin_rebuild()
    fold(store, WEEK)
    [row] = store.db.table("verdicts").rows
    assert (row["id"], row["item_id"], row["verdict"]) == (said, 2, "relevant")


def test_an_item_costs_the_same_however_much_is_stored(store: Store) -> None:
    """SQLite takes as many steps to store and fold an item beside 20,000 items as beside twenty: nothing is scanned."""

    def steps(guid: str) -> int:
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        arrival = tagged("a", guid, "Thieves take 4,100 ether from Halcyon", THEFT)
        store.db.conn.set_progress_handler(count, 50)
        deliver(store, [arrival])
        fold(store, WEEK)
        store.db.conn.set_progress_handler(None, 0)
        return counted

    deliver(store, [tagged("a", f"first {n}", f"Another title {n}", f"{n} {REACTOR[n:]}") for n in range(20)])
    fold(store, WEEK)
    few = steps("x")
    with store.db.atomic():
        store.db.execute("PRAGMA defer_foreign_keys = ON")
        rows = [(n, f"many {n}") for n in range(1000, 21000)]
        store.db.conn.executemany("INSERT INTO stories VALUES (?1, ?1, ?2, '2026-03-01', '2026-03-01', 1)", rows)
        store.db.conn.executemany(
            """
            INSERT INTO items (id, feed_id, guid, first_seen_at, updated_at, content_hash, story_id)
            VALUES (?1, 'a', ?2, '2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z', '', ?1)
            """,
            rows,
        )
    assert steps("y") < 2 * few


def test_the_queue_has_one_line_for_a_story(store: Store) -> None:
    """Copies await one verdict: the lead stands for them; a verdict on any of them settles the story."""
    store.watch.sync(load_pack("dprk-cyber"), NOW)
    mention = Mention("lazarus-group", "content", 0, 3, "The", "lazarus-group.name", 0.9, {"sentence": "The"})
    deliver(store, [(feed_id, replace(item, mentions=(mention,))) for feed_id, item in SAMPLE[:4]])
    fold(store, WEEK)
    store.queue.refresh(500)
    queue = store.review.queue(None, 9)
    assert [(row["id"], row["copies"]) for row in queue] == [(2, 2), (4, 0)]
    assert len(store.review.queue("lazarus-group", 9)) == 2
    assert store.review.queue("lab-110", 9) == []
    store.review.mark(3, "relevant", reviewer="kim", now=NOW)
    assert [row["id"] for row in store.review.queue(None, 9)] == [4]


def test_the_queue_has_what_was_folded_after_an_upgrade(store: Store) -> None:
    """Items without a story, as an upgrade finds them, await a verdict once folded; one given before counts."""
    store.watch.sync(load_pack("dprk-cyber"), NOW)
    mention = Mention("lazarus-group", "content", 0, 3, "The", "lazarus-group.name", 0.9, {"sentence": "The"})
    deliver(store, [(feed_id, replace(item, mentions=(mention,))) for feed_id, item in SAMPLE[:4]])
    with store.db.atomic():
        store.db.execute("UPDATE items SET story_id = NULL")
        store.db.execute("DELETE FROM stories")
    store.review.mark(4, "relevant", reviewer="kim", now=NOW)
    store.queue.refresh(500)
    assert store.review.queue("lazarus-group", 9) == []
    fold(store, WEEK)
    store.queue.refresh(500)
    assert [row["id"] for row in store.review.queue("lazarus-group", 9)] == [2]


def test_items_of_an_older_release_are_folded(store: Store) -> None:
    """Items without keys and stories, as an upgrade finds them, are folded like all others."""
    deliver(store, [(feed_id, replace(item, keys=())) for feed_id, item in SAMPLE])
    with store.db.atomic():
        store.db.execute("UPDATE items SET story_id = NULL")
        store.db.execute("DELETE FROM stories")
    fold(store, WEEK)
    assert partition(store) == STORIES
    check(store)


def test_many_arrivals_in_random_order(store: Store) -> None:
    """Forty copies of each of six stories, cut and prefixed in their own ways, shuffled, give six stories."""
    draw = random.Random(7)
    arrivals = []
    for number in range(6):
        text = THEFT.replace("Halcyon", f"Halcyon {number}").replace("4,100", str(4100 + number))
        for copy in range(40):
            cut = text if copy % 3 else text[: draw.randrange(120, 300)] + " ..."
            prefix = f"TALLINN, March {copy % 28 + 1} (Wire {copy}) -- " if copy % 2 else ""
            arrivals.append(
                tagged(f"f{copy}", str(number), f"Halcyon {number} robbed, says desk {chr(97 + copy)}", prefix + cut)
            )
    draw.shuffle(arrivals)
    deliver(store, arrivals)
    fold(store, WEEK)
    assert sorted(map(len, partition(store))) == [40] * 6
    check(store)


def test_the_commands_show_and_rebuild(tmp_path: Path) -> None:
    """``stories list``, ``show`` (by any of its items) and ``rebuild`` say what is stored."""
    path = tmp_path / "w.db"
    with Store(path) as store:
        deliver(store, SAMPLE)
        fold(store, WEEK)
    listed = call("stories", "list", "--db", str(path), cwd=tmp_path)
    assert [line.split("\t")[:2] for line in listed.stdout.splitlines()[1:]] == [["6", "2"], ["4", "2"], ["1", "5"]]
    shown = call("stories", "show", "5", "--db", str(path), cwd=tmp_path)
    assert "story 4: 2 items, first in d" in shown.stdout
    assert "+ The reactor makes plutonium." in shown.stdout
    rebuilt = call("stories", "rebuild", "--db", str(path), cwd=tmp_path)
    assert rebuilt.stdout == "11 items in 5 stories; 3 stories of two items and more, the largest of 5\n"
    unknown = call("stories", "show", "99", "--db", str(path), cwd=tmp_path)
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "error: there is no story 99; see them with: watchfloor stories list\n",
    )
