"""Hands out feeds to fetch workers, so that no host is asked by more than a few at a time, nor too fast.

A host is a name and port. One that tells several of its feeds to wait is left alone as a whole. Sends nothing itself.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from pipeline.models import Feed


class HostQueue:
    """Feeds that wait to be fetched. Thread-safe.

    At most ``per_host`` feeds of one host are out at once, and ``spacing`` seconds lie between the beginnings of two;
    hosts of one's own (localhost, a private address as name) need no spacing. ``monotonic`` tells seconds.
    """

    def __init__(
        self,
        feeds: Iterable[Feed],
        per_host: int,
        spacing: float = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_host = per_host
        self._spacing = spacing
        self._monotonic = monotonic
        self._waiting: dict[str, list[Feed]] = {}
        for feed in feeds:
            self._waiting.setdefault(host_of(feed.url), []).append(feed)
        self._busy: Counter[str] = Counter()
        self._free_at: dict[str, float] = {}
        self._changed = threading.Condition()

    def take(self) -> Feed | None:
        """The next feed whose host may be asked, waiting for one if need be; None when all were handed out."""
        with self._changed:
            while self._waiting:
                now = self._monotonic()
                host = next((host for host in self._waiting if self._may_be_asked(host, now)), None)
                if host is None:
                    self._changed.wait(self._until_one_is_free(now))
                    continue
                feeds = self._waiting.pop(host)
                feed = feeds.pop(0)
                self._busy[host] += 1
                if self._spacing and not _is_own(host):
                    self._free_at[host] = now + self._spacing
                if feeds:
                    self._waiting[host] = feeds  # to the end, so that hosts take turns
                elif not self._waiting:
                    self._changed.notify_all()  # nothing is left to wait for
                return feed
            return None

    def done(self, feed: Feed) -> None:
        """``feed``, which ``take`` gave, was fetched."""
        with self._changed:
            self._busy[host_of(feed.url)] -= 1
            self._changed.notify()  # one place came free, for one who waits

    def rest(self, host: str, seconds: float) -> None:
        """Begin no other request to ``host`` before ``seconds`` from now: it asked for that (Crawl-delay)."""
        with self._changed:
            self._free_at[host] = max(self._free_at.get(host, 0), self._monotonic() + seconds)

    def drop(self, host: str) -> Sequence[Feed]:
        """Take the feeds of ``host`` that still wait out of the queue, and return them."""
        with self._changed:
            dropped = self._waiting.pop(host, [])
            self._changed.notify_all()
            return dropped

    def close(self) -> None:
        """Hand out nothing more, and let those that wait go."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def _may_be_asked(self, host: str, now: float) -> bool:
        return self._busy[host] < self._per_host and self._free_at.get(host, now) <= now

    def _until_one_is_free(self, now: float) -> float | None:
        """Seconds until the spacing of a host with a free place is over; None when only ``done`` can free one."""
        waits = [self._free_at[host] - now for host in self._waiting if self._busy[host] < self._per_host]
        return min(waits, default=None)


class HostTally:
    """How many feeds of each host answered, and how many of them were told to wait (Retry-After).

    Begins with the ``feeds`` that a server holds at present: what earlier runs learned.
    """

    def __init__(self, held: Iterable[Feed]) -> None:
        self._held = Counter(host_of(feed.url) for feed in held)
        self._answers = Counter(self._held)

    def count(self, host: str, *, held: bool) -> bool:
        """Count an answer; True when it is the host that wants to be left alone, not just the feed.

        That is: this one is told to wait, and so are at least two feeds and half of those that answered.
        """
        self._answers[host] += 1
        self._held[host] += held
        return held and self._held[host] >= 2 and self._held[host] * 2 >= self._answers[host]


def host_of(url: str) -> str:
    """The name and port that ``url`` is asked of."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:  # no address at all: its fetch will say so
        return url


def _is_own(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        return not ipaddress.ip_address(name.strip("[]")).is_global
    except ValueError:
        return name in ("localhost", "")
