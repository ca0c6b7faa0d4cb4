"""``python -m benchmarks.polling``: the schedule, played over the dates of real feeds, against polling every hour.

Every feed of ../shared/feeds that dates its items is played from 90 days before its newest item (or from where its
file begins) to that item. At each poll the server shows the newest third of the file's items, at least five: what is
pushed out between two polls is missed. The first poll stands at a place within the hour that is the feed's own.
"""

from __future__ import annotations

import bisect
import statistics
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline import schedule
from pipeline.config import ScheduleSettings
from pipeline.errors import ParseError
from pipeline.models import Arrivals, Feed, Fetched
from pipeline.parse import parse

FEEDS = Path(__file__).parents[2] / "shared" / "feeds"
SPAN = timedelta(days=90)
HOUR = timedelta(hours=1)
SETTINGS = ScheduleSettings()

#: From the feed, what its poll showed and the time: the feed after it, with its next poll planned.
Policy = Callable[[Feed, Arrivals, datetime], Feed]


@dataclass(frozen=True)
class Played:
    """One feed under one schedule."""

    days: float
    requests: int
    delays: list[float]  # hours from publication to the poll that saw it
    missed: int
    alarms: int  # polls at which the feed was said to be stale


def hourly(feed: Feed, _arrivals: Arrivals, now: datetime) -> Feed:
    """Every hour, whatever happens."""
    return replace(feed, next_poll_at=now + HOUR)


def adaptive(feed: Feed, arrivals: Arrivals, now: datetime) -> Feed:
    """As the daemon does, without what servers and feeds ask for: the same on both sides."""
    outcome = "ok" if arrivals.new else "not_modified"
    fetched = Fetched(feed.id, outcome, now, now, feed.url)  # type: ignore[arg-type]
    plan = schedule.after_poll(feed, fetched, arrivals if arrivals.new else None, now, SETTINGS)
    return replace(
        feed,
        interval_s=plan.interval_s,
        rhythm_s=plan.rhythm_s,
        last_item_at=plan.last_item_at,
        next_poll_at=plan.next_poll_at,
        last_success_at=now,
        body_hash="seen",
    )


def play(name: str, dates: list[datetime], policy: Policy) -> Played:
    """Poll a feed whose items were published at ``dates`` (oldest first)."""
    window = max(5, len(dates) // 3)
    start = max(dates[window - 1], dates[-1] - SPAN)
    now = start + HOUR * (zlib.crc32(name.encode()) / 2**32)
    feed = Feed(name, name, name, interval_s=int(SETTINGS.interval.total_seconds()))
    seen = bisect.bisect_right(dates, start)
    requests = missed = alarms = 0
    delays = []
    while seen < len(dates):
        published = bisect.bisect_right(dates, now)
        first = max(0, published - window)
        new = published - max(seen, first)
        if requests:
            delays += [(now - date) / HOUR for date in dates[max(seen, first) : published]]
            missed += max(0, first - seen)
        arrivals = Arrivals(
            seen=published - first,
            new=new,
            dates=tuple(reversed(dates[first:published])),
            gap=requests > 0 and first > seen - 1 and new > 0,
        )
        feed = policy(feed, arrivals, now)
        alarms += schedule.is_stale(feed.rhythm_s, feed.last_item_at, now)
        requests += 1
        seen = max(seen, published)
        assert feed.next_poll_at is not None
        now = feed.next_poll_at
    return Played((now - start) / timedelta(days=1), requests, delays, missed, alarms)


def dated_feeds() -> dict[str, list[datetime]]:
    """File name → the moments of its items, oldest first, for feeds with enough of them to play."""
    found = {}
    for path in sorted(FEEDS.glob("*")):
        try:
            parsed = parse(path.read_bytes(), f"https://{path.name}/")
        except ParseError:
            continue
        dates = sorted({item.published_at for item in parsed.items if item.published_at})
        if len(dates) >= 8 and dates[-1] < datetime(2026, 12, 1, tzinfo=UTC):
            found[path.name] = dates
    return found


def main() -> None:
    """Play, and print the comparison."""
    if not FEEDS.exists():
        sys.exit("error: ../shared/feeds with real feeds is not here; the simulation needs it")
    feeds = dated_feeds()
    results = {
        name: {feed: play(feed, dates, policy) for feed, dates in feeds.items()}
        for name, policy in (("every hour", hourly), ("adaptive", adaptive))
    }
    table = Table(title=f"{len(feeds)} real feeds, up to {SPAN.days} days each", title_justify="left")
    columns = (
        "feeds",
        "n",
        "schedule",
        "requests a day and feed",
        "mean delay, minutes",
        "median delay",
        "missed",
        "stale alarms",
    )
    for column in columns:
        table.add_column(column, justify="right")
    bands = ((0, 3), (3, 24), (24, 24 * 7), (24 * 7, 10**9), (0, 10**9))
    for low, high in bands:
        chosen = [f for f, d in feeds.items() if low <= (d[-1] - d[0]) / HOUR / (len(d) - 1) < high]
        for name, played in results.items():
            some = [played[f] for f in chosen]
            delays = [delay for one in some for delay in one.delays]
            table.add_row(
                f"an item every {low}-{high} h" if high < 10**9 else f"slower than {low} h" if low else "all",
                str(len(some)),
                name,
                f"{statistics.mean(one.requests / one.days for one in some):.1f}",
                f"{statistics.mean(delays) * 60:.0f}",
                f"{statistics.median(delays) * 60:.0f}",
                str(sum(one.missed for one in some)),
                str(sum(one.alarms for one in some)),
            )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
