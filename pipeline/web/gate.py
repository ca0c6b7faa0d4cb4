"""What every request passes, Datasette's own pages too: from where it comes, who asks, and the policy of the answer.

The checks stand before Datasette, so that no page and no format of it can be reached around them.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from pipeline.web.access import COOKIE, SIGN_IN, Sessions, address_of
from pipeline.web.accounts import Accounts
from pipeline.web.site import FEEDS, STATIC

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

#: Of Datasette's pages. Scripts: only files. Styles: Datasette writes the names of columns into style blocks, and
#: colours into attributes. What a page of ours allows stands in site.py, and is less.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    # not no-referrer: a form's Origin would be null then
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_OURS = (COOKIE, "ds_csrftoken", "ds_messages")
_CSRF_COOKIE = "ds_csrftoken"
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_MOST_BYTES = 1_000_000  # of what is sent to us
_OPEN = ("/-/static/", f"/{STATIC}/")
_OPEN_PAGES = (SIGN_IN, "/-/login", "/favicon.ico")
_DATA = (".json", ".jsono", ".csv", ".db", ".blob")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the pages listen, and the ``names`` under which a proxy passes requests on to them."""

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether others than the users of this machine can reach the pages. Reading needs an account then."""
        return bool(self.names) or not self._is_loopback

    @property
    def hosts(self) -> frozenset[str] | None:
        """The names that the pages go by; None when they go by any, because signing in guards them.

        On loopback, whatever page a browser shows may ask for the address 127.0.0.1 under a name of its own
        (DNS rebinding), and would read along.
        """
        if not self._is_loopback:
            return None
        return frozenset({"localhost", "127.0.0.1", "::1", self.host.lower(), *map(str.lower, self.names)})

    @property
    def _is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class _Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


class Gate:
    """The pages behind the checks. ``app`` answers what passes, and finds who asks in the scope's ``actor``."""

    def __init__(self, app: Asgi, datasette: Datasette, sessions: Sessions, accounts: Accounts, reach: Reach) -> None:
        self._app = app
        self._datasette = datasette
        self._sessions = sessions
        self._accounts = accounts
        self._reach = reach

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        scope = scope | {"headers": _headers_for_us(scope["headers"])}
        request = Request(scope, receive)
        send = _with_policy(send)
        try:
            _check_host(request, self._reach.hosts)
            actor = self._sessions.actor(self._datasette, request.cookies.get(COOKIE))
            if self._reach.is_public and actor is None and request.path.startswith(FEEDS):
                actor = await self._reader(authorization, request)
            if self._reach.is_public and actor is None and not _is_open(request.path):
                await _to_sign_in(request).asgi_send(send)
                return
            if request.method not in ("GET", "HEAD", "OPTIONS"):
                _check_origin(request)
                body = await _body(request)
                _check_form(request, body)
                receive = _again(body, receive)
        except _Refused as refused:
            answer = _answer(request, refused.status, str(refused))
            answer.headers |= refused.headers
            await answer.asgi_send(send)
            return
        await self._app(scope | {"actor": actor}, receive, send)

    async def _reader(self, authorization: str, request: Request) -> dict[str, str]:
        """Who a feed reader signs in as, with this one request."""
        checked = await self._accounts.check_basic(authorization, address_of(request))
        if checked.wait > timedelta():
            seconds = str(math.ceil(checked.wait.total_seconds()))
            raise _Refused(429, "Too many attempts failed; try again later.", {"Retry-After": seconds})
        if checked.user is None:
            ask = {"WWW-Authenticate": 'Basic realm="watchfloor feeds", charset="UTF-8"'}
            raise _Refused(401, "Give your feed reader the name and password that you sign in with.", ask)
        return {"id": checked.user.name, "role": checked.user.role}


def wants_json(request: Request) -> bool:
    """Whether a script asks, rather than somebody who reads."""
    headers = request.headers
    asked, sent = headers.get("accept", ""), headers.get("content-type", "")
    return request.path.endswith(_DATA) or sent.startswith(_JSON) or (_JSON in asked and "text/html" not in asked)


def _headers_for_us(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without Authorization, which only feeds are read with, and which would let a request skip the CSRF check; and
    without the cookies of other programs on this machine, the names of which Datasette may not be able to read."""
    kept = [(name, value) for name, value in headers if name.lower() not in (b"authorization", b"cookie")]
    cookies = [
        cookie.strip()
        for name, value in headers
        if name.lower() == b"cookie"
        for cookie in value.split(b";")
        if cookie.strip().partition(b"=")[0].decode("latin-1") in _OURS
    ]
    return [*kept, (b"cookie", b"; ".join(cookies))] if cookies else kept


def _check_host(request: Request, hosts: frozenset[str] | None) -> None:
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        name = ""
    if hosts is not None and name.rstrip(".") not in hosts:
        raise _Refused(421, "These pages do not go by that name; open them as they are shown where serve was started.")


def _is_open(path: str) -> bool:
    return path in _OPEN_PAGES or path.startswith(_OPEN)


def _to_sign_in(request: Request) -> Response:
    if request.method in ("GET", "HEAD") and not wants_json(request):
        return Response.redirect(f"{SIGN_IN}?next={quote(request.full_path, safe='')}")
    return _answer(request, 401, "You are not signed in; sign in first.")


def _check_origin(request: Request) -> None:
    """A browser says which page sends a form or a script's request; older ones say so in Origin alone."""
    headers = request.headers
    fetched_from, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if fetched_from is not None:
        is_ours = fetched_from in ("same-origin", "none")
    else:
        is_ours = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not is_ours:
        raise _Refused(403, "This was sent by a page of another site; nothing was changed.")


async def _body(request: Request) -> bytes:
    body = b""
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "The request broke off.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MOST_BYTES:
            raise _Refused(413, f"Too much was sent; {_MOST_BYTES // 1000} kB is the most.")
    return body


def _check_form(request: Request, body: bytes) -> None:
    """What Datasette's check of the CSRF token relies on: that there is one, and that it can be read."""
    if request.method != "POST":
        raise _Refused(405, "Only GET, HEAD and POST are known here.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(400, "What was sent is not UTF-8.") from None
    token = request.headers.get("x-csrftoken")
    if token is None and kind == _FORM:
        token = dict(parse_qsl(text)).get("csrftoken")
    elif token is not None and kind not in (_FORM, _JSON):
        raise _Refused(415, "Only forms and JSON are read here.")
    if not token or not token.isascii() or _CSRF_COOKIE not in request.cookies:
        raise _Refused(403, "The form's token is missing or was cut off; load the page anew and try again.")


def _again(body: bytes, receive: Receive) -> Receive:
    """``receive`` for somebody to whom ``body`` is still to be told."""
    told = False

    async def tell() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return tell


def _answer(request: Request, status: int, sentence: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if wants_json(request):
        body = json.dumps({"ok": False, "error": sentence})
        return Response(body, status=status, headers=headers, content_type="application/json; charset=utf-8")
    return Response.text(sentence, status=status, headers=headers)


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name in _HEADERS}
            headers = [pair for pair in message.get("headers", []) if pair[0].decode("latin-1").lower() not in names]
            headers += [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            if not any(name.lower() == b"content-security-policy" for name, _ in headers):
                headers.append((b"content-security-policy", _POLICY.encode()))
            message = message | {"headers": headers}
        await send(message)

    return send_with_policy
