"""What every case is tried with: a server, a database, and a clock that moves only when it is told to."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline import config as configuration
from pipeline.config import Config, FeedSource, FetchSettings, ScheduleSettings
from pipeline.fetch import Fetcher
from pipeline.models import RunReport
from pipeline.run import Silent, run
from pipeline.store import Store
from tests.conftest import NOW, thread_tools
from tests.feedserver import Answer, FeedServer, Header, client_context, ok

#: What the watch-list that ships tags as lab-110, with its context.
NEWS = "Lab 110 hackers of North Korea stole ether"
OTHER = "Lab 110 of Pyongyang named in a report"
#: Longer than any wait that a feed may ask for: ``schedule.max_interval`` and an hour.
LATER = timedelta(hours=25)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

XML: Header = ("Content-Type", "application/xml")
_CONTEXT = client_context()


@functools.cache
def _plain() -> Config:
    """An empty configuration; checking the watch-list that ships takes too long to do it for every run."""
    return configuration.default(Path.cwd())


def entry(title: str = NEWS, more: str = "", *, guid: str | None = "1") -> str:
    """An item of RSS; ``title`` and ``more`` are written as they are."""
    identity = "" if guid is None else f"<guid isPermaLink='false'>{guid}</guid>"
    return f"<item>{identity}<title>{title}</title>{more}</item>"


def rss(*entries: str, head: str = "", start: str = '<?xml version="1.0" encoding="utf-8"?>') -> str:
    """An RSS 2.0 feed of ``entries``; by default of one item, ``NEWS``."""
    inside = head + "".join(entries or [entry()])
    return f'{start}<rss version="2.0"><channel><title>Wire</title>{inside}</channel></rss>'


def atom(*entries: str, head: str = "") -> str:
    """An Atom feed of ``entries``; by default of one, ``NEWS``."""
    inside = head + "".join(entries or [f"<entry><id>1</id><title>{NEWS}</title></entry>"])
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title>{inside}</feed>'


def feed(*entries: str, headers: Sequence[Header] = (), **options: str) -> bytes:
    """A whole answer: 200 with the RSS feed of ``entries``."""
    return ok(rss(*entries, **options).encode(), XML, *headers)


class Desk:
    """A newsroom that polls the feeds of one server. Each ``poll`` is a phase: a run at a later time."""

    def __init__(self, server: FeedServer, store: Store) -> None:
        self.server = server
        self.store = store
        self.now = NOW
        self.feeds: dict[str, str] = {}
        self.settings: dict[str, Any] = {"allow_private_addresses": True, "timeout": 10}  # of fetch
        self.schedule = ScheduleSettings()
        self.context = _CONTEXT
        self._polled = False

    def serves(self, *answers: Answer, path: str = "/feed", name: str = "a") -> None:
        """The feed ``name`` is at ``path``, where the server answers by ``answers`` in turn."""
        self.feeds[name] = self.server.on(path, *answers)

    def look(self, after: timedelta = timedelta(0), *, force: bool = False) -> RunReport:
        """A run, ``after`` that much time: over what is due then."""
        self.now += after
        self._polled = True
        config = replace(
            _plain(),
            fetch=FetchSettings(**self.settings),
            schedule=self.schedule,
            feeds=tuple(FeedSource(id=name, url=url) for name, url in self.feeds.items()),
        )
        tools = replace(
            thread_tools(config),
            clock=self._clock,
            fetcher=lambda: Fetcher(config.fetch, self._clock, self.context),
        )
        return run(config, self.store, tools, Silent(), threading.Event(), force=force)

    def poll(self, phases: int = 1, *, after: timedelta = LATER) -> RunReport:
        """So many phases, each when every feed is due; the report of the last."""
        for _ in range(phases):
            report = self.look(after if self._polled else timedelta(0))
            assert report.feeds_polled == len(self.feeds), f"not due: {self.feed()}"
        return report

    def fails(self, reason: str = "", *, name: str = "a") -> str:
        """A phase in which the feed ``name`` fails, is said to, and stays to be asked again; returns the reason."""
        self.poll()
        row = self.feed(name)
        assert row["state"] in ("error", "backoff"), row
        assert reason in row["last_error"], row
        assert "\n" not in row["last_error"]
        assert "bug of watchfloor" not in row["last_error"]
        assert row["next_poll_at"]
        return str(row["last_error"])

    def recovers(self, *titles: str) -> None:
        """A phase in which all feeds succeed; after it the items ``titles`` are stored and tagged."""
        report = self.poll()
        assert report.feeds_failed == 0, self.feed()
        assert self.feed()["state"] in ("ok", "moved")
        assert (self.feed()["failures"], self.feed()["last_error"]) == (0, None)
        self.holds(*titles)

    def holds(self, *titles: str) -> None:
        """Exactly the items ``titles`` (by default ``NEWS``) are stored, each once and each tagged."""
        stored = sorted(item["title"] for item in self.items())
        assert stored == sorted(titles or [NEWS]), f"{stored} {self.feed()}"
        assert {item["id"] for item in self.items()} == self.tagged()

    def item(self) -> dict[str, Any]:
        """The only item, which must be tagged."""
        [row] = self.items()
        assert self.tagged() == {row["id"]}
        return row

    def items(self, name: str | None = None) -> list[dict[str, Any]]:
        """All items (of the feed ``name``), as stored."""
        return [dict(row) for row in self.store.db.table("items").rows if name in (None, row["feed_id"])]

    def tagged(self) -> set[int]:
        """The ids of the items that lab-110 was found in."""
        rows = self.store.db.table("mentions").rows_where("entity_id = 'lab-110'")
        return {int(row["item_id"]) for row in rows}

    def feed(self, name: str = "a") -> dict[str, Any]:
        """The feed's row."""
        return dict(self.store.db.table("feeds").get(name))

    def outcomes(self, name: str = "a") -> list[str]:
        """What each poll of the feed came to."""
        rows = self.store.db.table("fetches").rows_where("feed_id = ?", [name], order_by="id")
        return [str(row["outcome"]) for row in rows]

    def sent(self, header: str, path: str = "/feed") -> list[list[bytes]]:
        """The values of ``header`` in each request for ``path``."""
        return [request.header(header) for request in self.server.requests if request.path == path]

    def _clock(self) -> datetime:
        return self.now
