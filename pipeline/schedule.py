"""When a feed is polled next. Pure: decisions take the time and give values; nothing here waits or polls.

Source: RFC 9110 section 10.2.3 (Retry-After).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.config import ScheduleSettings
from pipeline.models import Feed, FeedState, Fetched, Plan

#: The fetcher believes no Retry-After beyond 30 days; a longer hold was written while the clock was wrong.
_LONGEST_HOLD = timedelta(days=31)


def after_poll(feed: Feed, fetched: Fetched, now: datetime, settings: ScheduleSettings) -> Plan:
    """The plan after ``fetched``: the feed's interval after a success, twice as long after each failure in a row.

    A server that names a time (Retry-After) is not asked before it. Moments are whole seconds, rounded up: the database
    keeps no fractions, and a moment cut short would come too early.
    """
    interval = min(max(settings.interval, settings.min_interval), settings.max_interval)
    seconds = int(interval.total_seconds())
    if fetched.outcome == "gone":
        return Plan("gone", feed.failures + 1, seconds, None, None)
    if fetched.outcome != "error":
        state: FeedState = "ok" if (fetched.permanent_url or feed.url) == feed.configured_url else "moved"
        return Plan(state, 0, seconds, _whole_second(now + interval), None)
    failures = feed.failures + 1
    next_poll = _whole_second(now + min(interval * 2 ** min(failures - 1, 20), settings.max_interval))
    if fetched.retry_after is not None and fetched.retry_after > now:
        hold = _whole_second(fetched.retry_after)
        return Plan("backoff", failures, seconds, max(next_poll, hold), hold)
    return Plan("error", failures, seconds, next_poll, None)


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


def _whole_second(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)
