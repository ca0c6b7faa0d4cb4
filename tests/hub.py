"""A WebSub hub on loopback, for tests: takes subscriptions, asks back, delivers, signed or not.

with Hub() as hub:
    ...  # let watchfloor subscribe at hub.url
    hub.wait(asked_back=1)
    hub.deliver(hub.requests[-1], body)
"""

from __future__ import annotations

import hmac
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlencode

import httpx

Form = dict[str, str]


class Hub:
    """The hub. ``statuses`` are what the next requests are answered, then 202. ``asks_back`` verifies what it took.

    ``first`` lets it ask back before it answers. ``lease`` is what it gives, in seconds; None: what it is asked for.
    """

    def __init__(self, *, asks_back: bool = True, first: bool = False, lease: int | None = None) -> None:
        self.requests: list[Form] = []
        self.types: list[str | None] = []
        self.agents: list[str | None] = []
        self.statuses: list[int] = []
        self.answers: list[httpx.Response] = []
        self.location: str | None = None
        self.asks_back = asks_back
        self._first = first
        self._lease = lease
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}/hub"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, form: Form) -> tuple[int, threading.Thread | None]:
        """One request: its status, and what is to be done after the answer."""
        self.requests.append(form)
        status = self.statuses.pop(0) if self.statuses else 202
        if status != 202 or not self.asks_back:
            return status, None
        if self._first:
            self.ask_back(form)
            return status, None
        return status, threading.Thread(target=self.ask_back, args=(form,), daemon=True)

    def ask_back(self, form: Form, **changed: str) -> httpx.Response:
        """Verify the intent of ``form``; ``changed`` replaces parameters (topic for hub.topic and so on)."""
        asked = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": f"challenge-{len(self.answers)}",
            "hub.lease_seconds": str(self._lease or form.get("hub.lease_seconds", "0")),
        }
        asked |= {f"hub.{name}": value for name, value in changed.items()}
        answer = httpx.get(f"{form['hub.callback']}?{urlencode(asked)}", timeout=20)
        self.answers.append(answer)
        return answer

    def deliver(
        self, form: Form, body: bytes, *, algorithm: str = "sha256", secret: str | None = None, **headers: str
    ) -> httpx.Response:
        """Push ``body`` to the subscriber of ``form``, signed with its secret, or another."""
        key = (secret or form["hub.secret"]).encode()
        signed = {
            "Content-Type": "application/rss+xml",
            "X-Hub-Signature": f"{algorithm}={hmac.new(key, body, algorithm).hexdigest()}",
            "Link": f'<{self.url}>; rel="hub", <{form["hub.topic"]}>; rel="self"',
        }
        sent = {name: value for name, value in (signed | headers).items() if value}
        return httpx.post(form["hub.callback"], content=body, headers=sent, timeout=20)

    def wait(self, asked_back: int) -> None:
        """Until so many questions were answered; ten seconds at most."""
        for _ in range(500):
            if len(self.answers) >= asked_back:
                return
            time.sleep(0.02)
        raise AssertionError(f"the subscriber answered {len(self.answers)} of {asked_back} questions")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.types.append(self.headers.get("Content-Type"))
        hub.agents.append(self.headers.get("User-Agent"))
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True))
        status, afterwards = hub.take(form)
        self.send_response(status)
        if hub.location and status in (301, 302, 303, 307, 308):
            self.send_header("Location", hub.location)
        if status in (429, 503):
            self.send_header("Retry-After", "7200")
        self.send_header("Content-Length", "0")
        self.end_headers()
        if afterwards:
            afterwards.start()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
