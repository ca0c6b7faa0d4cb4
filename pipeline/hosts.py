"""Hands out feeds to fetch workers, so that one host is never asked by more than a few at a time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from pipeline.models import Feed


class HostQueue:
    """Feeds that wait to be fetched; at most ``per_host`` of one host (name and port) are out at once. Thread-safe."""

    def __init__(self, feeds: Iterable[Feed], per_host: int) -> None:
        self._per_host = per_host
        self._waiting: dict[str, list[Feed]] = {}
        for feed in feeds:
            self._waiting.setdefault(_host(feed), []).append(feed)
        self._busy: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self) -> Feed | None:
        """The next feed whose host is not busy, waiting for one if need be; None when all were handed out."""
        with self._changed:
            while self._waiting:
                host = next((host for host in self._waiting if self._busy[host] < self._per_host), None)
                if host is None:
                    self._changed.wait()
                    continue
                feeds = self._waiting.pop(host)
                feed = feeds.pop(0)
                self._busy[host] += 1
                if feeds:
                    self._waiting[host] = feeds  # to the end, so that hosts take turns
                elif not self._waiting:
                    self._changed.notify_all()  # nothing is left to wait for
                return feed
            return None

    def done(self, feed: Feed) -> None:
        """``feed``, which ``take`` gave, was fetched."""
        with self._changed:
            self._busy[_host(feed)] -= 1
            self._changed.notify()  # one place came free, for one who waits

    def close(self) -> None:
        """Hand out nothing more, and let those that wait go."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()


def _host(feed: Feed) -> str:
    try:
        return urlsplit(feed.url).netloc.rpartition("@")[2].lower()
    except ValueError:  # no address at all: its fetch will say so
        return feed.url
