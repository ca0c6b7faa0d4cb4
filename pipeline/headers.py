"""What a server says about when to ask again. Pure: text and the time in, a moment out; nonsense gives None.

Sources: RFC 9110 section 10.2.3 (Retry-After), RFC 9111 sections 4.2 and 5.2.2 (freshness), RFC 6585 (429).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST_WAIT = timedelta(days=30)
#: A server that wants to be left alone for longer than a year does not mean it; own back-off serves better.
_BELIEVABLE = timedelta(days=366)
_MAX_AGE = re.compile(r"(?:^|[,;\s])max-age\s*=\s*\"?(\d{1,15})\"?\s*(?:$|[,;\s])", re.IGNORECASE)
_NEVER_FRESH = re.compile(r"(?:^|[,;\s])no-(?:cache|store)\s*(?:$|[,;\s=])", re.IGNORECASE)


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """The moment that a Retry-After header names, in seconds or as an HTTP date; at most 30 days ahead."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=int(text)) if len(text) < 12 else None
    else:
        moment = _http_date(text)
        wait = moment - now if moment is not None and moment > now else None
    if wait is None or wait > _BELIEVABLE:
        return None
    return now + min(wait, _LONGEST_WAIT)


def fresh_until(fields: Mapping[str, str], now: datetime) -> datetime | None:
    """Until when an answer with these header fields (names in small letters), received at ``now``, stays fresh.

    ``max-age`` less ``Age``, else ``Expires`` less ``Date``; None when it says nothing, is stale already, or forbids
    keeping it.
    """
    control = fields.get("cache-control", "")
    if _NEVER_FRESH.search(control):
        return None
    found = _MAX_AGE.search(control)
    if found:
        age = fields.get("age", "").strip()
        seconds = int(found[1]) - (int(age) if age.isascii() and age.isdigit() and len(age) < 12 else 0)
        lifetime = timedelta(seconds=min(seconds, 10**9))
    elif "max-age" in control.lower():  # one that cannot be read still takes the place of Expires
        return None
    else:
        expires, sent = _http_date(fields.get("expires", "")), _http_date(fields.get("date", ""))
        if expires is None:
            return None
        lifetime = expires - (sent or now)
    return now + lifetime if timedelta(0) < lifetime < timedelta(days=40_000) else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser raises for nonsense
        return None
