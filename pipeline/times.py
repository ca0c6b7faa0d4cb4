"""Moments as the database keeps them: UTC, ISO 8601 with Z, whole seconds. Pure, but for the one clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

#: Anything that tells the time; an argument everywhere, so that tests can tell another.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def to_iso(moment: datetime) -> str:
    """``2026-11-23T07:00:00Z``: sorts as text in the order of time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_iso(text: str) -> datetime:
    """The moment that ``to_iso`` wrote."""
    return datetime.fromisoformat(text)


def reported_at(item: Mapping[str, Any]) -> datetime:
    """When an item (a row) was reported: published, or first seen where that is earlier or its date is not known."""
    published, seen = item["published_at"], item["first_seen_at"]
    return from_iso(min(published, seen) if published else seen)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first moment of a local ``day`` and of the next one, in UTC; 23 to 25 hours apart."""
    start = datetime.combine(day, time.min, zone).astimezone(UTC)
    return start, datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
