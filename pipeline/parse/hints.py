"""When a feed asks to be polled, and which other addresses it names: from its own words, checked. Pure.

Sources: RSS 2.0 (ttl, skipHours, skipDays); the RSS 1.0 module Syndication (sy:updatePeriod); RFC 5005 (archives);
WebSub (rel=hub, rel=self); JSON Feed 1.1 (hubs, feed_url, next_url).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pipeline import clean
from pipeline.models import FeedLinks, Hints
from pipeline.parse.survey import Survey

_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST_WAIT = timedelta(days=366)  # what asks for more is a slip
_RELATION = "http://www.iana.org/assignments/relation/"
_MOST_HUBS = 10


def hints_of(feed: Mapping[str, Any], survey: Survey) -> Hints:
    """The hints of ``feed`` (feedparser's) and of the lists that ``survey`` read. Nonsense counts as unsaid."""
    waits = [wait for wait in (_ttl(feed), _update_period(feed)) if wait and wait <= _LONGEST_WAIT]
    hours = frozenset(int(word) % 24 for word in survey.skip_hours if re.fullmatch(r"0?\d|1\d|2[0-4]", word, re.ASCII))
    days = frozenset(_DAYS.index(word.lower()) for word in survey.skip_days if word.lower() in _DAYS)
    return Hints(
        wait=max(waits, default=None),
        skip_hours=hours if len(hours) < 24 else frozenset(),
        skip_days=days if len(days) < 7 else frozenset(),
    )


def _ttl(feed: Mapping[str, Any]) -> timedelta | None:
    return timedelta(minutes=_whole_number(feed.get("ttl")))


def _update_period(feed: Mapping[str, Any]) -> timedelta | None:
    period, frequency = feed.get("sy_updateperiod"), feed.get("sy_updatefrequency")
    times = 1 if frequency is None else _whole_number(frequency)
    if not times or (period is None and frequency is None):
        return None
    name = "daily" if period is None else str(period).strip().lower()  # the module's default
    return _PERIODS[name] / times if name in _PERIODS else None


def _whole_number(value: object) -> int:
    """``value`` as a number; 0 for what is none, negative, a fraction or endless."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"\d{1,7}", text, re.ASCII) else 0


def links_of(links: Iterable[tuple[object, object]], url: str) -> FeedLinks:
    """What the ``links`` (relation, address) of a feed, polled at ``url``, name. Only absolute http(s) addresses."""
    named: dict[str, list[str]] = {"hub": [], "self": [], "prev-archive": [], "next": []}
    for relations, target in links:
        address = clean.web_address(target if isinstance(target, str) else None, url)
        for relation in str(relations).lower().replace(_RELATION, "").split() if address else ():
            if relation in named and address:
                named[relation].append(address)
    older = [address for address in named["prev-archive"] + named["next"] if address != url]
    return FeedLinks(
        hubs=tuple(dict.fromkeys(named["hub"]))[:_MOST_HUBS],
        topic=next(iter(named["self"]), None),
        older=next(iter(older), None),
    )
