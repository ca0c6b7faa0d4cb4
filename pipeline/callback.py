"""The address that hubs call: answers what they ask and takes in what they deliver. A small ASGI app under uvicorn.

The last part of the path is the subscription's token; what a proxy puts or leaves before it does not matter. A delivery
is answered when it is stored, so that nothing acknowledged is lost; one that is not acknowledged, the hub sends again.

Source: W3C WebSub, https://www.w3.org/TR/websub/ (sections 5.2, 5.3 and 7).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any

import uvicorn

from pipeline import websub
from pipeline.config import Config
from pipeline.errors import ServeError, StoreError
from pipeline.intake import Intake
from pipeline.models import Subscription
from pipeline.store import Store
from pipeline.times import Clock, to_iso
from pipeline.tools import Tools
from pipeline.websub import Secrets

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Bodies in hand at once, and deliveries that may wait for one of these places; seconds for a body to arrive.
IN_HAND, WAITING, BODY_SECONDS = 4, 60, 30
_MOST_CONNECTIONS = 200
_TOKEN = re.compile(r"[0-9a-f]{64}")
_LATER = ((b"retry-after", b"60"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response, never one that a browser would show."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Callback:
    """The ASGI app. ``intake`` stores deliveries; ``clock`` tells the time in UTC."""

    def __init__(self, config: Config, clock: Clock, secrets: Secrets, intake: Intake) -> None:
        self._config = config
        self._clock = clock
        self._secrets = secrets
        self._intake = intake
        self._places = asyncio.Semaphore(IN_HAND)
        self._waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except (StoreError, BrokenExecutor) as error:
            log.error("a hub's call could not be handled, it is asked to call again: %s", error)  # noqa: TRY400
            reply = Reply(503, headers=_LATER)
        if reply is None:
            return  # the hub has gone
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            *((b"content-length", str(len(reply.body)).encode()) for _ in range(reply.status != 204)),
            *((b"connection", b"close") for _ in range(reply.status >= 400)),  # its body may not have been read
            *reply.headers,
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Message, receive: Receive) -> Reply | None:
        token = scope["path"].rpartition("/")[2]
        if scope["method"] not in ("GET", "POST"):
            return Reply(405, headers=((b"allow", b"GET, POST"),))
        if not _TOKEN.fullmatch(token):
            return Reply(404)
        if scope["method"] == "GET":
            query = scope["query_string"].decode("latin-1")
            return await asyncio.to_thread(self._answer, websub.token_hash(token), query)
        subscription = await asyncio.to_thread(self._find, websub.token_hash(token))
        if subscription is None:
            return Reply(404)
        if subscription.state == "ended":
            return Reply(410)
        if self._waiting >= WAITING:
            return Reply(503, headers=_LATER)
        self._waiting += 1
        try:
            async with self._places:
                return await self._take(subscription, scope, receive)
        finally:
            self._waiting -= 1

    def _find(self, token_hash: str) -> Subscription | None:
        with Store(self._config.database) as store:
            return store.subscriptions.by_token(token_hash)

    def _answer(self, token_hash: str, query: str) -> Reply:
        """Answer what the hub asks, and keep what is learned from it first."""
        now = self._clock()
        with Store(self._config.database) as store:
            subscription = store.subscriptions.by_token(token_hash)
            answer = websub.answer(subscription, query, now, self._config.websub.lease)
            if subscription is not None and answer.status == 200:
                where = f"feed {subscription.feed_id}: the hub {subscription.hub}"
                if answer.denied is not None:
                    store.subscriptions.denied(subscription, answer.denied, websub.after_denial(now))
                    log.warning("%s refuses the subscription: %s", where, answer.denied or "no reason given")
                elif answer.is_over:
                    store.subscriptions.over(subscription)
                    log.info("%s ended the subscription", where)
                elif answer.lease_ends_at is not None:
                    store.subscriptions.verified(subscription, now, answer.lease_ends_at)
                    log.info("%s pushes until %s", where, to_iso(answer.lease_ends_at))
        return Reply(answer.status, answer.body)

    async def _take(self, subscription: Subscription, scope: Message, receive: Receive) -> Reply | None:
        """Take in one delivery. What is not signed as it must be is ignored, but answered as if it were not."""
        limit, content_type = self._config.fetch.max_bytes, _header(scope, b"content-type") or ""
        if (_header(scope, b"content-encoding") or "identity").lower() != "identity":
            return Reply(415)  # what the signature is of would be a guess
        announced = _header(scope, b"content-length") or ""
        body: bytes | None = None
        if not (announced.isdigit() and len(announced) < 20 and int(announced) > limit):
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _read(receive, limit)
            except TimeoutError:
                return Reply(408)
            except ConnectionError:
                return None
        if body is None:
            await self._reject(subscription, f"is larger than fetch.max_bytes ({limit:,} bytes)")
            return Reply(413)
        signature = _header(scope, b"x-hub-signature")
        if not websub.is_signed(signature, body, self._secrets.secret(subscription.salt)):
            await self._reject(subscription, "is not signed with our secret" if signature else "is not signed")
            return Reply(204)
        if not websub.is_feed_type(content_type):
            await self._reject(subscription, f"is no feed but {content_type[:60]!r}")
            return Reply(204)
        if await self._intake.take_in(subscription.feed_id, body, content_type) is None:
            return Reply(410)
        await asyncio.to_thread(self._count, subscription, is_stored=True)
        return Reply(204)

    async def _reject(self, subscription: Subscription, why: str) -> None:
        log.warning("feed %s: a push %s; ignored", subscription.feed_id, why)
        await asyncio.to_thread(self._count, subscription, is_stored=False)

    def _count(self, subscription: Subscription, *, is_stored: bool) -> None:
        with Store(self._config.database) as store:
            if is_stored:
                store.subscriptions.pushed(subscription, self._clock())
            else:
                store.subscriptions.rejected(subscription)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None when it is longer than ``limit`` bytes. Raises ``ConnectionError`` when it is cut."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        more = message.get("more_body", False)
    return bytes(body)


def _header(scope: Message, name: bytes) -> str | None:
    """The one value of the header field ``name`` (in small letters); None when it is missing or repeated."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


@contextlib.contextmanager
def serving(config: Config, tools: Tools, secrets: Secrets) -> Iterator[None]:
    """Hubs are answered inside of ``with``, in a thread of its own.

    Raises:
        ServeError: when the address cannot be listened on.
        StoreError: when the database cannot be used.
    """
    listening = _listen(config.websub.host, config.websub.port)
    intake = Intake(config, tools)
    with contextlib.closing(listening), contextlib.closing(intake):
        intake.start()
        server = uvicorn.Server(
            uvicorn.Config(
                Callback(config, tools.clock, secrets, intake),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,  # it would show the tokens
                proxy_headers=False,
                server_header=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=5,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="callback", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ServeError(
            f"hubs cannot be answered: cannot listen on {host}:{port}: {error.strerror}; "
            "choose another websub.host or websub.port"
        ) from None
    return listening
