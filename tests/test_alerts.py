"""Alerts: each story once, grouped, held in quiet hours, capped, and nothing lost by a crash."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
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
from pipeline.store import alerts as alert_queries
from pipeline.store.alerts import Alerts
from pipeline.targets import Target
from pipeline.times import to_iso
from pipeline.upkeep import keep_ready
from tests.conftest import NOW, Site, rss, tools_at, write_config
from tests.test_delivery import Hook
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

    def mention(self, item_id: int, entity: str) -> int:
        """The words that are tagged as Unit 180 are tagged as this, too."""
        row = next(self.store.db.query("SELECT * FROM mentions WHERE item_id = ?", [item_id]))
        row |= {"id": None, "entity_id": entity, "rule": f"{entity}.name"}
        mention_id = self.store.db.table("mentions").insert(row, pk="id").last_pk
        keep_ready(self.store)
        assert isinstance(mention_id, int)
        return mention_id

    def merge(self, story_id: int, other: int) -> None:
        """Two stories turn out to be one."""
        self.store.db.execute("UPDATE items SET story_id = ? WHERE story_id = ?", [story_id, other])
        self.store.db.conn.commit()
        keep_ready(self.store)

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
    desk.merge(first, second)
    desk.story("three", story_id=first)
    assert desk.look(minutes=1) == []


def test_stories_that_become_one_while_they_wait_are_told_once(make_desk: MakeDesk) -> None:
    """In the night, and while the cap holds one of them back."""
    desk = make_desk(quiet="21:30-07:00", per_hour=1)
    desk.now += timedelta(hours=1)
    first, second = desk.story("one"), desk.story("two")
    assert desk.told() == []
    desk.merge(first, second)
    assert desk.told(hours=9) == [["one"]]
    third = desk.story("three")
    assert desk.told() == []
    desk.merge(first, third)
    assert desk.told(hours=2) == []


def test_what_is_decided_while_it_waits_is_heeded(make_desk: MakeDesk) -> None:
    """A story found irrelevant, and one whose tag of the alert's entity was called wrong while another stands."""
    desk = make_desk(entities=("lab-110",), quiet="21:30-07:00")
    desk.now += timedelta(hours=1)
    decided, wrong, right = (desk.story(title) for title in ("decided", "wrong", "right"))
    mentions = [desk.mention(item_id, "lab-110") for item_id in (decided, wrong, right)]
    assert desk.told() == []
    desk.store.review.mark(decided, "irrelevant", reviewer="ana", now=NOW)
    desk.store.review.mark(wrong, "wrong_tag", reviewer="ana", now=NOW, mention_id=mentions[1])
    assert desk.told(hours=9) == [["right"]]


def test_the_item_that_has_the_mention_stands_for_its_story(make_desk: MakeDesk) -> None:
    """The lead, which the queue shows, says nothing of Lab 110; its copy does."""
    desk = make_desk(entities=("lab-110",))
    lead = desk.story("one")
    copy = desk.story("one, more fully", story_id=lead)
    desk.mention(copy, "lab-110")
    [[told]] = [message["told"] for message in desk.look()]
    assert (told["item_id"], told["entities"]) == (copy, ["Lab 110", "Unit 180"])
    assert told["proof"] == "lab-110.name 0.90"


def test_what_waited_of_an_alert_that_was_removed_is_not_told(make_desk: MakeDesk) -> None:
    """When it stands in the configuration again, it begins anew."""
    desk = make_desk(per_hour=1)
    desk.story("one")
    assert desk.told() == [["one"]]
    desk.story("two")
    assert desk.told() == []
    config, desk.config = desk.config, replace(desk.config, alerts=())
    assert desk.told(minutes=5) == []
    desk.config = config
    assert desk.told(hours=2) == []


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


def test_text_of_feeds_is_nothing_but_text() -> None:
    """Neither markup, nor a link that leads elsewhere than to the web, nor a line of its own gets into a message."""
    hostile = "<script>alert(1)</script> [x](http://evil.test) **b**"
    told = Told(
        1, (hostile,), hostile, hostile, NOW, url="javascript:alert(1)", excerpt=((hostile, True),), proof=hostile
    )
    message = message_of(hostile, [told], NOW)
    assert "<script" not in message.html
    assert "javascript:" not in message.html + message.text + message.markdown
    assert "[x](" not in message.markdown
    assert "<script" not in message.markdown.replace("\\<", "")
    assert len(message.json.splitlines()) == len(message.subject.splitlines()) == 1
    assert json.loads(message.json)["told"][0]["title"] == hostile


@pytest.mark.parametrize("query", [alert_queries._CANDIDATES, alert_queries._WAITING], ids=["candidates", "waiting"])
def test_a_look_costs_the_same_however_many_verdicts_there_are(store: Store, query: str) -> None:
    """Those of the story are found by its items: SQLite would rather go through all that are of an item as a whole."""
    values = {"most": 1} if ":most" in query else ["desk"]
    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()]
    assert "SEARCH v USING INDEX verdicts_by_item (item_id=?)" in plan
    assert not [step for step in plan if step.startswith("SCAN") and step != "SCAN u"]  # u: what waits


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


@pytest.mark.parametrize("step", ["candidates", "is_any_waiting"])
def test_two_that_look_at_the_same_time_tell_once(make_desk: MakeDesk, step: str) -> None:
    """The daemon was started twice: the second looks while the first has seen that something is there."""
    desk = make_desk()
    for number in range(3):
        desk.story(f"no {number}")
    do = getattr(Alerts, step)
    made: list[int] = []

    def meanwhile(self: Alerts, *args: Any) -> Any:
        found = do(self, *args)
        if not made:
            made.append(0)
            with Store(desk.store.path) as second:
                made.append(alerting.look(desk.config, second, desk.now))
        return found

    with mock.patch.object(Alerts, step, meanwhile):
        assert alerting.look(desk.config, desk.store, desk.now) == 0
    assert made == [0, 3]
    assert desk.store.db.table("alerts").count == desk.store.db.table("messages").count == 3


@pytest.mark.parametrize("step", ["note", "tell"])
def test_nobody_comes_between_what_is_read_and_what_follows(make_desk: MakeDesk, step: str) -> None:
    """While one notes what it found, or tells, another cannot; here it does not wait until it can."""
    desk = make_desk()
    desk.story("one")
    do = getattr(Alerts, step)
    refused: list[str] = []

    def meanwhile(self: Alerts, *args: Any) -> None:
        with Store(desk.store.path) as second:
            second.db.execute("PRAGMA busy_timeout = 0")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                alerting.look(desk.config, second, desk.now)
        refused.append(step)
        do(self, *args)

    with mock.patch.object(Alerts, step, meanwhile):
        assert len(desk.look()) == 1
    assert refused == [step]


PLACES = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.integers(1, 5)),
        st.tuples(st.just("look"), st.sampled_from([0, 1, 7, 20, 29, 59, 60, 61, 180, 600])),
        st.tuples(st.sampled_from(["copy", "irrelevant"]), PLACES),
        st.tuples(st.just("merge"), PLACES, PLACES),
        st.tuples(st.just("killed"), st.sampled_from(["note", "tell"]), st.booleans()),
    ),
    min_size=10,
    max_size=40,
)
#: The clocks of New York go back an hour at 06:00, of Lord Howe forward half an hour at 15:30 (UTC).
CHANGES = [
    ("America/New_York", datetime(2026, 11, 1, 3, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 12, 0, tzinfo=UTC)),
    ("Asia/Seoul", NOW),
]


@settings_of_hypothesis(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.sampled_from(CHANGES), st.sampled_from([None, "22:00-07:00", "01:15-02:15"]), st.integers(1, 3))
def test_whatever_happens_each_story_is_told_once_in_its_time(
    desks: Iterator[Callable[..., AlertDesk]],
    steps: list[tuple[Any, ...]],
    zone_at: tuple[str, datetime],
    quiet: str | None,
    per_hour: int,
) -> None:
    """Arrivals, copies, stories that become one, verdicts and kills in any order: no story is told twice, none is
    forgotten, none comes in quiet hours, and there are never more messages within 60 minutes than the cap."""
    desk = next(desks)(zone_at, quiet=quiet, per_hour=per_hour)
    model = Model(desk)
    for name, *values in steps:
        getattr(model, name)(*values)
    for _ in range(36):  # a night, and the hours that the cap takes
        model.look(19)
    assert model.open == set()
    moments = [moment for moment, _ in model.made]
    assert not any(moment.astimezone(desk.config.timezone) in Quiet(quiet) for moment in moments)
    for moment in moments:
        assert sum(moment <= other <= moment + timedelta(hours=1) for other in moments) <= per_hour


class Quiet:
    """Quiet hours by minutes of the day, told otherwise than by the code that is tested."""

    def __init__(self, quiet: str | None) -> None:
        first, last = [int(part[:2]) * 60 + int(part[3:]) for part in quiet.split("-")] if quiet else (0, 0)
        self.minutes = {minute % 1440 for minute in range(first, last + 1440 * (last < first))}

    def __contains__(self, local: datetime) -> bool:
        return local.hour * 60 + local.minute in self.minutes


class Model:
    """Does one thing after the other, and knows which stories are still to be told: ``open``."""

    def __init__(self, desk: AlertDesk) -> None:
        self.desk = desk
        self.stories: list[int] = []
        self.open: set[int] = set()
        self.closed: set[int] = set()
        self.made: list[tuple[datetime, list[int]]] = []

    def new(self, number: int) -> None:
        for _ in range(number):
            story = self.desk.story(f"no {len(self.stories)}")
            self.stories.append(story)
            self.open.add(story)

    def copy(self, place: int) -> None:
        if self.stories:
            self.desk.story("copy", story_id=self.stories[place % len(self.stories)])

    def irrelevant(self, place: int) -> None:
        if self.stories:
            story = self.stories[place % len(self.stories)]
            self.desk.store.review.mark(story, "irrelevant", reviewer="ana", now=self.desk.now)
            self.open.discard(story)
            self.closed.add(story)

    def merge(self, place: int, other_place: int) -> None:
        if len(self.stories) > 1:
            story = self.stories[place % len(self.stories)]
            other = self.stories[other_place % len(self.stories)]
            if story != other:
                self.desk.merge(story, other)
                self.stories.remove(other)
                for known in (self.open, self.closed):
                    if other in known:
                        known.remove(other)
                        known.add(story)
                self.open -= self.closed

    def killed(self, step: str, is_after: bool) -> None:
        before = self.desk.store.db.table("messages").count
        with contextlib.suppress(_KilledError), _killed(step, is_after=is_after):
            alerting.look(self.desk.config, self.desk.store, self.desk.now)
        self._check(before)

    def look(self, later: int) -> None:
        self.desk.now += timedelta(minutes=later)
        before = self.desk.store.db.table("messages").count
        alerting.look(self.desk.config, self.desk.store, self.desk.now)
        self._check(before)

    def _check(self, before: int) -> None:
        rows = self.desk.store.db.query("SELECT json FROM messages ORDER BY id LIMIT -1 OFFSET ?", [before])
        for told in [[one["story_id"] for one in json.loads(row["json"])["told"]] for row in rows]:
            self.made.append((self.desk.now, told))
            assert len(told) == len(set(told))
            assert set(told) <= self.open
            self.open -= set(told)
            self.closed |= set(told)


@pytest.fixture
def desks(make_config: MakeConfig, store: Store) -> Iterator[Callable[..., AlertDesk]]:
    """One after the other in the same database, each with an alert of its own: making a database takes longer."""
    first = AlertDesk(make_config({}), store)

    def make(number: int) -> Callable[..., AlertDesk]:
        def start(zone_at: tuple[str, datetime], **changes: Any) -> AlertDesk:
            alert = settings(name=f"desk {number}", **changes)
            first.config = replace(first.config, alerts=(alert,), timezone=ZoneInfo(zone_at[0]))
            first.now = zone_at[1]
            first.store.db.execute("DELETE FROM unalerted")
            first.store.db.conn.commit()
            alerting.look(first.config, first.store, first.now)
            return first

        return start

    return (make(number) for number in itertools.count())


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
        (["Unit 180"], "12 mentions on 2026-11-23 until 21:00, where up to 3 are usual")
    ]
    assert desk.look(minutes=6) == []


def test_a_count_that_waited_names_its_day(make_desk: MakeDesk) -> None:
    """Found at 21:06, told at 07:00 the next day."""
    desk = make_desk(settings(name="counts", entities=(), unusual=True, quiet="21:00-07:00"))
    for ago in range(30, 0, -1):
        desk.poll(NOW - timedelta(days=ago))
        desk.item(NOW - timedelta(days=ago, hours=2))
    desk.poll(NOW)
    for number in range(12):
        desk.item(NOW - timedelta(hours=3), f"Unit 180 today {number}")
    assert desk.look(minutes=6) == []
    assert desk.told(hours=9, minutes=54) == [["12 mentions on 2026-11-23 until 21:00, where up to 3 are usual"]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.close()


@pytest.fixture
def wires(tmp_path: Path, site: Site, hook: Hook) -> Config:
    """Forty feeds; together they have 460 stories, and each has a copy of one more."""
    deliver = f"{{file: alerts.jsonl}}, {{apprise: 'json://127.0.0.1:{hook.port}/in', name: chat}}"
    alerts = (
        f"alerts:\n  - {{name: desk, entities: [unit-180], per_hour: 20, deliver: [{deliver}]}}\n"
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # of what Apprise imports
def test_of_500_items_in_a_minute_40_copies_are_told_in_one_message(
    wires: Config, site: Site, hook: Hook, tmp_path: Path
) -> None:
    """The receivers, a file and a webhook, read of the story once, whatever else there is, and when the rest of its
    copies come later."""
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
    heard = [body for body in hook.bodies if "Delta Meghna" in body["title"] + body["message"]]
    assert len(heard) == 1
    assert heard[0]["title"].endswith(COPY[1])
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    about = [line for line in lines if any("Delta Meghna" in one["title"] for one in line["told"])]
    assert len(about) == 1
    assert [one["title"] for one in about[0]["told"]] == [COPY[1]]
    assert len(lines) <= 20
    told = [one["story_id"] for line in lines for one in line["told"]]
    assert len(told) == len(set(told)) == 461
    assert lines[0]["told"][0]["title"] == COPY[1]  # the one that most outlets have comes first
