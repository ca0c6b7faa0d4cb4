"""When a feed is polled next. Pure: decisions take the time and give values; nothing here waits or polls.

After a success the wait follows the feed (``interval_after``), and what server and feed ask for is kept within
``min_interval`` and ``max_interval``. After a failure it doubles, from a start that depends on the failure's weight.

Sources: RFC 9110 section 10.2.3 (Retry-After), RFC 9111 section 4.2 (freshness), the RSS 2.0 specification (ttl,
skipHours, skipDays), the RSS 1.0 syndication module (updatePeriod).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from pipeline import rhythm
from pipeline.config import ScheduleSettings
from pipeline.models import Arrivals, Feed, FeedState, Fetched, Hints, Plan, Weight
from pipeline.times import to_iso

#: The fetcher believes no Retry-After beyond 30 days; a longer hold was written while the clock was wrong.
_LONGEST_HOLD = timedelta(days=31)
_LONGER, _SHORTER = 1.5, 0.5
#: A burst: at least so many new items, and so many times more than the rhythm lets expect.
_BURST_ITEMS, _BURST_TIMES = 3, 3
#: A wait is lengthened by up to a tenth, so that feeds that fell due together drift apart.
_JITTER = 0.1
#: The first wait after a failure, in intervals of the feed; it doubles with each further failure in a row.
_FIRST_WAIT: Mapping[Weight, float] = {"temporary": 0.5, "soft": 1, "hard": 4}
#: After so many hard failures in a row a feed that had moved is asked again at its configured address.
_MOVE_FAILURES = 3


def after_poll(
    feed: Feed, fetched: Fetched, arrivals: Arrivals | None, now: datetime, settings: ScheduleSettings
) -> Plan:
    """The plan after ``fetched``, whose body brought ``arrivals`` (None: no body, or the same as last time).

    Moments are whole seconds, rounded up: the database keeps no fractions, and a moment cut short would come too early.
    """
    if fetched.outcome == "gone":
        return Plan("gone", feed.failures + 1, feed.interval_s, None, None, feed.rhythm_s, feed.last_item_at)
    if fetched.outcome == "error":
        return _after_failure(feed, fetched, now, settings)
    state: FeedState = "ok" if (fetched.permanent_url or feed.url) == feed.configured_url else "moved"
    gap, newest = _rhythm(feed, arrivals, now)
    interval = interval_after(feed, arrivals, gap, newest, now, settings)
    hints = arrivals.hints if arrivals is not None else feed.hints
    return Plan(
        state=state,
        failures=0,
        interval_s=round(interval.total_seconds()),
        next_poll_at=_next_poll(feed.id, interval, hints, fetched.fresh_until, now, settings),
        hold_until=None,
        rhythm_s=None if gap is None else max(1, round(gap.total_seconds())),
        last_item_at=newest,
    )


def interval_after(
    feed: Feed,
    arrivals: Arrivals | None,
    gap: timedelta | None,
    newest: datetime | None,
    now: datetime,
    settings: ScheduleSettings,
) -> timedelta:
    """How long to wait after a success, before jitter and what the server asks for.

    - The first poll: ``settings.interval``.
    - More than two thirds of the items known: 1.5 times as long. Fewer than a third: half as long.
    - A burst (three times more new items than the rhythm lets expect) or a gap: ``min_interval``, at once.
    - Never longer than the feed's rhythm makes worth while, nor out of the configured bounds.
    """
    interval = timedelta(seconds=feed.interval_s)
    if feed.body_hash is None or feed.last_success_at is None:
        interval = settings.interval
    elif arrivals is not None and (arrivals.gap or _is_burst(feed, arrivals, now)):
        interval = settings.min_interval
    else:
        seen, new = (arrivals.seen, arrivals.new) if arrivals is not None and arrivals.seen else (1, 0)
        interval *= _LONGER if 3 * new < seen else _SHORTER if 3 * new > 2 * seen else 1
    worth_while = rhythm.longest_wait(gap, now - newest if newest else timedelta(0), settings.min_interval)
    if worth_while is not None:
        interval = min(interval, worth_while)
    return min(max(interval, settings.min_interval), settings.max_interval)


def _is_burst(feed: Feed, arrivals: Arrivals, now: datetime) -> bool:
    if feed.last_success_at is None or feed.rhythm_s is None:
        return False
    expected = (now - feed.last_success_at).total_seconds() / feed.rhythm_s
    return arrivals.new >= _BURST_ITEMS and arrivals.new > _BURST_TIMES * expected


def _rhythm(feed: Feed, arrivals: Arrivals | None, now: datetime) -> tuple[timedelta | None, datetime | None]:
    """The feed's mean gap and the moment of its newest item: by its items' dates, else by when new ones were seen."""
    before = None if feed.rhythm_s is None else timedelta(seconds=feed.rhythm_s)
    if arrivals is None or not arrivals.seen:
        return before, feed.last_item_at
    if arrivals.dates:
        newest = max(arrivals.dates[0], feed.last_item_at or arrivals.dates[0])
        return rhythm.mean_gap(arrivals.dates) or before, min(newest, now)
    if not arrivals.new:
        return before, feed.last_item_at
    if feed.last_item_at is None or arrivals.new == arrivals.seen:  # a first body tells nothing of when its items came
        return before, now
    return rhythm.observed_gap(before, now - feed.last_item_at, arrivals.new), now


def _next_poll(
    feed_id: str,
    interval: timedelta,
    hints: Hints,
    fresh_until: datetime | None,
    now: datetime,
    settings: ScheduleSettings,
) -> datetime:
    """The moment of the next poll: not before what server and feed ask for, not after ``max_interval``."""
    latest = now + settings.max_interval
    moment = now + interval * (1 + _JITTER * _chance(feed_id, now))
    moment = max(moment, now + (min(hints.wait, settings.max_interval) if hints.wait else interval))
    if fresh_until is not None:
        moment = max(moment, fresh_until)
    moment = min(moment, latest)
    while _is_skipped(moment, hints) and moment < latest:
        moment = min(moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1), latest)
    return _whole_second(moment)


def _is_skipped(moment: datetime, hints: Hints) -> bool:
    return moment.hour in hints.skip_hours or moment.weekday() in hints.skip_days


def _chance(feed_id: str, now: datetime) -> float:
    """A number from 0 to 1 that looks random but is the same for the same poll."""
    return zlib.crc32(f"{feed_id} {to_iso(now)}".encode()) / 2**32


def _after_failure(feed: Feed, fetched: Fetched, now: datetime, settings: ScheduleSettings) -> Plan:
    """A server that names a time (Retry-After) is not asked before it; the feed's interval stays what it was."""
    failures = feed.failures + 1
    interval = min(max(timedelta(seconds=feed.interval_s), settings.min_interval), settings.max_interval)
    wait = interval * _FIRST_WAIT[fetched.weight] * 2 ** min(failures - 1, 20)
    wait *= 1 + _JITTER * _chance(feed.id, now)
    next_poll = _whole_second(now + min(max(wait, settings.min_interval), settings.max_interval))
    state: FeedState = "error"
    hold = None
    if fetched.retry_after is not None and fetched.retry_after > now:
        hold = _whole_second(fetched.retry_after)
        state, next_poll = "backoff", max(next_poll, hold)
    return Plan(
        state=state,
        failures=failures,
        interval_s=feed.interval_s,
        next_poll_at=next_poll,
        hold_until=hold,
        rhythm_s=feed.rhythm_s,
        last_item_at=feed.last_item_at,
        gives_up_move=feed.url != feed.configured_url and fetched.weight == "hard" and failures >= _MOVE_FAILURES,
    )


def is_due(feed: Feed, now: datetime, settings: ScheduleSettings) -> bool:
    """True when ``feed`` may be polled at ``now``."""
    if feed.state in ("disabled", "gone") or is_held(feed, now):
        return False
    if feed.next_poll_at is None or feed.next_poll_at <= now:
        return True
    # Without a hold no plan of ours reaches further than this: a time beyond it was written while the clock was wrong.
    return feed.next_poll_at > now + settings.max_interval + timedelta(minutes=1)


def is_held(feed: Feed, now: datetime) -> bool:
    """True while the server has asked not to be polled; not even ``--force`` overrules it."""
    return feed.hold_until is not None and now < feed.hold_until <= now + _LONGEST_HOLD


def is_stale(feed_rhythm_s: int | None, last_item_at: datetime | None, now: datetime) -> bool:
    """True when a feed that answers has been silent for longer than its rhythm explains."""
    limit = rhythm.stale_after(None if feed_rhythm_s is None else timedelta(seconds=feed_rhythm_s))
    return limit is not None and last_item_at is not None and now - last_item_at > limit


def _whole_second(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)
