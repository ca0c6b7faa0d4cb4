"""Digests as records: each local day once, nothing left out and nothing twice, whatever clocks and zones do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline import reporting
from pipeline.config import Config, DigestSettings
from pipeline.store import Store
from pipeline.targets import Target
from pipeline.times import to_iso
from tests.conftest import NOW

MakeConfig = Callable[..., Config]
SEOUL = ZoneInfo("Asia/Seoul")
DAY = date(2026, 11, 23)
EVENING = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # midnight in Seoul


@pytest.fixture
def config(make_config: MakeConfig) -> Config:
    deliver = (Target(file="{date}.html"), Target(mail="ana@example.org"))
    return replace(make_config({}), timezone=SEOUL, digest=DigestSettings(deliver=deliver))


class Desk:
    """Writes what polls would have stored, at any time."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store
        store.watch.sync(config.watchlist, NOW, {})
        self.feed("a")

    def feed(self, feed_id: str, **columns: Any) -> None:
        row = {"id": feed_id, "url": f"http://{feed_id}.test/", "configured_url": "", "interval_s": 1800} | columns
        self.store.db.table("feeds").insert(row)

    def poll(self, at: datetime, outcome: str = "ok", feed_id: str = "a", error: str | None = None) -> None:
        row = {"feed_id": feed_id, "started_at": to_iso(at), "finished_at": to_iso(at), "outcome": outcome}
        self.store.db.table("fetches").insert(row | {"error": error})

    def item(self, at: datetime, title: str = "Unit 180 named", feed_id: str = "a") -> int:
        row = {"feed_id": feed_id, "guid": str(self.store.db.table("items").count), "title": title, "content_hash": ""}
        row |= {"first_seen_at": to_iso(at), "updated_at": to_iso(at)}
        item_id = self.store.db.table("items").insert(row).last_pk
        assert isinstance(item_id, int)
        mention = {"item_id": item_id, "entity_id": "unit-180", "field": "title", "start": 0, "end": 8}
        mention |= {"text": title[:8], "rule": "unit-180.name", "score": 0.9, "evidence": "{}", "watchlist_version": ""}
        self.store.db.table("mentions").insert(mention)
        return item_id

    def digest(self, day: date = DAY, **changes: Any) -> dict[str, Any]:
        """The digest's JSON, made without issuing it."""
        made = reporting.make_digest(replace(self.config, **changes), self.store, day, EVENING)
        loaded: dict[str, Any] = json.loads(made.forms["json"])
        return loaded

    def titles(self, day: date = DAY, **changes: Any) -> list[str]:
        return sorted(one["title"] for section in self.digest(day, **changes)["sections"] for one in section["entries"])

    def issue(self, day: date, now: datetime, **changes: Any) -> list[str] | None:
        """The titles of the digest when it was issued now; None when it had been before."""
        made = reporting.issue(replace(self.config, **changes), self.store, day, now)
        if made is None:
            return None
        return sorted(entry.title for section in made.digest.sections for entry in section.entries)

    def due(self, now: datetime, **changes: Any) -> list[str]:
        return [str(day) for day in reporting.due_days(replace(self.config, **changes), self.store, now)]


@pytest.fixture
def desk(config: Config, store: Store) -> Desk:
    return Desk(config, store)


def test_a_digest_is_due_when_its_day_has_ended_and_the_hour_has_come(desk: Desk) -> None:
    """At 06:59 in Seoul nothing is due, at 07:00 the day before is."""
    desk.poll(EVENING - timedelta(hours=3))
    assert desk.due(EVENING + timedelta(hours=6, minutes=59)) == []
    assert desk.due(EVENING + timedelta(hours=7)) == ["2026-11-23"]


def test_a_new_database_owes_no_digest_of_days_before_it(desk: Desk) -> None:
    """Nobody had watched by the end of yesterday."""
    assert desk.due(EVENING + timedelta(hours=8)) == []
    desk.poll(EVENING + timedelta(hours=1))
    assert desk.due(EVENING + timedelta(hours=8)) == []


def test_missed_days_are_made_up_in_their_order(desk: Desk) -> None:
    """Off for three days: each has its digest, none twice."""
    desk.poll(EVENING - timedelta(hours=3))
    assert desk.issue(DAY, EVENING + timedelta(hours=7)) == []
    later = EVENING + timedelta(days=3, hours=9)
    assert desk.due(later) == ["2026-11-24", "2026-11-25", "2026-11-26"]
    for day in desk.due(later):
        desk.issue(date.fromisoformat(day), later)
    assert desk.due(later) == []


def test_a_digest_is_issued_once(desk: Desk, store: Store) -> None:
    """The second time keeps the first and puts nothing on its way."""
    assert desk.issue(DAY, EVENING) == []
    desk.item(EVENING - timedelta(hours=1))
    assert desk.issue(DAY, EVENING + timedelta(hours=1)) is None
    row = store.digests.kept(DAY)
    assert row is not None
    assert row["created_at"] == to_iso(EVENING)
    assert store.db.table("messages").count == 1
    assert store.db.table("deliveries").count == 2


def test_looking_at_a_digest_never_changes_the_one_issued(desk: Desk, store: Store) -> None:
    """``digest --date`` shows the data as they are; the record stays."""
    desk.issue(DAY, EVENING)
    desk.item(EVENING - timedelta(hours=1))
    made = reporting.make_digest(desk.config, store, DAY, EVENING)
    store.digests.keep(made.row)
    row = store.digests.kept(DAY)
    assert row is not None
    assert row["html"] != made.forms["html"]
    assert desk.titles() == ["Unit 180 named"]


def test_one_looked_at_during_its_day_is_completed(desk: Desk, store: Store) -> None:
    """What was kept while the day went on gives way to the whole day."""
    made = reporting.make_digest(desk.config, store, DAY, EVENING - timedelta(hours=5))
    store.digests.keep(made.row)
    desk.item(EVENING - timedelta(hours=1))
    assert desk.due(EVENING + timedelta(hours=7)) == ["2026-11-23"]
    assert desk.issue(DAY, EVENING + timedelta(hours=7)) == ["Unit 180 named"]


def test_the_digest_of_an_older_release_is_not_issued_again(desk: Desk, store: Store) -> None:
    """Its row does not say whether the day had ended, but when it was made."""
    row = {"date": "2026-11-23", "html": "", "markdown": "", "json": "{}"}
    store.db.table("digests").insert(row | {"created_at": to_iso(EVENING + timedelta(hours=7))})
    desk.poll(EVENING - timedelta(hours=3))
    assert desk.due(EVENING + timedelta(hours=8)) == []
    assert desk.due(EVENING + timedelta(days=1, hours=8)) == ["2026-11-24"]
    store.digests.keep(reporting.make_digest(desk.config, store, DAY, EVENING + timedelta(days=2)).row)
    kept = store.digests.kept(DAY)
    assert kept is not None
    assert kept["html"] == ""


def test_what_was_stored_after_its_digest_is_in_the_next(desk: Desk) -> None:
    """A poll that began before midnight and was stored after the digest was made; nothing is told twice."""
    desk.item(EVENING - timedelta(hours=2), "Unit 180 one")
    assert desk.issue(DAY, EVENING) == ["Unit 180 one"]
    desk.item(EVENING - timedelta(seconds=1), "Unit 180 late")
    desk.item(EVENING + timedelta(hours=2), "Unit 180 two")
    assert desk.titles(DAY + timedelta(days=1)) == ["Unit 180 late", "Unit 180 two"]


def test_a_day_without_items_does_not_lose_what_came_late(desk: Desk) -> None:
    """The last item told is that of any digest before, not only of the last."""
    desk.item(EVENING - timedelta(hours=2), "Unit 180 one")
    desk.issue(DAY, EVENING)
    desk.issue(DAY + timedelta(days=1), EVENING + timedelta(days=1))
    desk.item(EVENING + timedelta(hours=5), "Unit 180 late")
    assert desk.titles(DAY + timedelta(days=2)) == ["Unit 180 late"]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_a_new_time_zone_tells_everything_once(desk: Desk, zone: str) -> None:
    """Days that begin later or earlier than before leave no item out, and tell none twice."""
    hours = [EVENING + timedelta(hours=hour) for hour in range(-24, 72)]
    for at in hours:
        desk.item(at, f"Unit 180 at {at:%d %H}")
    told = desk.issue(DAY, EVENING + timedelta(hours=7))
    assert told is not None
    now = EVENING + timedelta(days=4)
    for day in desk.due(now, timezone=ZoneInfo(zone)):
        told += desk.issue(date.fromisoformat(day), now, timezone=ZoneInfo(zone)) or []
    assert sorted(told) == sorted(set(told))
    wanted = {f"Unit 180 at {at:%d %H}" for at in hours if at < EVENING + timedelta(hours=48)}
    assert set(told) >= wanted


def test_a_clock_that_was_a_day_ahead_doubles_nothing_and_loses_nothing(desk: Desk) -> None:
    """The digest that it made too early stays; what came after it is in the next."""
    desk.item(EVENING - timedelta(hours=20), "Unit 180 early")
    wrong = EVENING + timedelta(hours=7)  # it is in truth a day less
    assert desk.issue(DAY, wrong) == ["Unit 180 early"]
    desk.item(EVENING - timedelta(hours=3), "Unit 180 after")
    assert desk.due(EVENING + timedelta(hours=7)) == []
    assert desk.due(EVENING + timedelta(days=1, hours=7)) == ["2026-11-24"]
    assert desk.issue(DAY + timedelta(days=1), EVENING + timedelta(days=1, hours=7)) == ["Unit 180 after"]


def test_a_clock_that_was_a_year_ahead_does_not_silence_the_digest(desk: Desk, store: Store) -> None:
    """Digests of the future do not count, and are made again in their time."""
    desk.poll(EVENING - timedelta(days=5))
    desk.issue(DAY - timedelta(days=1), EVENING - timedelta(days=1) + timedelta(hours=7))
    for days in range(40):
        desk.issue(DAY + timedelta(days=days), EVENING + timedelta(days=365))
    assert desk.due(EVENING + timedelta(hours=7)) == ["2026-11-23"]
    assert desk.issue(DAY, EVENING + timedelta(hours=7)) == []
    assert desk.due(EVENING + timedelta(hours=8)) == []


def test_after_a_month_off_only_files_get_the_old_ones(desk: Desk, store: Store) -> None:
    """All thirty are kept and written; mail gets those of the last week."""
    desk.poll(EVENING - timedelta(hours=3))
    desk.issue(DAY, EVENING + timedelta(hours=7))
    later = EVENING + timedelta(days=30, hours=7)
    for day in desk.due(later):
        desk.issue(date.fromisoformat(day), later)
    query = "SELECT count(*) FROM deliveries WHERE target = ?"
    assert [store.db.execute(query, [name]).fetchone()[0] for name in ("file {date}.html", "mail ana@example.org")] == [
        31, 8,
    ]  # fmt: skip


def test_the_whole_day_takes_the_place_of_what_waits_of_its_part(desk: Desk, store: Store) -> None:
    """What was sent by hand during the day and failed is not sent beside the whole."""
    made = reporting.make_digest(desk.config, store, DAY, EVENING - timedelta(hours=5))
    store.digests.keep(made.row)
    store.outbox.put(made.message, ["mail ana@example.org"])
    desk.issue(DAY, EVENING)
    states = store.db.execute("SELECT state FROM deliveries ORDER BY id").fetchall()
    assert [state for (state,) in states] == ["failed", "waiting", "waiting"]


def test_how_feeds_stood_is_read_from_the_log(desk: Desk) -> None:
    """The digest of a past day says the same of the feeds whatever they do since."""
    noon = EVENING - timedelta(hours=12)
    desk.poll(noon - timedelta(days=1))
    desk.poll(noon, "error", error="503 of the morning")
    desk.feed("b", state="disabled")
    before = desk.digest()["coverage"]
    [trouble] = before["troubles"]
    assert (trouble["feed_id"], trouble["error"], trouble["is_blind"]) == ("a", "503 of the morning", True)
    assert trouble["last_success"] == "2026-11-22 12:00"
    desk.poll(EVENING + timedelta(hours=1))
    desk.store.db.table("feeds").update("a", {"state": "ok", "last_success_at": to_iso(EVENING + timedelta(hours=1))})
    desk.feed("c")
    desk.poll(EVENING + timedelta(hours=2), feed_id="c")
    assert desk.digest()["coverage"] == before


def test_the_same_data_give_the_same_bytes(desk: Desk) -> None:
    """Made at another time, all forms are the same."""
    desk.item(EVENING - timedelta(hours=2))
    desk.poll(EVENING - timedelta(hours=2))
    made = [
        reporting.make_digest(desk.config, desk.store, DAY, now).forms for now in (EVENING, EVENING + timedelta(days=9))
    ]
    assert made[0] == made[1]


def test_a_day_that_goes_on_is_compared_with_the_same_hours(desk: Desk) -> None:
    """By noon four mentions of eight a day are usual, and none is a silence only in the evening."""
    for ago in range(30, 0, -1):
        desk.poll(EVENING - timedelta(days=ago, hours=12))
        for hour in (20, 18, 16, 14, 4, 3, 2, 1):
            desk.item(EVENING - timedelta(days=ago, hours=hour))
    desk.poll(EVENING - timedelta(hours=13))
    for hour in (20, 18, 16, 14):
        desk.item(EVENING - timedelta(hours=hour))

    def unusual(now: datetime) -> list[tuple[int, bool]]:
        made = reporting.make_digest(desk.config, desk.store, DAY, now).digest
        assert made.unusual_reason == ""
        return [(one.mentions, one.is_more) for one in made.unusual]

    assert unusual(EVENING - timedelta(hours=12)) == []
    for _ in range(20):
        desk.item(EVENING - timedelta(hours=13))
    assert unusual(EVENING - timedelta(hours=12)) == [(24, True)]


def test_a_mention_called_wrong_is_not_told(desk: Desk) -> None:
    """Until that is taken back."""
    item_id = desk.item(EVENING - timedelta(hours=2))
    mention = next(iter(desk.store.db.table("mentions").rows))["id"]
    verdict = desk.store.review.mark(item_id, "wrong_tag", reviewer="ana", now=EVENING, mention_id=mention)
    assert desk.titles() == []
    desk.store.review.undo([verdict], reviewer="ana", now=EVENING)
    assert desk.titles() == ["Unit 180 named"]
