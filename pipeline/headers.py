"""What a server says beside the body: when to ask again, which hub and topic. Pure; nonsense gives nothing.

Sources: RFC 9110 section 10.2.3 (Retry-After), RFC 9111 sections 4.2 and 5.2.2 (freshness), RFC 6585 (429),
RFC 8288 (Link).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from pipeline.models import FeedLinks

_LONGEST_WAIT = timedelta(days=30)
#: A server that wants to be left alone for longer than a year does not mean it; own back-off serves better.
_BELIEVABLE = timedelta(days=366)
_MAX_AGE = re.compile(r"(?:^|[,;\s])max-age\s*=\s*\"?(\d{1,15})\"?\s*(?:$|[,;\s])", re.IGNORECASE)
_NEVER_FRESH = re.compile(r"(?:^|[,;\s])no-(?:cache|store)\s*(?:$|[,;\s=])", re.IGNORECASE)
_PARAMETER = re.compile(r"""\s*;\s*([^\s"=;,<>]+)(?:\s*=\s*(?:"([^"]*)"|([^\s";,<>]*)))?""")
_LINK = re.compile(rf"<([^<>]{{1,2000}})>((?:{_PARAMETER.pattern})*+)")
_MOST_HUBS = 10


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


def links(value: str | None, url: str) -> FeedLinks:
    """The hubs and the topic that the Link header ``value`` of an answer from ``url`` names (WebSub section 4).

    Only http and https; a link with ``anchor`` is about something else than the answer and left out.
    """
    found: dict[str, list[str]] = {"hub": [], "self": []}
    for link in _LINK.finditer(value or ""):
        target, text = link[1], link[2]
        named: dict[str, str] = {}
        for name, quoted, plain in _PARAMETER.findall(text):
            named.setdefault(name.lower(), quoted or plain)  # of a repeated parameter the first counts
        relations = set(named.get("rel", "").lower().split()) & found.keys()
        if relations and "anchor" not in named and (address := _absolute(target.strip(), url)):
            for relation in relations:
                found[relation].append(address)
    return FeedLinks(tuple(dict.fromkeys(found["hub"]))[:_MOST_HUBS], next(iter(found["self"]), None))


def _absolute(target: str, url: str) -> str | None:
    try:
        address = urljoin(url, target)
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and address.isascii() and address.isprintable()
    except ValueError:
        return None
    return address if usable else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser raises for nonsense
        return None
