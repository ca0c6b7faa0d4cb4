"""The one door to the network: one poll of one feed, politely, within bounds of time, bytes and addresses.

A ``Fetcher`` belongs to one worker. It never raises for what a server does: the outcome is in the ``Fetched`` that it
returns. It never reads or writes the database.

Sources: RFC 9110 (conditional requests section 13, redirects section 15.4), RFC 6585 (429).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import ssl
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

import httpx
from h2.exceptions import H2Error

from pipeline.config import FetchSettings
from pipeline.decode import ACCEPTED_ENCODINGS, decoded
from pipeline.errors import FetchError
from pipeline.guard import Guard, GuardedTransport, Refused
from pipeline.headers import fresh_until, links, retry_after
from pipeline.models import Feed, FeedLinks, Fetched, Hop, Outcome, Posted, Weight

log = logging.getLogger(__name__)

MAX_REDIRECTS = 10
_MAX_FORM_REDIRECTS = 3
_LISTS = frozenset({"content-encoding", "cache-control", "link"})  # header fields whose lines add up
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
#: Statuses that pass by themselves; others say that something must change, or (5xx) that the server is in trouble.
_TEMPORARY = frozenset({408, 421, 425, 429, 502, 503, 504})
#: What a request header can carry (RFC 9110 section 5.5), in a length that any server takes back.
_SENDABLE = re.compile(r"[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,2000}[!-~\x80-\xff])?")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The last response of a chain of redirects."""

    status: int
    url: str
    permanent_url: str | None
    headers: dict[str, str]
    body: bytes
    conditional: bool
    received_bytes: int


class Fetcher:
    """Polls feeds for one worker. Not thread-safe: each worker has its own, and closes it.

    ``clock`` tells the time in UTC. ``transport`` stands in for real connections; it is closed after every fetch and
    must work again after that.
    """

    def __init__(
        self,
        settings: FetchSettings,
        clock: Callable[[], datetime],
        ssl_context: ssl.SSLContext,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._guard = Guard(allow_private=settings.allow_private_addresses, seconds=settings.timeout)
        # httpx's transport without httpx's client, which would keep cookies and look into redirects.
        self._transport = transport or GuardedTransport(self._guard, ssl_context)
        self._headers: Headers = [
            (b"User-Agent", settings.user_agent.encode("latin-1")),
            (b"Accept", _ACCEPT.encode()),
            (b"Accept-Encoding", ACCEPTED_ENCODINGS.encode()),
        ]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def fetch(self, feed: Feed) -> Fetched:
        """Poll ``feed`` once; conditionally where the address is the one that gave the validators.

        Nothing that a server does raises; anything that does is a bug, which the run logs with its feed.
        """
        started = self._clock()
        hops: list[Hop] = []
        try:
            if feed.url[:5].lower() == "file:":
                return self._fetch_file(feed, started)
            # Connections serve one fetch: a kept one may be closed by the server just when it is used again, may hold
            # the rest of an answer cut off, and is one too many for the host while another worker asks it.
            with self._guard.deadline(), contextlib.closing(self._transport):
                answer = self._follow(feed, hops)
            return replace(self._judge(feed, started, answer), hops=tuple(hops))
        except FetchError as error:
            reason, weight = str(error), error.weight
        except httpx.HTTPError as error:
            reason, weight = self._in_plain_words(error), _weight(error)
        except (H2Error, ValueError, LookupError) as error:  # httpcore lets these through for answers beyond parsing
            reason, weight = f"the answer cannot be understood ({type(error).__name__}: {str(error)[:200]})", "soft"
            log.warning("feed %s: %s", feed.id, reason, exc_info=error)
        return self._result(feed, started, "error", url=feed.url, error=reason, weight=weight, hops=tuple(hops))

    def post_form(self, url: str, fields: Mapping[str, str]) -> Posted:
        """Send ``fields`` to ``url`` as a form; what the answer holds is not read. Follows 307 and 308 only.

        Nothing that a server does raises. No error's text holds a value of ``fields``.
        """
        try:
            with self._guard.deadline(), contextlib.closing(self._transport):
                for _ in range(_MAX_FORM_REDIRECTS + 1):
                    with self._asked(url, [], fields) as response:
                        status, answered = response.status_code, _fields(response)
                        target = _target(response.url, answered["location"]) if "location" in answered else ""
                    if status not in (307, 308) or not target:
                        again = retry_after(answered.get("retry-after"), self._clock())
                        return Posted(None if 200 <= status < 300 else f"answered {status}", again)
                    if url.lower().startswith("https:") and not target.startswith("https:"):
                        raise FetchError("redirected from https to http; refused")
                    url = target
            raise FetchError(f"more than {_MAX_FORM_REDIRECTS} redirects")
        except FetchError as error:
            return Posted(str(error))
        except httpx.HTTPError as error:
            return Posted(self._in_plain_words(error))
        except (H2Error, ValueError, LookupError) as error:
            return Posted(f"the answer cannot be understood ({type(error).__name__})")

    def _follow(self, feed: Feed, hops: list[Hop]) -> _Answer:
        """The answer at the end of the redirects, each request put into ``hops``.

        Raises ``FetchError`` for a redirect that is refused.
        """
        url, permanent, permanent_url = feed.url, True, None
        seen: set[str] = set()
        while url not in seen:
            if len(seen) > MAX_REDIRECTS:
                raise FetchError(f"more than {MAX_REDIRECTS} redirects; the site seems to be misconfigured")
            seen.add(url)
            validators = _validators(feed) if url == feed.validators_url else []
            hops.append(Hop(url, bool(validators)))
            with self._asked(url, validators) as response:
                hops[-1] = replace(hops[-1], status=response.status_code)
                fields = _fields(response)
                location = fields.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    received, body = self._read(response, fields)
                    return _Answer(response.status_code, url, permanent_url, fields, body, bool(validators), received)
                permanent = permanent and response.status_code in _PERMANENT
                url = _target(response.url, location)
            permanent_url = url if permanent else permanent_url
        raise FetchError("redirected in a circle; the site seems to be misconfigured")

    @contextlib.contextmanager
    def _asked(self, url: str, validators: Headers, form: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """The response to GET ``url`` (POST, where there is a ``form``), its body unread.

        Raises ``FetchError`` for an address that cannot be used.
        """
        method = "GET" if form is None else "POST"
        try:
            request = httpx.Request(method, url, headers=[*self._headers, *validators], data=form)
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError(f"the address cannot be used ({error}); correct it in the configuration") from None
        if request.url.userinfo:
            request = next(httpx.BasicAuth(request.url.username, request.url.password).sync_auth_flow(request))
        response = self._transport.handle_request(request)
        response.request = request
        with contextlib.closing(response):
            yield response

    def _read(self, response: httpx.Response, fields: dict[str, str]) -> tuple[int, bytes]:
        """The number of bytes received and the decoded body, both within ``max_bytes``."""
        if response.status_code not in (200, 203):
            return 0, b""  # an error page is not worth its bytes
        limit = self._settings.max_bytes
        received = 0
        announced = fields.get("content-length", "")
        if announced.isdigit() and len(announced) < 20 and int(announced) > limit:
            raise FetchError(f"the body is larger than fetch.max_bytes ({limit:,} bytes)")

        def raw() -> Iterator[bytes]:
            nonlocal received
            for chunk in response.iter_raw():
                received += len(chunk)
                if received > limit:
                    raise FetchError(f"the body is larger than fetch.max_bytes ({limit:,} bytes)")
                yield chunk

        body = bytearray()
        for piece in decoded(raw(), fields.get("content-encoding", "")):
            body += piece
            if len(body) > limit:
                raise FetchError(f"the unpacked body is larger than fetch.max_bytes ({limit:,} bytes)")
        return received, bytes(body)

    def _judge(self, feed: Feed, started: datetime, answer: _Answer) -> Fetched:
        """What ``answer`` means for the feed."""
        status = answer.status
        now = self._clock()
        outcome: Outcome = "error"
        error: str | None = None
        weight: Weight = "soft"
        if status in (200, 203):
            outcome = "ok"
        elif status == 304 and answer.conditional:
            outcome = "not_modified"
        elif status == 304:
            error = "answered 304 (not modified) though nothing was asked conditionally; asked again later"
        elif status == 410:
            outcome, error = "gone", "410: the publisher removed this feed for good; remove it from the configuration"
        else:
            error = _status_in_plain_words(status)
            weight = "temporary" if status in _TEMPORARY else "hard" if 400 <= status < 500 else "soft"
        return self._result(
            feed,
            started,
            outcome,
            url=answer.url,
            permanent_url=answer.permanent_url,
            status=status,
            content_type=answer.headers.get("content-type", ""),
            etag=_sendable(answer.headers.get("etag")),
            last_modified=_sendable(answer.headers.get("last-modified")),
            fresh_until=fresh_until(answer.headers, now) if outcome in ("ok", "not_modified") else None,
            retry_after=retry_after(answer.headers.get("retry-after"), now) if status in (429, 503) else None,
            received_bytes=answer.received_bytes,
            body=answer.body,
            error=error,
            weight=weight,
            links=links(answer.headers.get("link"), answer.url) if outcome == "ok" else FeedLinks(),
        )

    def _fetch_file(self, feed: Feed, started: datetime) -> Fetched:
        """A local file, which only the configuration can name. Its size and times of change serve as validator."""
        path = Path(os.fsdecode(unquote_to_bytes(urlsplit(feed.url).path)))
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):  # a folder; or a pipe, which could keep us waiting for ever
                raise FetchError(f"{path} is not a file; check the file: address")
            etag = f'"{found.st_mtime_ns:x}-{found.st_ctime_ns:x}-{found.st_size:x}"'
            if feed.etag == etag and feed.validators_url == feed.url:
                return self._result(feed, started, "not_modified", url=feed.url, etag=etag)
            with path.open("rb") as file:
                body = file.read(self._settings.max_bytes + 1)
        except OSError as error:
            raise FetchError(f"{path}: {error.strerror}; check the file: address") from None
        except ValueError as error:  # a NUL in the name
            raise FetchError(f"{feed.url} names no file ({error}); check the file: address") from None
        if len(body) > self._settings.max_bytes:
            raise FetchError(f"{path} is larger than fetch.max_bytes ({self._settings.max_bytes:,} bytes)")
        return self._result(feed, started, "ok", url=feed.url, etag=etag, received_bytes=len(body), body=body)

    def _result(self, feed: Feed, started: datetime, outcome: Outcome, **fields: object) -> Fetched:
        return Fetched(
            feed_id=feed.id,
            outcome=outcome,
            started_at=started,
            finished_at=self._clock(),
            **fields,  # type: ignore[arg-type]
        )

    def _in_plain_words(self, error: httpx.HTTPError) -> str:
        reason = str(error).strip().removeprefix("[Errno ").split("] ")[-1] or type(error).__name__
        if isinstance(error, httpx.TimeoutException):
            return f"no complete answer within {self._settings.timeout:g} s (fetch.timeout)"
        if isinstance(error, httpx.ConnectError):
            return f"cannot connect: {reason}"
        if isinstance(error, httpx.RemoteProtocolError):
            return f"the server broke the HTTP protocol: {reason}"
        return f"the connection failed: {reason}"


def _weight(error: httpx.HTTPError) -> Weight:
    """What was refused, or cannot be trusted, stays so until somebody changes something; the rest is a bad moment."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused | ssl.SSLCertVerificationError):
            return "hard"
        cause = cause.__cause__ or cause.__context__
    return "temporary"


def _validators(feed: Feed) -> Headers:
    """The conditions of a request for ``feed``: what the server gave, byte for byte."""
    headers: Headers = []
    if feed.etag is not None:
        headers.append((b"If-None-Match", feed.etag.encode("latin-1")))
    if feed.last_modified is not None:
        headers.append((b"If-Modified-Since", feed.last_modified.encode("latin-1")))
    return headers


def _sendable(value: str | None) -> str | None:
    """``value`` when a later request can carry it as it is; a validator that cannot come back is none."""
    return value if value is not None and _SENDABLE.fullmatch(value) else None


def _target(base: httpx.URL, location: str) -> str:
    """The address that a Location header (as Latin-1) names. Raises ``FetchError`` unless it can be followed."""
    raw = location.encode("latin-1")
    try:
        text = raw.decode()  # beyond ASCII it should not be; what is there, is UTF-8
    except UnicodeDecodeError:
        text = quote(raw, safe=bytes(range(128)))
    try:
        target = base.join(text).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise FetchError(f"redirected to an address that cannot be used: {text[:200]!r}") from None
    if target.scheme not in ("http", "https") or not target.raw_host:
        raise FetchError(f"redirected to {str(target)[:200]}, which is not http or https; refused")
    return str(target)


def _fields(response: httpx.Response) -> dict[str, str]:
    """The response's header fields as they came: Latin-1 maps every byte to one character and back."""
    fields: dict[str, str] = {}
    for name, value in response.headers.raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields and key in _LISTS else text
    return fields


def _status_in_plain_words(status: int) -> str:
    if status in (401, 403):
        return f"{status}: the server refuses us; see in a browser whether the feed needs an account"
    if status == 404:
        return "404: there is no feed at this address (any more); look for its new address"
    if status == 429:
        return "429: the server asks us to poll less often; it is asked more seldom now, nothing needs doing"
    if status >= 500:
        return f"{status}: the server is in trouble; asked again later"
    return f"{status}: not an answer that holds a feed"
