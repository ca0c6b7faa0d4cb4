"""The overview: what was mentioned and when, what is unusual, where the queue, the feeds and the daemon stand.

It shows the moment at which it was asked for, and says so; it never loads itself anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response
from markupsafe import Markup

from pipeline import health, heartbeat
from pipeline.heartbeat import Pulse
from pipeline.models import QueueFilter
from pipeline.store import Reading
from pipeline.tally import Daily, daily, window
from pipeline.times import from_iso
from pipeline.unusual import MOST_DAYS, Counts, Judgement, judge
from pipeline.web.charts import columns
from pipeline.web.queue import STATES
from pipeline.web.site import Routes, Site

#: Days that are shown, today the last of them.
DAYS = 28
_CHARTS = 12
_OUTLETS = 12
_LINES = 10  # of a list of feeds or gaps, before it leads to the whole one
_GAP_DAYS = 7
_JUDGED_S = 300


@dataclass(frozen=True, slots=True)
class EntityDays:
    """An entity's mentions over the days that are shown; ``chart`` is None for those that only stand in the table."""

    id: str
    name: str
    counts: tuple[int, ...]
    chart: Markup | None

    @property
    def total(self) -> int:
        """Over all days shown."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is unusual of one day, under its ``title``."""

    title: str
    judgement: Judgement


class OverviewPages:
    """The overview, and the front page, which leads to it and to the queue."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: tuple[int, list[Judged]] | None = None  # what is unusual, and the time that it holds for

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [(r"^/$", self.front), (r"^/-/overview$", self.overview)]

    async def front(self, datasette: Datasette, request: Request) -> Response:
        """The front page, in place of Datasette's, which counts every table of a small database."""

        def look(stored: Reading) -> dict[str, Any]:
            return {"awaiting": stored.queue.counts(QueueFilter())["awaiting"], "pulse": self._pulse(stored)}

        return self._site.page(request, "front.html", **await self._site.read(datasette, look))

    async def overview(self, datasette: Datasette, request: Request) -> Response:
        """The page."""
        now, zone = self._site.clock(), self._site.config.timezone

        def look(stored: Reading) -> dict[str, Any]:
            names = dict(stored.queue.entities())
            shown = window(now, zone, DAYS)
            mentions = daily(shown, stored.overview.mentions_in_all(shown.spans))
            item_at, poll_at = stored.overview.newest()
            outlets, outlets_all = stored.overview.outlets(_OUTLETS)
            gaps, gaps_all = stored.overview.gaps(now - timedelta(days=_GAP_DAYS), _LINES)
            states = stored.queue.counts(QueueFilter())
            return {
                "days": mentions.days[-DAYS:],
                "entities": charted(mentions, names),
                "judged": self._judged(stored, now),
                "names": names,
                "outlets": outlets,
                "outlets_all": outlets_all,
                "states": [(state, label, states[state]) for state, label in STATES.items()],
                "is_sorting": stored.queue.is_any_waiting(),
                "gaps": [(gap, health.gap(gap, self._span(gap))) for gap in gaps],
                "gaps_all": gaps_all,
                "given_up": sorted(stored.pages.given_up(now - timedelta(days=_GAP_DAYS)).items()),
                "pulse": self._pulse(stored),
                "item_at": self._site.local(item_at) if item_at else None,
                "poll_at": self._site.local(poll_at) if poll_at else None,
                **standing(stored.overview.feeds(), now),
            }

        seen = await self._site.read(datasette, look)
        return self._site.page(
            request, "overview.html", now=f"{self._site.local(now)}:{now:%S}", zone=zone.key, lines=_LINES, **seen
        )

    def _judged(self, stored: Reading, now: datetime) -> list[Judged]:
        """What is unusual: it takes half a second over a large archive, and only hours that have ended count, so it is
        worked out once in some minutes."""
        slot = int(now.timestamp()) // _JUDGED_S
        if self._known is None or self._known[0] != slot:
            # today, yesterday, and what yesterday is compared with
            mentions, answered = stored.overview.history(now, self._site.config.timezone, MOST_DAYS + 2)
            entities = {entity.id for entity in self._site.config.watchlist.entities} | set(mentions.counts)
            self._known = slot, judged(mentions, answered, sorted(entities))
        return self._known[1]

    def _pulse(self, stored: Reading) -> Pulse:
        return heartbeat.pulse(stored.heartbeat.last(), self._site.clock(), heartbeat.runs, self._site.local)

    def _span(self, gap: Mapping[str, Any]) -> str:
        return f"from {self._site.local(from_iso(gap['from_at']))} to {self._site.local(from_iso(gap['to_at']))}"


def charted(mentions: Daily, names: Mapping[str, str]) -> list[EntityDays]:
    """The entities that were mentioned on the days shown, the most mentioned first; those have a chart."""
    days = mentions.days[-DAYS:]
    shown = {entity: counts[-DAYS:] for entity, counts in mentions.counts.items() if any(counts[-DAYS:])}
    ordered = sorted(shown, key=lambda entity: (-sum(shown[entity]), entity))
    return [
        EntityDays(
            entity,
            name := names.get(entity, entity),
            shown[entity],
            columns(in_words(name, days, shown[entity]), days, shown[entity]) if place < _CHARTS else None,
        )
        for place, entity in enumerate(ordered)
    ]


def in_words(name: str, days: Sequence[date], counts: Sequence[int]) -> str:
    """A chart for those who do not see it."""
    most = max(counts)
    return (
        f"{name}: mentions per day from {days[0]:%d %B} to {days[-1]:%d %B}. In all {sum(counts)}, "
        f"at most {most} (on {days[counts.index(most)]:%d %B}), today {counts[-1]}."
    )


def judged(mentions: Daily, answered: Mapping[str, Set[int]], entities: Sequence[str]) -> list[Judged]:
    """What is unusual of today so far, against the same hours of the days before, and of the last complete day."""
    so_far = Counts(mentions.days, mentions.so_far_by_feed, answered, entities)
    return [
        Judged(f"Today until {mentions.until:%H:%M}", judge(so_far))
        if mentions.until
        else Judged("Today", Judgement(None, "Not yet: an hour of the day has to pass.")),
        Judged(f"{mentions.days[-2]:%A, %d %B}", judge(yesterday_of(mentions, answered, entities))),
    ]


def yesterday_of(mentions: Daily, answered: Mapping[str, Set[int]], entities: Sequence[str]) -> Counts:
    """The whole days until yesterday."""
    return Counts(mentions.days[:-1], mentions.by_feed, answered, entities)


def standing(feeds: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """How the feeds stand: how many there are, how many are healthy, and those in trouble, silent, moved for good."""
    trouble = [feed for feed in feeds if feed["state"] not in ("ok", "moved")]
    stale = [(feed, remark) for feed in feeds if (remark := health.stale(feed, now))]
    moved = [feed for feed in feeds if feed["state"] == "moved"]
    return {
        "feeds": len(feeds),
        "healthy": len(feeds) - len(trouble) - len(stale),
        "trouble": trouble,
        "stale": stale,
        "moved": moved,
    }
