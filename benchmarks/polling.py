"""``python -m benchmarks.polling [PICTURE.png]``: the schedule against hourly polling, played over real feeds' dates.

Every feed of ../shared/feeds that dates its items is played from 90 days before its newest item (or from where its
file begins) to that item. At each poll the server shows the newest third of the file's items, at least five: what is
pushed out between two polls is missed. The first poll stands at a place within the hour that is the feed's own.
"""

from __future__ import annotations

import bisect
import math
import statistics
import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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


def wait(played: Iterable[Played]) -> float:
    """Minutes that an item waits for the poll that sees it: the mean, each feed counted as often as it publishes.

    A file holds some fifteen items whether its feed publishes every hour or every month; counted as they stand, the
    slow feeds would weigh as much as the busy ones.
    """
    some = [one for one in played if one.delays]
    rates = [(len(one.delays) + one.missed) / one.days for one in some]
    return 60 * sum(rate * statistics.mean(one.delays) for rate, one in zip(rates, some, strict=True)) / sum(rates)


def requests_a_day(played: Iterable[Played]) -> float:
    """Requests a day and feed, the mean over feeds."""
    return statistics.mean(one.requests / one.days for one in played)


def main() -> None:
    """Play, print the comparison, and draw it into the file that is named, if one is."""
    if not FEEDS.exists():
        sys.exit("error: ../shared/feeds with real feeds is not here; the simulation needs it")
    feeds = dated_feeds()
    gaps = {name: (dates[-1] - dates[0]) / HOUR / (len(dates) - 1) for name, dates in feeds.items()}
    results = {
        name: {feed: play(feed, dates, policy) for feed, dates in feeds.items()}
        for name, policy in (("every hour", hourly), ("adaptive", adaptive))
    }
    title = f"{len(feeds)} real feeds, up to {SPAN.days} days each"
    table = Table(title=title, title_justify="left")
    for column in ("an item every", "feeds", "schedule", "requests a day", "an item waits, min", "missed", "stale"):
        table.add_column(column, justify="right")
    for low, high in ((0, 3), (3, 24), (24, 168), (168, math.inf), (0, math.inf)):
        chosen = [feed for feed, gap in gaps.items() if low <= gap < high]
        label = f"{low} to {high} h" if high < math.inf else f"{low} h or more" if low else "all"
        for name, played in results.items():
            some = [played[feed] for feed in chosen]
            figures = (f"{requests_a_day(some):.1f}", f"{wait(some):.0f}", str(sum(one.missed for one in some)))
            stale = sum(one.alarms > 0 for one in some)
            table.add_row(label, str(len(some)), name, *figures, str(stale) if name == "adaptive" else "")
    Console(width=120).print(table)
    if sys.argv[1:]:
        draw(Path(sys.argv[1]), gaps, results, title)


def draw(path: Path, gaps: dict[str, float], results: dict[str, dict[str, Played]], title: str) -> None:
    """Requests and waits of each feed over how often it publishes, as a picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - from the extra "plots"; the table needs no picture

    figure = Figure(figsize=(11, 4.6), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    panels: tuple[tuple[Any, str, Callable[[Played], float | None]], ...] = (
        (left, "requests a day", lambda one: one.requests / one.days),
        (right, "an item waits, minutes", lambda one: 60 * statistics.mean(one.delays) if one.delays else None),
    )
    for axes, label, figure_of in panels:
        for (name, played), color in zip(results.items(), ("#b0b7c3", "#c2410c"), strict=True):
            points = [(gaps[feed], value) for feed, one in played.items() if (value := figure_of(one)) is not None]
            axes.scatter(*zip(*points, strict=True), s=16, color=color, label=name, linewidths=0)
        axes.set(xscale="log", yscale="log", xlabel="mean time between items, hours", ylabel=label)
        axes.grid(visible=True, alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    totals = "; ".join(
        f"{name}: {requests_a_day(played.values()):.1f} requests a day and feed, "
        f"items wait {wait(played.values()):.0f} min"
        for name, played in results.items()
    )
    figure.suptitle(f"{title}\n{totals}", fontsize=10)
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
