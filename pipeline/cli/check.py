"""What one poll of a feed would do now: the part of ``feeds check`` that asks and judges. Stores nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline import health, schedule
from pipeline.config import Config
from pipeline.errors import ParseError
from pipeline.fetch import Fetcher
from pipeline.models import Feed, Fetched, Hop
from pipeline.parse import parse
from pipeline.times import to_iso
from pipeline.tools import tools_for


@dataclass(frozen=True, slots=True)
class Asked:
    """A feed to check, with the items (identity → content hash) that are stored of it."""

    feed: Feed
    known: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the poll came to."""

    feed_id: str
    works: bool
    answer: str
    fetched: Fetched

    @property
    def hops(self) -> list[str]:
        """Each request in words."""
        return [_hop(hop) for hop in self.fetched.hops]

    def cells(self) -> tuple[Any, ...]:
        """A row of the table."""
        ways = " → ".join(str(hop.status or "no answer") for hop in self.fetched.hops)
        return self.feed_id, "ok" if self.works else "failed", ways, self.answer


class Checker:
    """Asks for one feed as its next poll at ``now`` would; a client for each thread."""

    def __init__(self, config: Config, now: datetime) -> None:
        self._make = tools_for(config).fetcher
        self._settings = config.schedule
        self._now = now
        self._local = threading.local()

    def __call__(self, asked: Asked) -> Checked:
        fetcher: Fetcher | None = getattr(self._local, "fetcher", None)
        if fetcher is None:
            fetcher = self._local.fetcher = self._make()
        feed = asked.feed
        fetched = fetcher.fetch(feed)
        when = _when(feed, self._now, self._settings)
        if fetched.outcome == "not_modified":
            return Checked(feed.id, True, f"nothing new since the last poll{when}", fetched)
        if fetched.outcome != "ok":
            return Checked(feed.id, False, fetched.error or fetched.outcome, fetched)
        try:
            parsed = parse(fetched.body, fetched.url, fetched.content_type)
        except ParseError as error:
            return Checked(feed.id, False, str(error), fetched)
        new = sum(item.guid not in asked.known for item in parsed.items)
        parts = [f"{parsed.title or '(no title)'}: {len(parsed.items)} items, {new} new, {len(fetched.body):,} bytes"]
        parts += [health.skipped(reason, count) for reason, count in parsed.skipped.items()]
        if fetched.permanent_url:
            parts.append(f"moved for good to {fetched.permanent_url}")
        return Checked(feed.id, True, "; ".join(parts) + when, fetched)


def _when(feed: Feed, now: datetime, settings: Any) -> str:
    """Why a run would not poll the feed now, if so."""
    if feed.state == "gone":
        return "; but it was gone for good before, so no run polls it (unless by its name and --force)"
    if schedule.is_due(feed, now, settings) or feed.next_poll_at is None:
        return ""
    return f"; not due before {to_iso(max(feed.next_poll_at, feed.hold_until or feed.next_poll_at))}"


def _hop(hop: Hop) -> str:
    condition = " (if it has changed)" if hop.conditional else ""
    return f"GET {hop.url}{condition} → {hop.status or 'no answer'}"
