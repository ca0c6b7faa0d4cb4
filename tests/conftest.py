"""What many tests share: a site of feeds on loopback, configurations, a store, the command line as a process."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import io
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from hypothesis import settings

from pipeline import config as configuration
from pipeline.cli import main
from pipeline.config import Config, FeedSource, FetchSettings
from pipeline.fetch import Fetcher
from pipeline.store import Store
from pipeline.tools import Tools, tools_for

with warnings.catch_warnings():  # datasette leaves a connection open when it is imported, which Python 3.13 warns of
    warnings.simplefilter("ignore", ResourceWarning)
    importlib.import_module("datasette.app")
    gc.collect()

if "CI" not in os.environ:  # there hypothesis' own profile for CI holds, which has no deadline either
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")

SHARED = Path(__file__).parents[2] / "shared"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Site:
    """Feeds on loopback: path → body, with ETag and 304. ``requests`` counts, ``statuses`` overrides."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self.answered: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.site = self  # type: ignore[attr-defined]
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for headers and body: no waiting for delayed acknowledgements

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        path = self.path.removeprefix("/")
        body = site.bodies.get(path, b"")
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        status = site.statuses.get(path, 200 if path in site.bodies else 404)
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status = 304
        site.answered.append((path, status))
        self.send_response(status)
        if status in (200, 304):
            self.send_header("ETag", etag)
        if status != 304:
            self.send_header("Content-Type", site.types.get(path, "application/xml"))
            self.send_header("Content-Length", str(len(body) if status == 200 else 0))
        self.end_headers()
        if status == 200:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    yield served
    served.close()


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """A configuration of feeds (id → address) with its database in the test's folder."""

    def make(feeds: dict[str, str], **fetch: Any) -> Config:
        return replace(
            configuration.default(tmp_path),
            database=tmp_path / "w.db",
            fetch=FetchSettings(**{"allow_private_addresses": True, "timeout": 10, **fetch}),
            feeds=tuple(FeedSource(id=key, url=url) for key, url in feeds.items()),
        )

    return make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "w.db") as opened:
        yield opened


def thread_tools(config: Config) -> Tools:
    """Tools whose executor is a thread of this process: no second for a pool to start."""
    return replace(tools_for(config), executor=lambda: ThreadPoolExecutor(1))


def tools_at(config: Config, now: datetime) -> Tools:
    """The same, at a time of the test's own."""
    context = httpx.create_ssl_context()
    return replace(thread_tools(config), clock=lambda: now, fetcher=lambda: Fetcher(config.fetch, lambda: now, context))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def rss(items: Sequence[tuple[str, str, str]], title: str = "A feed") -> bytes:
    """An RSS 2.0 body of items (guid, title, description)."""
    entries = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{name}</title><description>{text}</description>"
        f"<link>http://news.test/{guid}</link></item>"
        for guid, name, text in items
    )
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>{title}</title>{entries}</channel></rss>".encode()


def watchfloor(*arguments: str, cwd: Path, stdin: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """The command line, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


class _Stdin(io.BytesIO):
    name = "<stdin>"


def call(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line, called in this process: the same as ``watchfloor`` without a second for Python to start.

    What it reads and tags, it does in a thread: each process of a pool would import spaCy anew, which takes seconds.
    """
    written, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(written, encoding="utf-8", newline="", write_through=True)
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(_Stdin(stdin.encode()), encoding="utf-8")
    try:
        with (
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch("pipeline.tools.ProcessPoolExecutor", side_effect=_one_thread),
        ):
            main(list(arguments))
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdin = before
    return subprocess.CompletedProcess(arguments, status, written.getvalue().decode(), err.getvalue())


def _one_thread(*_args: Any, **_options: Any) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def write_config(folder: Path, feeds: dict[str, str], extra: str = "") -> Path:
    """A config.yaml in ``folder``; JSON is YAML, so values need no quoting of ours."""
    lines = [f"  - {json.dumps({'id': key, 'url': url})}" for key, url in feeds.items()]
    path = folder / "config.yaml"
    path.write_text(
        "database: w.db\nfetch: {allow_private_addresses: true, timeout: 10}\n"
        + extra
        + ("feeds:\n" + "\n".join(lines) + "\n" if lines else "feeds: []\n"),
        encoding="utf-8",
    )
    return path


@pytest.fixture(autouse=True)
def _no_unexpected_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An error with a traceback in the log is a bug that the pipeline survived; in a test it must not pass unseen."""
    yield
    unexpected = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR and record.exc_info and record.name.startswith("pipeline")
    ]
    assert not unexpected
