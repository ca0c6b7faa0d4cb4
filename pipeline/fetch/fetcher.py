"""The one door to the network: one poll of one feed, politely, within bounds of time, bytes and addresses.

A ``Fetcher`` belongs to one worker. It never raises for what a server does: the outcome is in the ``Fetched`` that it
returns. It never reads or writes the database.

Sources: RFC 9110 (conditional requests section 13, redirects section 15.4), RFC 6585 (429).
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import httpx
from h2.exceptions import H2Error

from pipeline.config import FetchSettings
from pipeline.decode import ACCEPTED_ENCODINGS, decoded, without_gzip_file
from pipeline.errors import FetchError
from pipeline.fetch.localfile import read_file
from pipeline.fetch.meaning import (
    brings_a_body,
    failure_in_words,
    fields_of,
    sendable,
    status_in_words,
    target_of,
    weight_of_failure,
    weight_of_status,
)
from pipeline.guard import Guard, GuardedTransport
from pipeline.headers import fresh_until, links, retry_after
from pipeline.models import Feed, FeedLinks, Fetched, Hop, Outcome, Posted, Weight

log = logging.getLogger(__name__)

MAX_REDIRECTS = 10
_MAX_FORM_REDIRECTS = 3
#: How many bodies of more than so many bytes are received at once in one run: 64 of 20 MB would take more than 1 GB.
MOST_LARGE, _LARGE = 2, 2_000_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
#: The media types that are asked for.
FEEDS = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
PAGES = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"

Headers = list[tuple[bytes, bytes]]
#: Raises ``FetchError`` for an address that must not be asked.
Permit = Callable[[str], None]


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

    ``clock`` tells the time in UTC. ``large`` is shared by the fetchers of a run and bounds how many large bodies are
    received at once, and so their memory. ``transport`` stands in for real connections; it is closed after every fetch
    and must work again after that.
    """

    def __init__(
        self,
        settings: FetchSettings,
        clock: Callable[[], datetime],
        ssl_context: ssl.SSLContext,
        large: threading.Semaphore | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._large = large or threading.Semaphore(MOST_LARGE)
        self._clock = clock
        self._guard = Guard(allow_private=settings.allow_private_addresses, seconds=settings.timeout)
        # httpx's transport without httpx's client, which would keep cookies and look into redirects.
        self._transport = transport or GuardedTransport(self._guard, ssl_context)
        self._headers: Headers = [
            (b"User-Agent", settings.user_agent.encode("latin-1")),
            (b"Accept-Encoding", ACCEPTED_ENCODINGS.encode()),
        ]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def fetch(self, feed: Feed, *, accept: str = FEEDS, permit: Permit = lambda _url: None) -> Fetched:
        """Poll ``feed`` once; conditionally where the address is the one that gave the validators.

        ``accept`` names the media types that are wanted. ``permit`` is asked before each request and raises
        ``FetchError`` where it must not be made. Nothing that a server does raises; anything that does is a bug, which
        the run logs with its feed.
        """
        started = self._clock()
        hops: list[Hop] = []
        try:
            if feed.url[:5].lower() == "file:":
                return self._fetch_file(feed, started)
            # Connections serve one fetch: a kept one may be closed by the server just when it is used again, may hold
            # the rest of an answer cut off, and is one too many for the host while another worker asks it.
            with self._guard.deadline(), contextlib.closing(self._transport):
                answer = self._follow(feed, hops, accept, permit)
            return replace(self._judge(feed, started, answer), hops=tuple(hops))
        except FetchError as error:
            reason, weight = str(error), error.weight
        except httpx.HTTPError as error:
            reason, weight = failure_in_words(error, self._settings.timeout), weight_of_failure(error)
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
                        status, answered = response.status_code, fields_of(response)
                        target = target_of(response.url, answered["location"]) if "location" in answered else ""
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
            return Posted(failure_in_words(error, self._settings.timeout))
        except (H2Error, ValueError, LookupError) as error:
            return Posted(f"the answer cannot be understood ({type(error).__name__})")

    def _follow(self, feed: Feed, hops: list[Hop], accept: str, permit: Permit) -> _Answer:
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
            permit(url)
            hops.append(Hop(url, bool(validators)))
            with self._asked(url, [(b"Accept", accept.encode()), *validators]) as response:
                hops[-1] = replace(hops[-1], status=response.status_code)
                fields = fields_of(response)
                location = fields.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    received, body = self._read(response, fields)
                    return _Answer(response.status_code, url, permanent_url, fields, body, bool(validators), received)
                permanent = permanent and response.status_code in _PERMANENT
                url = target_of(response.url, location)
            permanent_url = url if permanent else permanent_url
        raise FetchError("redirected in a circle; the site seems to be misconfigured")

    @contextlib.contextmanager
    def _asked(self, url: str, headers: Headers, form: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """The response to GET ``url`` (POST, where there is a ``form``), its body unread.

        Raises ``FetchError`` for an address that cannot be used.
        """
        method = "GET" if form is None else "POST"
        try:
            request = httpx.Request(method, url, headers=[*self._headers, *headers], data=form)
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
        if not brings_a_body(response.status_code):
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
        with contextlib.ExitStack() as place:
            is_large = False
            for piece in without_gzip_file(decoded(raw(), fields.get("content-encoding", ""))):
                body += piece
                if len(body) > limit:
                    raise FetchError(f"the unpacked body is larger than fetch.max_bytes ({limit:,} bytes)")
                if len(body) > _LARGE and not is_large:
                    if not self._large.acquire(timeout=self._guard.remaining()):
                        raise FetchError("too many large bodies came in at once; asked again later", "temporary")
                    place.callback(self._large.release)
                    is_large = True
            return received, bytes(body)

    def _judge(self, feed: Feed, started: datetime, answer: _Answer) -> Fetched:
        """What ``answer`` means for the feed."""
        status = answer.status
        now = self._clock()
        outcome: Outcome = "error"
        error: str | None = None
        weight: Weight = "soft"
        if brings_a_body(status):
            outcome = "ok"
        elif status == 304 and answer.conditional:
            outcome = "not_modified"
        elif status == 304:
            error = "answered 304 (not modified) though nothing was asked conditionally; asked again later"
        elif status == 410:
            outcome, error = "gone", "410: the publisher removed this feed for good; remove it from the configuration"
        else:
            error = status_in_words(status)
            weight = weight_of_status(status)
        return self._result(
            feed,
            started,
            outcome,
            url=answer.url,
            permanent_url=answer.permanent_url,
            status=status,
            content_type=answer.headers.get("content-type", ""),
            etag=sendable(answer.headers.get("etag")),
            last_modified=sendable(answer.headers.get("last-modified")),
            fresh_until=fresh_until(answer.headers, now) if outcome in ("ok", "not_modified") else None,
            retry_after=retry_after(answer.headers.get("retry-after"), now) if status in (429, 503) else None,
            received_bytes=answer.received_bytes,
            body=answer.body,
            error=error,
            weight=weight,
            links=links(answer.headers.get("link"), answer.url) if outcome == "ok" else FeedLinks(),
        )

    def _fetch_file(self, feed: Feed, started: datetime) -> Fetched:
        known = feed.etag if feed.validators_url == feed.url else None
        etag, body = read_file(feed.url, known, self._settings.max_bytes)
        if body is None:
            return self._result(feed, started, "not_modified", url=feed.url, etag=etag)
        return self._result(feed, started, "ok", url=feed.url, etag=etag, received_bytes=len(body), body=body)

    def _result(self, feed: Feed, started: datetime, outcome: Outcome, **fields: object) -> Fetched:
        return Fetched(
            feed_id=feed.id,
            outcome=outcome,
            started_at=started,
            finished_at=self._clock(),
            **fields,  # type: ignore[arg-type]
        )


def _validators(feed: Feed) -> Headers:
    """The conditions of a request for ``feed``: what the server gave, byte for byte."""
    headers: Headers = []
    if feed.etag is not None:
        headers.append((b"If-None-Match", feed.etag.encode("latin-1")))
    if feed.last_modified is not None:
        headers.append((b"If-Modified-Since", feed.last_modified.encode("latin-1")))
    return headers
