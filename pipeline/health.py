"""How a feed stands, in words: its rhythm, whether it is stale, what was missed. Pure; reads rows of ``Coverage``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline.schedule import is_stale
from pipeline.times import from_iso

#: Why an entry of a body did not become an item (``parse.contents.Skip``). The first three lose nothing.
REASONS: Mapping[str, str] = {
    "deleted": "deleted by the publisher",
    "repeated": "the same entry twice",
    "empty": "without id, link or words",
    "cut_off": "cut off at the end of the body",
    "not_object": "no entry at all",
    "unreadable": "too broken to read",
}
HARMLESS = frozenset({"deleted", "repeated", "empty"})


def length(seconds: float) -> str:
    """A length of time, rounded to what a reader wants to know: ``45 min``, ``3 h``, ``12 days``."""
    minutes = seconds / 60
    if minutes < 90:
        return f"{max(1, round(minutes))} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"


def rhythm(feed: Mapping[str, Any]) -> str:
    """How often the feed has an item."""
    return f"every {length(feed['rhythm_s'])}" if feed["rhythm_s"] else "not known yet"


def stale(feed: Mapping[str, Any], now: datetime) -> str | None:
    """The remark that a feed which answers has gone silent, or None."""
    last = from_iso(feed["last_item_at"]) if feed["last_item_at"] else None
    if feed["state"] not in ("ok", "moved") or last is None or not is_stale(feed["rhythm_s"], last, now):
        return None
    silence = length((now - last) / timedelta(seconds=1))
    return f"stale: silent for {silence}, though it had an item {rhythm(feed)}; look whether the site moved"


def gap(row: Mapping[str, Any], when: str) -> str:
    """One gap of the ledger; ``when`` is its time in words."""
    missing = row["missing"]
    number = "" if missing is None else f", about {missing} by its rhythm" if missing else ", few if any"
    return f"items may have been missed {when}{number}"


def skipped(reason: str, entries: int) -> str:
    """What could not be read, in words."""
    return f"{entries} {'entry' if entries == 1 else 'entries'} not stored: {REASONS.get(reason, reason)}"
