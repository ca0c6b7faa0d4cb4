"""The overview: what it counts, what it says of the daemon and the feeds, how it looks in a browser."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from datasette.app import Datasette
from lxml import etree
from playwright.sync_api import Page

from pipeline import daemon, heartbeat
from pipeline.config import Config
from pipeline.heartbeat import Beat, pulse
from pipeline.store import Reading, Store
from pipeline.tally import Daily, daily, watched, window
from pipeline.times import to_iso
from pipeline.unusual import Counts, Judgement, judge
from pipeline.web import make_datasette
from pipeline.web.charts import columns
from pipeline.web.overview import DAYS, charted, judged, standing
from tests.browser import browser, page, serving  # noqa: F401 - fixtures
from tests.conftest import NOW, thread_tools

SEOUL, BERLIN, KOLKATA = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
UTC_ZONE, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")
MakeConfig = Callable[..., Config]


# Counts by hour into local days


def by_day(hours: Sequence[tuple[str, str, int]], now: datetime, zone: ZoneInfo, days: int) -> Daily:
    """The local days of hours (UTC, entity, mentions), summed as the store sums them."""
    shown = window(now, zone, days)
    counted = [
        (number, entity, "f", mentions)
        for hour, entity, mentions in hours
        for number, (first, last) in enumerate(shown.spans)
        if first <= hour < last
    ]
    return daily(shown, counted)


def test_hours_belong_to_the_local_day_in_which_they_begin() -> None:
    """15:00 UTC is midnight in Seoul."""
    hours = [("2026-11-21T14", "a", 1), ("2026-11-21T15", "a", 2), ("2026-11-22T14", "a", 4), ("2026-11-22T15", "a", 8)]
    counted = by_day(hours, NOW, SEOUL, 3)
    assert counted.days == (date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23))
    assert counted.counts == {"a": (1, 6, 8)}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 1), 24)])
def test_days_on_which_clocks_change_have_all_their_hours(day: date, hours: int) -> None:
    """One mention in every hour of UTC makes 23, 25 and 24 mentions a day in Berlin."""
    start = datetime.combine(day - timedelta(days=2), time.min, UTC)
    every = [(to_iso(start + timedelta(hours=number))[:13], "a", 1) for number in range(6 * 24)]
    counted = by_day(every, datetime.combine(day + timedelta(days=1), time(12), UTC), BERLIN, 2)
    assert counted.days[0] == day
    assert counted.counts["a"][0] == hours


def test_what_lies_outside_of_the_days_is_left_out() -> None:
    """Neither the day before the first nor what a clock that was wrong wrote into the future."""
    counted = by_day([("2026-11-01T00", "a", 1), ("2027-11-01T00", "a", 1)], NOW, SEOUL, 3)
    assert counted.counts == {}


def test_days_before_are_counted_up_to_the_same_hour_as_today() -> None:
    """At 21:20 in Seoul the hours until 21:00 have ended."""
    hours = [(f"2026-11-{day}T{hour:02}", "a", 1) for day in (21, 22, 23) for hour in range(24)]
    counted = by_day(hours, NOW + timedelta(minutes=20), SEOUL, 2)
    assert counted.until == time(21)
    assert counted.so_far == {"a": (21, 21)}


def test_half_an_hour_of_a_zone_is_no_reason_to_lose_any() -> None:
    """In Kolkata the hour that begins at 23:30 belongs to the evening."""
    counted = by_day([("2026-11-22T18", "a", 1), ("2026-11-22T19", "a", 2)], NOW, KOLKATA, 2)
    assert counted.counts == {"a": (1, 2)}


def test_in_the_first_hour_of_the_day_nothing_is_judged_of_today() -> None:
    """There is nothing to compare yet."""
    counted = by_day([], datetime(2026, 11, 23, 15, 59, tzinfo=UTC), SEOUL, DAYS + 2)
    assert counted.until is None
    assert judged(counted, watched_on(DAYS + 2), ["a"])[0].judgement.remarks is None


# What is unusual


def watched_on(days: int) -> dict[str, set[int]]:
    """The one feed, watched on all of so many days."""
    return {"f": set(range(days))}


def hours_of(numbers: dict[int, int], hour: int) -> list[tuple[str, str, int]]:
    """Mentions of ``a`` (days before today → how many), at an hour of UTC."""
    return [(f"{NOW.date() - timedelta(days=ago)}T{hour:02}", "a", number) for ago, number in numbers.items()]


def test_yesterday_is_judged_by_the_days_before_it() -> None:
    """Two each day, and then thirty."""
    counted = by_day(hours_of({1: 30} | dict.fromkeys(range(2, 30), 2), 3), NOW, SEOUL, DAYS + 2)
    today, yesterday = judged(counted, watched_on(DAYS + 2), ["a"])
    assert today.judgement.remarks == ()
    assert yesterday.title == "Sunday, 22 November"
    remarks = yesterday.judgement.remarks or ()
    assert [(remark.entity_id, remark.mentions, remark.usual) for remark in remarks] == [("a", 30, 2)]


def test_today_is_compared_with_the_same_hours_only() -> None:
    """Ten mentions by now are unusual where ten came each evening, later than now."""
    evenings = hours_of(dict.fromkeys(range(1, 30), 10), 14)
    counted = by_day([*evenings, *hours_of({0: 10}, 3)], NOW, SEOUL, DAYS + 2)
    today = judged(counted, watched_on(DAYS + 2), ["a"])[0]
    assert today.title == "Today until 21:00"
    assert [(remark.mentions, remark.usual) for remark in today.judgement.remarks or ()] == [(10, 0)]


def test_days_on_which_nobody_watched_are_no_history() -> None:
    """Thirteen days with a poll are too few, however long ago the first was."""
    counted = by_day([], NOW, SEOUL, DAYS + 2)
    answered = {"f": set(range(DAYS - 11, DAYS + 2))}
    assert judged(counted, answered, ["a"])[1].judgement.reason == "Not yet: 14 days are needed, there are 11."


def test_a_feed_is_watched_on_the_local_days_of_its_answers() -> None:
    """From midnight to midnight in Seoul are two days of UTC; its first day, which brings its stock, is left out."""
    days = [date(2026, 11, day) for day in (20, 21, 22, 23)]
    answered = [("f", "2026-11-20", "2026-11-20 2026-11-21 2026-11-22"), ("g", "2026-01-01", "")]
    counted = by_day([], NOW, SEOUL, 4)
    assert counted.days == tuple(days)
    assert watched(counted, SEOUL, answered) == {"f": {2, 3}, "g": set()}


@pytest.mark.parametrize("zone", [SEOUL, UTC_ZONE, NEW_YORK])
def test_the_day_on_which_a_feed_comes_back_is_left_out(zone: ZoneInfo) -> None:
    """It brings what was missed for days; the day after is an ordinary one again."""
    counted = by_day([], NOW, zone, 8)  # 16 to 23 November
    listed = " ".join(f"2026-11-{day}" for day in (14, 15, 16, 17, 20, 21, 22, 23))
    found = watched(counted, zone, [("f", "2026-01-01", listed)])["f"]
    assert {0, 1, 6, 7} <= found
    assert not {3, 4} & found


def test_feeds_that_come_back_with_what_they_missed_are_no_news() -> None:
    """A week's stock at once is not remarked; where all were away, that is said."""
    days = window(NOW, SEOUL, 57).days
    mentions = {("a", "stays"): dict.fromkeys(range(57), 10), ("a", "back"): dict.fromkeys(range(49), 10) | {56: 80}}
    answers = {"stays": days, "back": (*days[:-8], days[-1])}

    def told(feeds: Sequence[str]) -> Judgement:
        counted = Daily(days, None, {}, {}, {("a", feed): mentions["a", feed] for feed in feeds}, {})
        rows = [(feed, "2026-01-01", " ".join(map(str, answers[feed]))) for feed in feeds]
        return judge(Counts(days, counted.by_feed, watched(counted, SEOUL, rows), ["a"]))

    assert told(["stays", "back"]).remarks == ()
    assert told(["back"]).reason.startswith("No feed was watched on this day")


def test_a_feed_without_a_log_counts_as_watched_since_its_first_mention() -> None:
    """Its items were stored by another program."""
    counted = by_day([("2026-11-21T03", "a", 1)], NOW, SEOUL, 4)
    assert watched(counted, SEOUL, []) == {"f": {2, 3}}


# The store


@pytest.fixture
def filled(make_config: MakeConfig) -> Config:
    """A database with 30 days of mentions, a story of each state, and feeds of every kind of trouble."""
    config = replace(make_config({}), timezone=SEOUL)
    long_ago, lately = to_iso(NOW - timedelta(days=30)), to_iso(NOW - timedelta(days=1))
    with Store(config.database) as store:
        run = store.db.conn.execute
        for feed, state, success, error, item_at in (
            ("wire", "ok", lately, None, lately),
            ("gazette", "error", long_ago, "HTTP 503 <b>", lately),
            ("silent", "ok", lately, None, long_ago),
            ("off", "disabled", None, None, None),
        ):
            run(
                "INSERT INTO feeds (id, url, configured_url, title, state, last_success_at, last_error, last_item_at,"
                " rhythm_s, interval_s, failures) VALUES (?, 'http://f.test/', '', ?, ?, ?, ?, ?, 3600, 1, 3)",
                [feed, feed.title(), state, success, error, item_at],
            )
        run("INSERT INTO entities (id, name, kind) VALUES ('lab-110', 'Lab <110>', 'organisation')")
        for ago in range(40, 0, -1):
            run(
                "INSERT INTO fetches (feed_id, started_at, finished_at, outcome) VALUES ('wire', ?, ?, 'ok')",
                [to_iso(NOW - timedelta(days=ago))] * 2,
            )
        for number in range(1, 31):
            seen = to_iso(NOW - timedelta(days=30 - number, hours=1))
            run(
                "INSERT INTO stories (id, first_seen_at, last_seen_at, items_count) VALUES (?, ?, ?, 1)",
                [number, seen, seen],
            )
            run(
                "INSERT INTO items (id, feed_id, guid, title, first_seen_at, updated_at, content_hash, story_id)"
                " VALUES (?, 'wire', ?, 'News', ?, ?, '', ?)",
                [number, str(number), seen, seen, number],
            )
            run("UPDATE stories SET lead_item_id = id WHERE id = ?", [number])
            for _ in range(40 if number == 29 else 1):
                run(
                    'INSERT INTO mentions (item_id, entity_id, field, start, "end", text, rule, score, evidence,'
                    " watchlist_version) VALUES (?, 'lab-110', 'title', 0, 1, 'N', 'r', 1, '{}', 'v')",
                    [number],
                )
        run("INSERT INTO gaps (feed_id, from_at, to_at, missing) VALUES ('wire', ?, ?, 7)", [lately, lately])
        run("INSERT INTO gaps (feed_id, from_at, to_at, filled_at) VALUES ('off', ?, ?, ?)", [lately] * 3)
        run(
            "INSERT INTO pages (item_id, tries, tried_at, outcome, reason) VALUES (1, 3, ?, 'missing', 'HTTP 404')",
            [lately],
        )
        run("INSERT INTO verdicts (item_id, verdict, reviewer, created_at) VALUES (1, 'relevant', 'ana', ?)", [lately])
        store.db.conn.commit()
        store.queue.refresh(500)
    return config


def test_no_query_walks_over_a_large_table(filled: Config) -> None:
    """Every statement of the page finds its rows by an index; only feeds and counts are read as a whole."""
    asked: list[str] = []
    connection = sqlite3.connect(filled.database)
    connection.set_trace_callback(asked.append)
    stored = Reading(connection)
    look_at_everything(stored)
    connection.set_trace_callback(None)
    plans = [
        (line[3], statement)
        for statement in asked
        if statement.lstrip().upper().startswith("SELECT")
        for line in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    connection.close()
    assert len(plans) > 10
    small = {"f", "feeds", "entities", "heartbeat", "unqueued", "s", "sqlite_master", "json_each", "c"}
    scans = [(plan, statement) for plan, statement in plans if plan.startswith("SCAN") and plan.split()[1] not in small]
    assert [scan for scan in scans if scan[0] != "SCAN CONSTANT ROW"] == []


def look_at_everything(stored: Reading) -> None:
    """All that the page asks of the database."""
    overview = stored.overview
    overview.mentions(window(NOW, SEOUL, DAYS).spans)
    overview.mentions_in_all(window(NOW, SEOUL, DAYS).spans)
    overview.began_at()
    overview.answered(NOW.date() - timedelta(days=DAYS))
    overview.usual_feeds(NOW - timedelta(days=90), NOW)
    overview.newest()
    overview.outlets(10)
    overview.feeds()
    overview.gaps(NOW - timedelta(days=7), 10)
    stored.pages.given_up(NOW - timedelta(days=7))
    stored.heartbeat.last()
    stored.queue.entities()
    stored.queue.is_any_waiting()


def test_watching_began_with_the_first_poll(filled: Config) -> None:
    """Or with the first item, where there is no log of polls."""
    with Store(filled.database) as store:
        assert store.overview.began_at() == NOW - timedelta(days=40)
        store.db.execute("DELETE FROM fetches")
        assert store.overview.began_at() == NOW - timedelta(days=29, hours=1)


def test_the_days_on_which_a_feed_answered_are_kept(filled: Config) -> None:
    """Each once, however often it was polled; a failure is no answer."""
    with Store(filled.database) as store:
        for outcome in ("ok", "not_modified", "error"):
            row = {"feed_id": "gazette" if outcome == "error" else "wire", "outcome": outcome}
            store.db.table("fetches").insert(row | {"started_at": to_iso(NOW), "finished_at": to_iso(NOW)})
        since = NOW.date() - timedelta(days=1)
        assert store.overview.answered(since) == [("wire", "2026-10-14", "2026-11-22 2026-11-23")]


def test_the_feeds_that_usually_have_an_entity(filled: Config) -> None:
    """Those with a mention in the time, most first."""
    with Store(filled.database) as store:
        assert store.overview.usual_feeds(NOW - timedelta(days=90), NOW) == {"lab-110": ["wire"]}
        assert store.overview.usual_feeds(NOW - timedelta(days=90), NOW - timedelta(days=60)) == {}


def test_the_store_counts_by_spans_of_hours(filled: Config) -> None:
    """Forty mentions yesterday at 20:00 in Seoul, which is before the time that is compared; one today at 20:00."""
    with Store(filled.database) as store:
        shown = window(NOW, SEOUL, 2)
        assert daily(shown, store.overview.mentions(shown.spans)).so_far == {"lab-110": (40, 1)}
        shown = window(NOW - timedelta(hours=1), SEOUL, 2)
        assert daily(shown, store.overview.mentions(shown.spans)).so_far == {}


# The feeds


def test_disabled_feeds_are_not_counted(filled: Config) -> None:
    """Of three feeds one is healthy: one fails, and one that answers has been silent for a month."""
    with Store(filled.database) as store:
        seen = standing(store.overview.feeds(), NOW)
    assert (seen["feeds"], seen["healthy"]) == (3, 1)
    assert [feed["id"] for feed in seen["trouble"]] == ["gazette"]
    assert [feed["id"] for feed, _ in seen["stale"]] == ["silent"]


# The daemon


@pytest.mark.parametrize(
    ("beat", "running", "state", "words"),
    [
        (None, True, "never", "watchfloor daemon"),
        (Beat(7, NOW - timedelta(days=2), NOW - timedelta(seconds=20)), True, "alive", "seen 20 s ago, running since"),
        (Beat(7, NOW, NOW - timedelta(seconds=20)), False, "ended", "process 7 is not on this machine"),
        (Beat(7, NOW, NOW - timedelta(minutes=4)), True, "silent", "seen 4 min ago"),
        (Beat(7, NOW, NOW + timedelta(hours=1)), True, "clock", "Set this machine's clock"),
    ],
)
def test_the_daemons_pulse(beat: Beat | None, running: bool, state: str, words: str) -> None:
    """Alive, never started, dead, hanging, or a clock that is wrong; and what to do."""
    found = pulse(beat, NOW, lambda _: running, str)
    assert found.state == state
    assert words in found.sentence


def test_a_process_that_ended_does_not_run() -> None:
    """Told by its number; this one runs."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not heartbeat.runs(ended.pid)
    assert heartbeat.runs(os.getpid())


def test_the_daemon_writes_that_it_is_there(make_config: MakeConfig) -> None:
    """One row, with the number of its process, in place of the one before."""
    config = make_config({})
    tools = replace(thread_tools(config), clock=lambda: NOW)
    daemon.beat(config, tools, NOW - timedelta(days=1))
    daemon.beat(config, replace(tools, clock=lambda: NOW + timedelta(minutes=1)), NOW - timedelta(days=1))
    with Store(config.database) as store:
        assert store.heartbeat.last() == Beat(os.getpid(), NOW - timedelta(days=1), NOW + timedelta(minutes=1))
        assert store.db.table("heartbeat").count == 1


# The charts


def test_a_chart_holds_shapes_only() -> None:
    """No script, no style, nothing from elsewhere; and what it is called is escaped."""
    days = tuple(date(2026, 11, 1) + timedelta(days=number) for number in range(28))
    drawn = columns('A <script>"', days, (0,) * 27 + (3,))
    root = etree.fromstring(drawn)
    names = {etree.QName(element).localname for element in root.iter()}
    assert names <= {"svg", "g", "rect", "path", "text", "title"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert attributes <= {
        "class",
        "d",
        "height",
        "width",
        "x",
        "y",
        "rx",
        "ry",
        "transform",
        "viewBox",
        "role",
        "aria-label",
    }
    assert root.get("aria-label") == 'A <script>"'


def test_today_is_set_apart() -> None:
    """The last column has a class of its own, and each says its day and number."""
    days = (date(2026, 11, 22), date(2026, 11, 23))
    drawn = columns("A", days, (5, 3))
    assert re.findall(r'class="(day|today)"/><title>([^<]*)', drawn) == [
        ("day", "Sun 22 Nov: 5"),
        ("today", "Mon 23 Nov: 3"),
    ]


def test_the_most_mentioned_entities_have_charts() -> None:
    """Twelve; the others stand in the table."""
    hours = [("2026-11-23T01", f"e{number:02}", number) for number in range(1, 16)]
    shown = charted(by_day(hours, NOW, SEOUL, DAYS + 2), {"e15": "Fifteen"})
    assert [entity.id for entity in shown][:2] == ["e15", "e14"]
    assert shown[0].name == "Fifteen"
    assert [entity.chart is not None for entity in shown] == [True] * 12 + [False] * 3


# The page


@pytest.fixture
def answered(filled: Config) -> Datasette:
    """The pages at ``NOW``."""
    return make_datasette(filled, clock=lambda: NOW)


async def text_of(datasette: Datasette, path: str) -> str:
    response = await datasette.client.get(path, follow_redirects=False)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", str(response.text))


def test_the_page_says_how_things_stand(answered: Datasette) -> None:
    """Every part of it, out of the database."""
    shown = asyncio.run(text_of(answered, "/-/overview"))
    words = re.sub(r"<[^>]+>", "", shown)
    assert "As of 2026-11-23 21:00:00 (Asia/Seoul)" in words
    assert "No daemon has run on this database yet" in words
    assert "29 Awaiting" in words
    assert "more Lab &lt;110&gt;: 40 mentions, usually 1 (0 to 3)" in words
    assert "Lab &lt;110&gt; 1 today, 67 in all" in words
    assert "1 healthy of 3" in words
    assert "HTTP 503 &lt;b&gt;" in words
    assert "silent for 30 days" in words
    assert "wire: items may have been missed from 2026-11-22 21:00 to 2026-11-22 21:00, about 7" in words
    assert "off: items may have been missed" not in words  # it was filled
    assert "the feed's own text stays for 1 (missing 1)" in words
    assert 'href="/watchfloor/fetches?feed_id=gazette&amp;_sort_desc=id"' in shown
    assert "/-/queue?feed=wire" in shown


def test_the_front_page_leads_on(answered: Datasette) -> None:
    """It answers itself, and names the queue with what awaits a verdict, and the overview."""
    shown = asyncio.run(text_of(answered, "/"))
    assert '<a href="/-/queue"><b>29</b> stories await a verdict' in shown
    assert '<a href="/-/overview">' in shown


def test_an_empty_database_has_an_overview(make_config: MakeConfig) -> None:
    """Before anything was polled, each part says that there is nothing, and what to do."""
    config = make_config({})
    with Store(config.database):
        pass
    words = asyncio.run(text_of(make_datasette(config, clock=lambda: NOW), "/-/overview"))
    assert "watchfloor run" in words
    assert "Not yet: 14 days are needed, there are 0." in words


def test_the_very_first_day_is_no_history(make_config: MakeConfig) -> None:
    """It brings all that the feeds had in stock: of 15 days up to today, 12 are left to compare yesterday with."""
    config = make_config({})
    with Store(config.database) as store:
        store.db.execute("INSERT INTO feeds (id, url, configured_url, interval_s) VALUES ('a', '', '', 1)")
        for ago in range(15):
            moment = to_iso(NOW - timedelta(days=ago))
            poll = {"feed_id": "a", "started_at": moment, "finished_at": moment, "outcome": "ok"}
            store.db.table("fetches").insert(poll)
    words = asyncio.run(text_of(make_datasette(config, clock=lambda: NOW), "/-/overview"))
    assert "Not yet: 14 days are needed, there are 12." in words


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/-/overview", "/"])
def test_a_browser_shows_it_without_barriers(filled: Config, page: Page, scheme: str, path: str) -> None:
    """axe finds nothing serious, whatever the colours; and the page is no wider than a phone."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844})
    with serving(filled) as address:
        page.goto(address + path)
        for details in page.locator("details").all():
            details.evaluate("element => element.open = true")
        found = Axe().run(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    violations = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert violations == []
