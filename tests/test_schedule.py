"""The schedule: never too early, never for ever, and right again after the clock was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ScheduleSettings
from pipeline.models import Arrivals, Feed, FeedState, Fetched, Hints, Outcome, Plan, Weight
from pipeline.schedule import after_poll, is_due, is_held, is_stale

NOW = datetime(2026, 11, 23, 12, 0, 0, 400_000, tzinfo=UTC)
URL = "https://example.org/feed"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
SETTINGS = ScheduleSettings.model_validate({"interval": "30m", "min_interval": "15m", "max_interval": "24h"})

moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.integers(1, 366 * 86400)
failures = st.integers(0, 10_000)
successes = st.sampled_from(("ok", "unchanged", "not_modified"))


@st.composite
def schedules(draw: st.DrawFn) -> ScheduleSettings:
    """Any schedule that a configuration may hold."""
    low, high = sorted((draw(lengths), draw(lengths)))
    return ScheduleSettings.model_validate(
        {"interval": f"{draw(lengths)}s", "min_interval": f"{low}s", "max_interval": f"{high}s"}
    )


def feed(**changes: object) -> Feed:
    return Feed(**({"id": "a", "url": URL, "configured_url": URL} | changes))  # type: ignore[arg-type]


def fetched(outcome: Outcome, now: datetime = NOW, **changes: object) -> Fetched:
    fields = {"feed_id": "a", "outcome": outcome, "started_at": now, "finished_at": now, "url": URL} | changes
    return Fetched(**fields)  # type: ignore[arg-type]


@given(
    schedule=schedules(),
    now=moments,
    count=failures,
    outcome=st.sampled_from(("ok", "unchanged", "not_modified", "error")),
    hold=st.none() | st.timedeltas(timedelta(days=-30), timedelta(days=30)),
)
def test_next_poll_is_never_too_early_nor_too_late(
    schedule: ScheduleSettings, now: datetime, count: int, outcome: Outcome, hold: timedelta | None
) -> None:
    """The next poll is after now, not before Retry-After, and at most max_interval away unless held longer."""
    retry_after = now + hold if hold is not None and outcome == "error" else None
    plan = after_poll(feed(failures=count), fetched(outcome, now, retry_after=retry_after), None, now, schedule)
    assert plan.next_poll_at is not None
    assert plan.next_poll_at > now
    assert plan.next_poll_at >= now + min(schedule.min_interval, schedule.max_interval)
    latest = now + schedule.max_interval
    if retry_after is not None and retry_after > now:
        assert plan.next_poll_at >= retry_after
        assert plan.hold_until is not None
        assert plan.hold_until >= retry_after
        latest = max(latest, retry_after)
    else:
        assert plan.hold_until is None
    assert plan.next_poll_at < latest + SECOND


@given(schedule=schedules(), now=moments, count=failures)
def test_failures_back_off(schedule: ScheduleSettings, now: datetime, count: int) -> None:
    """Each failure in a row waits at least as long as the one before, and is counted."""
    one = after_poll(feed(failures=count), fetched("error", now), None, now, schedule)
    two = after_poll(feed(failures=one.failures), fetched("error", now), None, now, schedule)
    assert one.next_poll_at is not None
    assert two.next_poll_at is not None
    assert two.next_poll_at >= one.next_poll_at
    assert (one.failures, two.failures) == (count + 1, count + 2)
    assert one.state == "error"


@given(schedule=schedules(), now=moments, count=failures, outcome=successes)
def test_success_forgets_all_failures(schedule: ScheduleSettings, now: datetime, count: int, outcome: Outcome) -> None:
    """After a success a feed that failed often is planned as one that never did."""
    after_many = after_poll(feed(failures=count, state="error"), fetched(outcome, now), None, now, schedule)
    assert after_many == after_poll(feed(), fetched(outcome, now), None, now, schedule)
    assert (after_many.state, after_many.failures, after_many.hold_until) == ("ok", 0, None)


@given(schedule=schedules(), now=moments, count=failures, hold=st.none() | st.timedeltas(SECOND, timedelta(days=30)))
def test_planned_feed_is_due_exactly_from_its_time_on(
    schedule: ScheduleSettings, now: datetime, count: int, hold: timedelta | None
) -> None:
    """Until the planned moment a feed is not due; from then on it is."""
    outcome = fetched("error", now, retry_after=now + hold if hold else None)
    plan = after_poll(feed(failures=count), outcome, None, now, schedule)
    assert plan.next_poll_at is not None
    planned = feed(state=plan.state, next_poll_at=plan.next_poll_at, hold_until=plan.hold_until)
    assert not is_due(planned, now, schedule)
    assert not is_due(planned, plan.next_poll_at - timedelta(microseconds=1), schedule)
    assert is_due(planned, plan.next_poll_at, schedule)


@pytest.mark.parametrize(
    ("weight", "hours"),
    [("temporary", (0.25, 0.5, 1, 2)), ("soft", (0.5, 1, 2, 4)), ("hard", (2, 4, 8, 16, 24, 24))],
)
def test_waits_double_up_to_the_longest(weight: Weight, hours: tuple[float, ...]) -> None:
    """From a start by the failure's weight each wait is twice the one before, up to max_interval, with a tenth more."""
    for count, wait in enumerate(hours):
        plan = after_poll(feed(failures=count), fetched("error", weight=weight), None, NOW, SETTINGS)
        assert plan.next_poll_at is not None
        assert wait <= (plan.next_poll_at - NOW) / HOUR <= min(wait * 1.1, 24) + 0.001
        assert plan.interval_s == 1800


def test_moments_are_whole_seconds_rounded_up() -> None:
    """Moments lose nothing in the database, which keeps whole seconds: cut short they would come too early."""
    plan = after_poll(feed(), fetched("error", retry_after=NOW + timedelta(hours=1)), None, NOW, SETTINGS)
    assert plan.hold_until == datetime(2026, 11, 23, 13, 0, 1, tzinfo=UTC)
    assert plan.next_poll_at == plan.hold_until
    whole = NOW.replace(microsecond=0)
    exact = after_poll(feed(), fetched("ok", whole, fresh_until=whole + timedelta(hours=2)), None, whole, SETTINGS)
    assert exact.next_poll_at == whole + timedelta(hours=2)


def test_retry_after_shorter_than_the_wait_does_not_shorten_it() -> None:
    """A server that asks for a minute is still left alone for the feed's own wait."""
    plan = after_poll(feed(), fetched("error", retry_after=NOW + timedelta(minutes=1)), None, NOW, SETTINGS)
    assert plan.state == "backoff"
    assert plan.next_poll_at is not None
    assert plan.next_poll_at >= NOW + timedelta(minutes=30)


def test_gone_feed_is_never_due_again() -> None:
    """After 410 there is no next poll."""
    plan = after_poll(feed(), fetched("gone"), None, NOW, SETTINGS)
    assert (plan.state, plan.next_poll_at, plan.hold_until) == ("gone", None, None)
    assert not is_due(feed(state="gone"), NOW + timedelta(days=4000), SETTINGS)


def test_feed_at_a_new_address_is_moved() -> None:
    """A permanent redirect that led to a feed makes the state ``moved``, and it stays so on later polls."""
    new = "https://new.example.org/feed"
    assert after_poll(feed(), fetched("ok", permanent_url=new), None, NOW, SETTINGS).state == "moved"
    assert after_poll(feed(url=new), fetched("not_modified"), None, NOW, SETTINGS).state == "moved"
    assert after_poll(feed(url=new), fetched("ok", permanent_url=URL), None, NOW, SETTINGS).state == "ok"


@pytest.mark.parametrize(("state", "due"), [("ok", True), ("error", True), ("moved", True), ("disabled", False)])
def test_new_feed_is_due(state: FeedState, due: bool) -> None:
    """A feed without a plan is due, unless it is disabled."""
    assert is_due(feed(state=state), NOW, SETTINGS) is due


@given(now=moments, ahead=st.timedeltas(timedelta(days=2), timedelta(days=30_000)))
def test_plan_made_while_the_clock_was_ahead_is_ignored(now: datetime, ahead: timedelta) -> None:
    """A next poll, or a hold, further away than any plan reaches was written by a wrong clock: the feed is due."""
    assert is_due(feed(next_poll_at=now + ahead), now, SETTINGS)
    wrong = now + timedelta(days=31) + ahead
    held = feed(next_poll_at=wrong, hold_until=wrong, state="backoff")
    assert is_due(held, now, SETTINGS)
    assert not is_held(held, now)


@given(now=moments, length=st.timedeltas(SECOND, timedelta(days=30)))
def test_hold_of_a_server_is_kept(now: datetime, length: timedelta) -> None:
    """A Retry-After of up to 30 days is kept, however long the longest interval is."""
    held = feed(next_poll_at=now + length, hold_until=now + length, state="backoff")
    assert is_held(held, now)
    assert not is_due(held, now, SETTINGS)
    assert not is_held(held, now + length)
    assert is_due(held, now + length, SETTINGS)


# --- the interval follows the feed


def polled(arrivals: Arrivals | None, outcome: Outcome = "ok", **changes: object) -> Plan:
    """The plan for a feed that was polled an hour ago, with an interval of two hours."""
    known = {"body_hash": "seen", "last_success_at": NOW - HOUR, "interval_s": 7200}
    return after_poll(feed(**(known | changes)), fetched(outcome), arrivals, NOW, SETTINGS)


@pytest.mark.parametrize(
    ("arrivals", "minutes"),
    [
        (None, 180),
        (Arrivals(seen=30, new=0), 180),
        (Arrivals(seen=30, new=9), 180),
        (Arrivals(seen=30, new=10), 120),
        (Arrivals(seen=30, new=20), 120),
        (Arrivals(seen=30, new=21), 60),
        (Arrivals(seen=30, new=30), 60),
        (Arrivals(seen=0, new=0), 180),
        (Arrivals(seen=30, new=30, gap=True), 15),
    ],
)
def test_interval_follows_the_share_of_known_items(arrivals: Arrivals | None, minutes: int) -> None:
    """Longer above two thirds known, shorter below one third, the shortest after a gap, else as it was."""
    assert polled(arrivals, "not_modified" if arrivals is None else "ok").interval_s == minutes * 60


def test_a_burst_shortens_the_interval_at_once() -> None:
    """Six items in an hour, of a feed that has one in two, are a burst though most of its items are known."""
    assert polled(Arrivals(seen=30, new=6), rhythm_s=7200).interval_s == 900
    assert polled(Arrivals(seen=30, new=1), rhythm_s=7200).interval_s == 1800


def test_a_first_poll_is_followed_by_the_configured_interval() -> None:
    """Nothing is known of a new feed: schedule.interval decides."""
    plan = after_poll(feed(interval_s=99), fetched("ok"), Arrivals(seen=30, new=30), NOW, SETTINGS)
    assert plan.interval_s == 1800


def dates(gap: timedelta, newest: timedelta = timedelta(0), count: int = 20) -> tuple[datetime, ...]:
    return tuple(NOW - newest - gap * number for number in range(count))


def test_interval_is_no_longer_than_the_rhythm_makes_worth_while() -> None:
    """A feed with an item every half hour is asked every quarter, one with an item a day a few times a day."""
    busy = polled(Arrivals(seen=20, new=1, dates=dates(HOUR / 2)))
    daily = polled(Arrivals(seen=20, new=1, dates=dates(HOUR * 24)))
    assert (busy.rhythm_s, busy.interval_s) == (1800, 900)
    assert daily.rhythm_s == 86400
    assert 1.5 <= daily.interval_s / 3600 <= 3


def test_silence_lengthens_the_interval_of_a_busy_feed() -> None:
    """After a week without news a feed that had an item an hour is asked less often, though its rhythm is kept."""
    quiet = polled(None, "not_modified", rhythm_s=3600, last_item_at=NOW - HOUR * 24 * 7)
    lively = polled(None, "not_modified", rhythm_s=3600, last_item_at=NOW - HOUR)
    assert quiet.rhythm_s == lively.rhythm_s == 3600
    assert quiet.interval_s > 3 * lively.interval_s


def test_a_feed_without_dates_learns_its_rhythm_from_what_arrives() -> None:
    """Three new items in six hours are one every two hours; what was known before counts for more."""
    first = polled(Arrivals(seen=30, new=3), last_item_at=NOW - HOUR * 6)
    later = polled(Arrivals(seen=30, new=3), last_item_at=NOW - HOUR * 6, rhythm_s=36000)
    assert (first.rhythm_s, first.last_item_at) == (7200, NOW)
    assert later.rhythm_s == 36000 * 0.7 + 7200 * 0.3


@given(schedule=schedules(), now=moments, seen=st.integers(0, 1000), share=st.floats(0, 1), before=lengths)
def test_interval_stays_within_the_configured_bounds(
    schedule: ScheduleSettings, now: datetime, seen: int, share: float, before: int
) -> None:
    """Whatever arrives, the interval is between min_interval and max_interval."""
    earlier = feed(body_hash="x", last_success_at=now - HOUR, interval_s=before, rhythm_s=before)
    plan = after_poll(earlier, fetched("ok", now), Arrivals(seen, int(seen * share)), now, schedule)
    assert round(schedule.min_interval.total_seconds()) <= plan.interval_s <= schedule.max_interval.total_seconds()


# --- what server and feed ask for


@pytest.mark.parametrize(
    ("fresh", "hints", "hours"),
    [
        (5 * HOUR, Hints(), 5),
        (100 * HOUR, Hints(), 24),
        (None, Hints(wait=3 * HOUR), 3),
        (None, Hints(wait=timedelta(days=365)), 24),
        (4 * HOUR, Hints(wait=3 * HOUR), 4),
        (None, Hints(skip_hours=frozenset(range(12, 18))), 5.99),
        (None, Hints(skip_hours=frozenset(range(12, 24)), skip_days=frozenset({1})), 24),
        (6 * HOUR, Hints(skip_hours=frozenset({18, 19})), 7.99),
    ],
)
def test_what_server_and_feed_ask_for_is_kept(fresh: timedelta | None, hints: Hints, hours: float) -> None:
    """Freshness, ttl, skipHours and skipDays put the next poll off, at most to max_interval. (NOW is Monday noon.)"""
    arrivals = Arrivals(seen=3, new=3, hints=hints)
    plan = after_poll(feed(), fetched("ok", fresh_until=NOW + fresh if fresh else None), arrivals, NOW, SETTINGS)
    assert plan.next_poll_at is not None
    assert hours <= (plan.next_poll_at - NOW) / HOUR <= hours + 0.02


def test_what_a_feed_asked_for_is_remembered_over_a_304() -> None:
    """An answer without a body leaves the ttl of the last one in force."""
    plan = after_poll(feed(hints=Hints(wait=5 * HOUR)), fetched("not_modified"), None, NOW, SETTINGS)
    assert plan.next_poll_at is not None
    assert plan.next_poll_at >= NOW + 5 * HOUR


def test_feeds_that_fell_due_together_drift_apart() -> None:
    """A hundred feeds polled in one second are next polled over some minutes, and the same again in a replay."""

    def planned() -> list[datetime | None]:
        return [after_poll(feed(id=f"f{n}"), fetched("ok"), None, NOW, SETTINGS).next_poll_at for n in range(100)]

    assert len(set(planned())) > 50
    assert planned() == planned()


# --- stale


@pytest.mark.parametrize(
    ("rhythm_s", "silence", "stale"),
    [
        (3600, timedelta(days=3), False),
        (3600, timedelta(days=5), True),
        (86400, timedelta(days=5), False),
        (86400, timedelta(days=8), True),
        (None, timedelta(days=800), False),
    ],
)
def test_a_feed_is_stale_when_its_silence_is_longer_than_its_rhythm_explains(
    rhythm_s: int | None, silence: timedelta, stale: bool
) -> None:
    """Seven mean gaps, and at least four days; a feed whose rhythm is not known is never stale."""
    assert is_stale(rhythm_s, NOW - silence, NOW) is stale
    assert not is_stale(rhythm_s, None, NOW)
