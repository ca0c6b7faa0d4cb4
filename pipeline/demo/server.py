"""Serves the bundled sample feeds on a loopback port, their dates set relative to now."""

from __future__ import annotations

import email.utils
import hashlib
import re
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from types import TracebackType

from pipeline import config
from pipeline.config import Config, FeedSource, FetchSettings

_AGE = re.compile(rb"\{\{(\d+)([mhd]) (rfc|iso)\}\}")
_UNITS = {b"m": "minutes", b"h": "hours", b"d": "days"}
_TYPES = {".xml": "application/xml", ".json": "application/feed+json"}
#: A feed that the server answers with 503, so that the demo shows how trouble is told.
BROKEN_FEED = "harbour-gazette.xml"


class DemoServer:
    """The sample feeds at ``http://127.0.0.1:port/``; a context manager."""

    def __init__(self, now: datetime) -> None:
        self.bodies = {path.name: _dated(path.read_bytes(), now) for path in _sample_files()}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.bodies = self.bodies  # type: ignore[attr-defined]
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> DemoServer:
        threading.Thread(target=self._server.serve_forever, name="demo-server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def demo_config(server: DemoServer, database: Path) -> Config:
    """The configuration of the demo: every sample feed, and one that does not work."""
    names = [*sorted(server.bodies), BROKEN_FEED]
    return replace(
        config.default(Path.cwd()),
        database=database.absolute(),
        fetch=FetchSettings(allow_private_addresses=True, timeout=10),
        feeds=tuple(FeedSource(id=name.rpartition(".")[0], url=f"{server.address}/{name}") for name in names),
    )


def _sample_files() -> list[Path]:
    folder = Path(str(resources.files("pipeline.demo") / "feeds"))
    return sorted(path for path in folder.iterdir() if path.suffix in _TYPES)


def _dated(body: bytes, now: datetime) -> bytes:
    """``body`` with each ``{{3h rfc}}`` replaced by the moment three hours before ``now``."""

    def moment(match: re.Match[bytes]) -> bytes:
        then = now - timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
        text = email.utils.format_datetime(then) if match.group(3) == b"rfc" else f"{then:%Y-%m-%dT%H:%M:%SZ}"
        return text.encode()

    return _AGE.sub(moment, body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        body: bytes | None = self.server.bodies.get(name)  # type: ignore[attr-defined]
        if body is None:
            self._answer(503 if name == BROKEN_FEED else 404, {}, b"")
            return
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            self._answer(304, {"ETag": etag}, b"")
        else:
            self._answer(200, {"ETag": etag, "Content-Type": _TYPES[Path(name).suffix]}, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
