"""How fast passwords may be guessed: after some failures for a name or from an address each next try waits longer."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Failures that cost nothing: people mistype. An office shares an address, so that may fail more often.
FREE_BY_NAME, FREE_BY_ADDRESS = 5, 20
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)  # without another failure
MOST_KEPT = 10_000  # names and addresses; the oldest goes, so that nobody can fill the memory


class Guesses:
    """The failed attempts of late, in memory. ``name`` and ``address`` are what an attempt is counted under."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], tuple[int, datetime]] = {}

    def wait(self, name: str, address: str, now: datetime) -> timedelta:
        """How long from ``now`` until the next attempt is let through; zero or less: at once."""
        return max(
            self._until(("name", name), FREE_BY_NAME, now), self._until(("address", address), FREE_BY_ADDRESS, now)
        )

    def failed(self, name: str, address: str, now: datetime) -> None:
        """Count an attempt. Counted before it is checked, so that many at once do not slip through."""
        for key in (("name", name), ("address", address)):
            count, _ = self._failures.pop(key, (0, now))  # put last again: it is the newest
            self._failures[key] = (count + 1, now)
        while len(self._failures) > MOST_KEPT:
            del self._failures[next(iter(self._failures))]

    def right(self, name: str, address: str) -> None:
        """The attempt counted last was right: the name starts afresh, the address gets only this one back."""
        self._failures.pop(("name", name), None)
        count, at = self._failures.get(("address", address), (0, datetime.min))  # noqa: DTZ901 - never compared
        if count:
            self._failures[("address", address)] = (count - 1, at)

    def _until(self, key: tuple[str, str], free: int, now: datetime) -> timedelta:
        count, at = self._failures.get(key, (0, now))
        if now - at > FORGOTTEN_AFTER:
            del self._failures[key]
            return timedelta()
        if count < free:
            return timedelta()
        wait = FIRST_WAIT * (1 << min(count - free, 20))
        return at + min(wait, LONGEST_WAIT) - now
