"""Alerts: each story once, grouped, held in quiet hours, capped, and nothing lost by a crash."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import alerting, delivering
from pipeline import config as configuration
from pipeline.alerts.forms import message_of
from pipeline.alerts.grouping import Told, grouped
from pipeline.alerts.settings import AlertSettings
from pipeline.config import Config
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.store.alerts import Alerts
from pipeline.targets import Target
from pipeline.times import to_iso
from pipeline.upkeep import keep_ready
from tests.conftest import NOW, Site, rss, tools_at, write_config
from tests.test_reporting import Desk

MakeConfig = Callable[..., Config]
FILE = Target(file="alerts.jsonl")


def settings(**changes: Any) -> AlertSettings:
    return AlertSettings(**{"name": "desk", "entities": ("unit-180",), "deliver": (FILE,), **changes})


class AlertDesk(Desk):
    """Stores items of stories, and looks as the daemon does."""

    def __init__(self, config: Config, store: Store) -> None:
        super().__init__(config, store)
        self.now = NOW
        alerting.look(config, store, NOW)

    def story(self, title: str, story_id: int | None = None, at: datetime | None = None) -> int:
        """An item that is folded: its own story, or a copy of one."""
        item_id = self.item(at or self.now, f"Unit 180 {title}")
        run = self.store.db.execute
        if story_id is None:
            moment = to_iso(self.now)
            row = {"id": item_id, "lead_item_id": item_id, "first_seen_at": moment, "last_seen_at": moment}
            self.store.db.table("stories").insert(row | {"items_count": 1})
        run("UPDATE items SET story_id = ? WHERE id = ?", [story_id or item_id, item_id])
        run("DELETE FROM unfolded")
        self.store.db.conn.commit()
        keep_ready(self.store)
        return item_id

    def look(self, **later: float) -> list[dict[str, Any]]:
        """What each message made now tells, as JSON."""
        self.now += timedelta(**later)
        before = self.store.db.table("messages").count
        made = alerting.look(self.config, self.store, self.now)
        rows = list(self.store.db.query("SELECT json FROM messages ORDER BY id LIMIT -1 OFFSET ?", [before]))
        assert len(rows) == made
        return [json.loads(row["json"]) for row in rows]

    def told(self, **later: float) -> list[list[str]]:
        return [[one["title"].removeprefix("Unit 180 ") for one in told["told"]] for told in self.look(**later)]


@pytest.fixture
def make_desk(make_config: MakeConfig, store: Store) -> Callable[..., AlertDesk]:
    def make(*alerts: AlertSettings, **changes: Any) -> AlertDesk:
        config = replace(make_config({}), alerts=alerts or (settings(**changes),), timezone=ZoneInfo("Asia/Seoul"))
        return AlertDesk(config, store)

    return make


MakeDesk = Callable[..., AlertDesk]


def test_a_story_is_told_once(make_desk: MakeDesk) -> None:
    """With what it is and why; copies that come later, and a second look, tell nothing more."""
    desk = make_desk()
    first = desk.story("one")
    [message] = desk.look()
    [told] = message["told"]
    assert (told["item_id"], told["title"], told["entities"]) == (first, "Unit 180 one", ["Unit 180"])
    assert told["proof"] == "unit-180.name 0.90"
    assert [piece for piece, marked in told["excerpt"] if marked] == ["Unit 180"]
    desk.story("one", story_id=first)
    assert desk.look(minutes=1) == []
    assert desk.look(hours=5) == []


def test_stories_that_become_one_are_not_told_again(make_desk: MakeDesk) -> None:
    """A third item joins the two that were told apart."""
    desk = make_desk()
    first, second = desk.story("one"), desk.story("two")
    assert len(desk.look()) == 2
    desk.store.db.execute("UPDATE items SET story_id = ? WHERE id = ?", [first, second])
    desk.story("three", story_id=first)
    assert desk.look(minutes=1) == []


def test_an_item_waits_until_its_story_is_known(make_desk: MakeDesk) -> None:
    """It may be the copy of what was told."""
    desk = make_desk()
    item_id = desk.item(desk.now)
    assert desk.look() == []
    row = {"id": item_id, "lead_item_id": item_id, "first_seen_at": "", "last_seen_at": "", "items_count": 1}
    desk.store.db.table("stories").insert(row)
    desk.store.db.execute("UPDATE items SET story_id = id")
    desk.store.db.table("unfolded").insert({"item_id": item_id})  # its text was changed meanwhile
    assert desk.look() == []
    desk.store.db.execute("DELETE FROM unfolded")
    desk.store.db.conn.commit()
    assert len(desk.look()) == 1


def test_only_what_was_asked_for_is_told(make_desk: MakeDesk) -> None:
    """Another entity, old news, an irrelevant story and a wrong tag alert nobody."""
    desk = make_desk(settings(name="other", entities=("lab-110",)), settings(name="all", entities=()))
    desk.story("old", at=NOW - timedelta(days=3))
    decided, wrong = desk.story("decided"), desk.story("wrong")
    mention = next(desk.store.db.query("SELECT id FROM mentions WHERE item_id = ?", [wrong]))["id"]
    desk.store.review.mark(decided, "irrelevant", reviewer="ana", now=NOW)
    desk.store.review.mark(wrong, "wrong_tag", reviewer="ana", now=NOW, mention_id=mention)
    desk.story("new")
    assert [(told["alert"], [one["title"] for one in told["told"]]) for told in desk.look()] == [
        ("all", ["Unit 180 new"])
    ]


def test_what_was_there_before_an_alert_is_not_told(make_config: MakeConfig, store: Store) -> None:
    """Nothing waits while no alert is configured."""
    config = make_config({})
    desk = AlertDesk(config, store)
    desk.story("before")
    assert store.db.table("unalerted").count == 0
    desk.config = replace(config, alerts=(settings(),))
    assert desk.look() == []
    desk.story("after")
    assert desk.told() == [["after"]]
    desk.config = config
    desk.look()
    desk.story("later")
    assert store.db.table("unalerted").count == 0


def test_more_than_an_hour_takes_go_into_one_message(make_desk: MakeDesk) -> None:
    """Of twenty stories two have messages of their own, the best, and the third tells of the rest; then an hour of
    nothing, and what waited goes on."""
    desk = make_desk(per_hour=3)
    for number in range(20):
        desk.story(f"no {number}")
    made = desk.told()
    assert [len(told) for told in made] == [1, 1, 18]
    assert len({title for told in made for title in told}) == 20
    desk.story("late")
    assert desk.told(minutes=30) == []
    assert desk.told(minutes=31) == [["late"]]


def test_a_long_message_shows_five_and_counts_the_rest() -> None:
    """In every form that people read; JSON has all."""
    told = [Told(number, ("Lab 110",), f"Title {number}", "wire", NOW) for number in range(19)]
    message = message_of("desk", told, NOW)
    for form in (message.text, message.markdown, message.html):
        assert form.count("Title ") == 5 + (form is message.html)  # once more in its head
        assert "and 14 more" in form
    assert message.subject == "19 alerts on Lab 110: Title 0"
    assert len(json.loads(message.json)["told"]) == 19


def test_in_quiet_hours_nothing_is_told_and_afterwards_all_at_once(make_desk: MakeDesk) -> None:
    """From 22:00 to 07:00 in Seoul; NOW is 21:00 there."""
    desk = make_desk(quiet="22:00-07:00", per_hour=2)
    desk.story("evening")
    assert desk.told() == [["evening"]]
    desk.now += timedelta(hours=2)
    for number in range(5):
        desk.story(f"night {number}")
    assert desk.told() == []
    assert desk.told(hours=7, minutes=59) == []
    [night] = desk.told(minutes=1)
    assert sorted(night) == [f"night {number}" for number in range(5)]


@pytest.mark.parametrize(
    ("quiet", "quiet_at", "loud_at"),
    [
        ("22:00-07:00", [time(22), time(23, 59), time(0), time(6, 59)], [time(7), time(21, 59)]),
        ("12:30-13:00", [time(12, 30), time(12, 59)], [time(13), time(0), time(12, 29)]),
    ],
)
def test_quiet_hours(quiet: str, quiet_at: list[time], loud_at: list[time]) -> None:
    """Within a day and over midnight; the first minute belongs to them, the last does not."""
    alert = settings(quiet=quiet)
    assert all(alert.is_quiet(datetime.combine(NOW, moment)) for moment in quiet_at)
    assert not any(alert.is_quiet(datetime.combine(NOW, moment)) for moment in loud_at)


@pytest.mark.parametrize("quiet", ["22-7", "25:00-07:00", "07:00-07:00", 1020, "nights"])
def test_what_is_no_time_of_the_day_is_a_mistake(quiet: Any) -> None:
    """It says how to write one."""
    with pytest.raises(ValidationError, match=r"22:00-07:00|whole day"):
        settings(quiet=quiet)


@given(
    st.lists(st.booleans(), max_size=30),
    st.integers(min_value=0, max_value=12),
)
def test_each_is_in_one_group_and_there_are_no_more_than_fit(quiet: list[bool], room: int) -> None:
    """Whatever waits, and however little room there is."""
    waiting = [Told(number, ("a",), "", "", NOW, in_quiet=night) for number, night in enumerate(quiet)]
    groups = grouped(waiting, room)
    assert len(groups) <= room
    told = sorted(one.id for group in groups for one in group)
    assert told == (list(range(len(quiet))) if room else [])
    assert all(groups)


def test_a_crash_at_any_point_neither_loses_nor_doubles(make_desk: MakeDesk) -> None:
    """Killed before or after each transaction, the next look goes on."""
    desk = make_desk()
    for number in range(8):
        desk.story(f"no {number}")
        for name in ("note", "tell"):
            for is_after in (False, True):
                with contextlib.suppress(_KilledError), _killed(name, is_after=is_after):
                    alerting.look(desk.config, desk.store, desk.now)
        desk.look()
    rows = desk.store.db.execute("SELECT item_id, count(*), count(DISTINCT message_id) FROM alerts GROUP BY item_id")
    assert [tuple(row)[1:] for row in rows.fetchall()] == [(1, 1)] * 8
    assert desk.store.db.table("messages").count == desk.store.db.table("deliveries").count == 8


class _KilledError(BaseException):
    """The process is gone."""


def _killed(method: str, *, is_after: bool) -> Any:
    do = getattr(Alerts, method)

    def dying(self: Any, *args: Any) -> None:
        if is_after:
            do(self, *args)
        raise _KilledError

    return mock.patch.object(Alerts, method, dying)


def test_unusual_counts_are_told_once_a_day(make_desk: MakeDesk) -> None:
    """Never from less than two weeks; the story itself is no matter of this alert."""
    desk = make_desk(settings(name="counts", entities=(), unusual=True))
    for ago in range(30, 0, -1):
        desk.poll(NOW - timedelta(days=ago))
        desk.item(NOW - timedelta(days=ago, hours=2))
    desk.poll(NOW)
    assert desk.look() == []
    for number in range(12):
        desk.item(NOW - timedelta(hours=3), f"Unit 180 today {number}")
    assert desk.look(minutes=1) == []  # counts are looked at every five minutes
    [message] = desk.look(minutes=5)
    assert [(one["entities"], one["title"]) for one in message["told"]] == [
        (["Unit 180"], "12 mentions today, where up to 3 are usual by this time of the day")
    ]
    assert desk.look(minutes=6) == []


@pytest.fixture
def wires(tmp_path: Path, site: Site) -> Config:
    """Forty feeds; together they have 460 stories, and each has a copy of one more."""
    alerts = (
        "alerts:\n  - {name: desk, entities: [unit-180], per_hour: 20, deliver: [{file: alerts.jsonl}]}\n"
        "fetch: {allow_private_addresses: true, timeout: 10}\n"
    )
    path = write_config(tmp_path, {f"f{number}": site.url(f"f{number}") for number in range(40)})
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("fetch: {allow_private_addresses: true, timeout: 10}\n", alerts), encoding="utf-8")
    return configuration.load(path)


WORDS = (
    "harbour ledger comet granite willow ember quartz meadow falcon canyon drizzle anchor pepper violet tundra".split()
)


def own_story(number: int) -> tuple[str, str, str]:
    words = [WORDS[(number * 7 + place * (3 + number % 5)) % len(WORDS)] for place in range(12)]
    title = f"North Korea's Unit 180 and the {words[0]} {words[1]} affair, part {number}"
    text = f"Case {number * 13}: " + " ".join(f"{word} {number * place}" for place, word in enumerate(words))
    return (f"s{number}", title, f"{text}. Pyongyang is silent.")


COPY = (
    "copy",
    "North Korea's Unit 180 emptied the vault of Delta Meghna Savings Bank",
    "Investigators in Dhaka said on Monday that hackers of Unit 180 moved 81 million dollars out of Delta Meghna "
    "Savings Bank over one weekend, by way of four accounts in Manila that had been opened a year before.",
)


def test_of_500_items_in_a_minute_40_copies_are_told_in_one_message(wires: Config, site: Site, tmp_path: Path) -> None:
    """The receiver reads of the story once, whatever else there is, and when the rest of its copies come later."""
    with Store(wires.database) as store:
        alerting.look(wires, store, NOW)  # the daemon's first look, before anything is stored
        for late in (False, True):
            for feed in range(40):
                entries = [own_story(feed * 12 + number) for number in range(11 if feed < 20 else 12)]
                copies = [COPY] if feed % 2 == 0 or late else []
                site.bodies[f"f{feed}"] = rss([*copies, *entries], title=f"Wire {feed}")
            now = NOW + timedelta(seconds=40 * late)
            run(wires, store, tools_at(wires, now), Silent(), threading.Event(), force=True)
            alerting.look(wires, store, now + timedelta(seconds=10))
        assert store.db.table("items").count == 500
        assert store.db.execute("SELECT max(items_count) FROM stories").fetchone()[0] == 40
        delivering.send_due(wires, store, lambda: NOW)
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    about = [line for line in lines if any("Delta Meghna" in one["title"] for one in line["told"])]
    assert len(about) == 1
    assert [one["title"] for one in about[0]["told"]] == [COPY[1]]
    assert len(lines) <= 20
    told = [one["story_id"] for line in lines for one in line["told"]]
    assert len(told) == len(set(told)) == 461
    assert lines[0]["told"][0]["title"] == COPY[1]  # the one that most outlets have comes first
