"""What a site's robots.txt allows us. Pure: the answer comes from the fetcher, the time is an argument.

Source: RFC 9309 (Robots Exclusion Protocol). Crawl-delay is not in it, but widely written and meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from protego import Protego

#: Bytes of a robots.txt that are read; the RFC asks for at least so many (section 2.5).
MAX_BYTES = 500 * 1024
#: How long the rules of an answer hold (section 2.4: not longer than a day).
LONGEST_LIFE = timedelta(hours=24)
#: How soon a site whose robots.txt could not be had is asked for it again.
RETRY = timedelta(hours=1)
#: How long the rules known before hold on while the site's robots.txt cannot be had.
LONGEST_MEMORY = timedelta(days=30)
#: Seconds; nobody means to be asked less often than this, and each item would wait so long.
LONGEST_DELAY = 300.0

_PRODUCT = re.compile(r"[a-z_-]+", re.IGNORECASE)
_AGENT_LINE = re.compile(r"\s*user[- ]?agent\s*[:\s]\s*([^#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Robots:
    """What the robots.txt of one site (scheme, host and port) says to us, and until when that holds.

    ``rules`` is None where there are none: then ``allows_all`` decides.
    """

    rules: Protego | None
    allows_all: bool
    fetched_at: datetime  # when these rules were read; not when a later try failed
    expires_at: datetime

    def allowed(self, url: str, user_agent: str) -> bool:
        """Whether the page at ``url`` may be asked for by ``user_agent``, such as ``watchfloor/0.1 (…)``."""
        if self.rules is None:
            return self.allows_all
        return bool(self.rules.can_fetch(url, product(user_agent)))

    def crawl_delay(self, user_agent: str) -> float | None:
        """Seconds to leave between two requests to the site, at most ``LONGEST_DELAY``; None when it names none."""
        delay = self.rules.crawl_delay(product(user_agent)) if self.rules is not None else None
        return None if delay is None else min(float(delay), LONGEST_DELAY)


def robots_of(
    status: int | None, body: bytes, user_agent: str, now: datetime, previous: Robots | None = None
) -> Robots:
    """What the answer to /robots.txt, redirects followed, means for ``user_agent``. ``status`` None: there was none.

    2xx: its rules. 4xx, or a redirect that led nowhere: everything is allowed. 429, 5xx, no answer: nothing is
    allowed for now, unless ``previous`` rules are at most 30 days old; those go on.
    """
    if status is None or status == 429 or status >= 500:
        is_known = previous is not None and (previous.rules is not None or previous.allows_all)
        if previous is not None and is_known and now - previous.fetched_at <= LONGEST_MEMORY:
            return Robots(previous.rules, previous.allows_all, previous.fetched_at, now + RETRY)
        return Robots(None, False, now, now + RETRY)
    if not 200 <= status < 300:
        return Robots(None, True, now, now + LONGEST_LIFE)
    return Robots(Protego.parse(_for_us(_text(body), product(user_agent))), True, now, now + LONGEST_LIFE)


def product(user_agent: str) -> str:
    """The product token by which a robots.txt names us: ``watchfloor`` of ``watchfloor/0.1 (…)`` (section 2.2.1)."""
    found = _PRODUCT.match(user_agent.strip())
    return found[0].lower() if found else ""


def address_of(url: str) -> str | None:
    """Where the robots.txt for the page at ``url`` lies; None when ``url`` is no web address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and parts.hostname
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), host, "/robots.txt", "", "")) if usable else None


def _text(body: bytes) -> str:
    """The readable beginning of ``body``; a line that the limit cuts is left out."""
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES].rpartition(b"\n")[0]
    return body.decode("utf-8", "replace").removeprefix("\ufeff")


def _for_us(text: str, token: str) -> str:
    """``text`` with the names of other robots made one.

    The RFC matches whole names; Protego takes beginnings of ours too. And it keeps each rule once for every robot that
    a group names: a file of nothing but names and rules would fill the memory.
    """
    lines = []
    for line in text.splitlines():
        agent = _AGENT_LINE.match(line)
        if agent is None:
            lines.append(line)
            continue
        name = agent[1].strip()
        found = _PRODUCT.match(name)
        name = "*" if name == "*" else token if token and found and found[0].lower() == token else "another-robot"
        lines.append(f"User-agent: {name}")
    return "\n".join(lines)
