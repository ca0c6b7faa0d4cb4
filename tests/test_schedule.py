"""The schedule: never too early, never for ever, and right again after the clock was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ScheduleSettings
from pipeline.models import Feed, FeedState, Fetched, Outcome
from pipeline.schedule import after_poll, is_due, is_held

NOW = datetime(2026, 11, 23, 12, 0, 0, 400_000, tzinfo=UTC)
URL = "https://example.org/feed"
SECOND = timedelta(seconds=1)
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
    plan = after_poll(feed(failures=count), fetched(outcome, now, retry_after=retry_after), now, schedule)
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
    one = after_poll(feed(failures=count), fetched("error", now), now, schedule)
    two = after_poll(feed(failures=one.failures), fetched("error", now), now, schedule)
    assert one.next_poll_at is not None
    assert two.next_poll_at is not None
    assert two.next_poll_at >= one.next_poll_at
    assert (one.failures, two.failures) == (count + 1, count + 2)
    assert one.state == "error"


@given(schedule=schedules(), now=moments, count=failures, outcome=successes)
def test_success_forgets_all_failures(schedule: ScheduleSettings, now: datetime, count: int, outcome: Outcome) -> None:
    """After a success a feed that failed often is planned as one that never did."""
    after_many = after_poll(feed(failures=count, state="error"), fetched(outcome, now), now, schedule)
    assert after_many == after_poll(feed(), fetched(outcome, now), now, schedule)
    assert (after_many.state, after_many.failures, after_many.hold_until) == ("ok", 0, None)


@given(schedule=schedules(), now=moments, count=failures, hold=st.none() | st.timedeltas(SECOND, timedelta(days=30)))
def test_planned_feed_is_due_exactly_from_its_time_on(
    schedule: ScheduleSettings, now: datetime, count: int, hold: timedelta | None
) -> None:
    """Until the planned moment a feed is not due; from then on it is."""
    outcome = fetched("error", now, retry_after=now + hold if hold else None)
    plan = after_poll(feed(failures=count), outcome, now, schedule)
    assert plan.next_poll_at is not None
    planned = feed(state=plan.state, next_poll_at=plan.next_poll_at, hold_until=plan.hold_until)
    assert not is_due(planned, now, schedule)
    assert not is_due(planned, plan.next_poll_at - timedelta(microseconds=1), schedule)
    assert is_due(planned, plan.next_poll_at, schedule)


def test_waits_double_up_to_the_longest() -> None:
    """Half an hour, an hour, two, and so on, up to max_interval."""
    waits = []
    for count in range(8):
        plan = after_poll(feed(failures=count), fetched("error"), NOW, SETTINGS)
        assert plan.next_poll_at is not None
        waits.append(round((plan.next_poll_at - NOW).total_seconds() / 1800))
    assert waits == [1, 2, 4, 8, 16, 32, 48, 48]


def test_moments_are_whole_seconds_rounded_up() -> None:
    """Moments lose nothing in the database, which keeps whole seconds: cut short they would come too early."""
    plan = after_poll(feed(), fetched("error", retry_after=NOW + timedelta(hours=1)), NOW, SETTINGS)
    assert plan.hold_until == datetime(2026, 11, 23, 13, 0, 1, tzinfo=UTC)
    assert plan.next_poll_at == plan.hold_until
    whole = NOW.replace(microsecond=0)
    exact = after_poll(feed(), fetched("ok", whole), whole, SETTINGS)
    assert exact.next_poll_at == whole + timedelta(minutes=30)


def test_retry_after_shorter_than_the_wait_does_not_shorten_it() -> None:
    """A server that asks for a minute is still left alone for the feed's own wait."""
    plan = after_poll(feed(), fetched("error", retry_after=NOW + timedelta(minutes=1)), NOW, SETTINGS)
    assert plan.state == "backoff"
    assert plan.next_poll_at is not None
    assert plan.next_poll_at >= NOW + timedelta(minutes=30)


def test_gone_feed_is_never_due_again() -> None:
    """After 410 there is no next poll."""
    plan = after_poll(feed(), fetched("gone"), NOW, SETTINGS)
    assert (plan.state, plan.next_poll_at, plan.hold_until) == ("gone", None, None)
    assert not is_due(feed(state="gone"), NOW + timedelta(days=4000), SETTINGS)


def test_feed_at_a_new_address_is_moved() -> None:
    """A permanent redirect that led to a feed makes the state ``moved``, and it stays so on later polls."""
    new = "https://new.example.org/feed"
    assert after_poll(feed(), fetched("ok", permanent_url=new), NOW, SETTINGS).state == "moved"
    assert after_poll(feed(url=new), fetched("not_modified"), NOW, SETTINGS).state == "moved"
    assert after_poll(feed(url=new), fetched("ok", permanent_url=URL), NOW, SETTINGS).state == "ok"


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
