"""What servers' answers and failures mean, in values and in plain words. Pure.

Sources: RFC 9110 section 15 (statuses), section 15.4 (redirects), RFC 6585 (429).
"""

from __future__ import annotations

import re
import ssl
from urllib.parse import quote

import httpx

from pipeline.errors import FetchError
from pipeline.guard import Refused
from pipeline.models import Weight

_LISTS = frozenset({"content-encoding", "cache-control", "link"})  # header fields whose lines add up
#: Statuses that pass by themselves; others say that something must change, or (5xx) that the server is in trouble.
_TEMPORARY = frozenset({408, 421, 425, 429, 502, 503, 504})
#: What a request header can carry (RFC 9110 section 5.5), in a length that any server takes back.
_SENDABLE = re.compile(r"[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,2000}[!-~\x80-\xff])?")


def failure_in_words(error: httpx.HTTPError, seconds: float) -> str:
    """A failed connection in one line; ``seconds`` is the time that one fetch may take."""
    reason = str(error).strip().removeprefix("[Errno ").split("] ")[-1] or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return f"no complete answer within {seconds:g} s (fetch.timeout); asked again later"
    if isinstance(error.__cause__, Refused) and "; " in reason:
        return f"cannot connect: {reason}"  # it says itself what to do
    if isinstance(error, httpx.ConnectError):
        return f"cannot connect: {reason}; see in a browser whether the address works"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"the server broke the HTTP protocol: {reason}; asked again later"
    return f"the connection failed: {reason}; asked again later"


def weight_of_failure(error: httpx.HTTPError) -> Weight:
    """What was refused, or cannot be trusted, stays so until somebody changes something; the rest is a bad moment."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused | ssl.SSLCertVerificationError):
            return "hard"
        cause = cause.__cause__ or cause.__context__
    return "temporary"


def sendable(value: str | None) -> str | None:
    """``value`` when a later request can carry it as it is; a validator that cannot come back is none."""
    return value if value is not None and _SENDABLE.fullmatch(value) else None


def target_of(base: httpx.URL, location: str) -> str:
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


def fields_of(response: httpx.Response) -> dict[str, str]:
    """The response's header fields as they came: Latin-1 maps every byte to one character and back."""
    fields: dict[str, str] = {}
    for name, value in response.headers.raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields and key in _LISTS else text
    return fields


def brings_a_body(status: int) -> bool:
    """True for 200 and what counts as 200: an unknown 2xx (RFC 9110 section 15). No content or a part of it is none."""
    return 200 <= status < 300 and status not in (204, 205, 206)


def status_in_words(status: int) -> str:
    """A status that brings no feed in one line, with what to do."""
    if status in (401, 403):
        return f"{status}: the server refuses us; see in a browser whether the feed needs an account"
    if status == 404:
        return "404: there is no feed at this address (any more); look for its new address"
    if status == 429:
        return "429: the server asks us to poll less often; it is asked more seldom now, nothing needs doing"
    if status >= 500:
        return f"{status}: the server is in trouble; asked again later"
    return f"{status}: not an answer that holds a feed"


def weight_of_status(status: int) -> Weight:
    """How heavy a status that brings no feed weighs."""
    return "temporary" if status in _TEMPORARY else "hard" if 400 <= status < 500 else "soft"
