"""Chromium for the tests of the pages: Debian's own, driven by playwright. A test module imports the fixtures.

``from tests.browser import browser, page, serving  # noqa: F401`` gives ``page``, which fails its test for what the
browser complains of: an error of a script, something that the content security policy held back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from pipeline.config import Config
from pipeline.web import make_datasette
from pipeline.web.gate import Reach
from tests.accounts import PASSWORD

_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


@contextlib.contextmanager
def started() -> Iterator[Playwright]:
    """Playwright, ended afterwards: while it runs, this thread has an event loop, and ``asyncio.run`` starts none."""
    with sync_playwright() as playwright:
        yield playwright


@contextlib.contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium."""
    opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module. Its tests must not call ``asyncio.run``: see ``started``."""
    if shutil.which("chromium") is None:
        if os.environ.get("CI") and Path("/etc/debian_version").exists():
            pytest.fail("chromium is not installed, and in CI it must be")
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    with started() as playwright, launched(playwright) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a profile of its own. Afterwards nothing that the browser complained of may stand in its console."""
    with browser.new_context() as context:
        opened = context.new_page()
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        yield opened
        # an answer that the test provoked, such as a 403 after a sign-in with the wrong password, is no complaint
        assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


@contextlib.contextmanager
def serving(config: Config, reach: Reach | None = None) -> Iterator[str]:
    """The pages of ``config`` on a free port of loopback, in a thread: their address, such as http://127.0.0.1:4711."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_datasette(config, reach=reach).app()
        served = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=lambda: asyncio.run(served.serve([listening])), daemon=True)
        thread.start()
        while not served.started:
            assert thread.is_alive(), "the pages did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        served.should_exit = True
        thread.join(20)


def sign_in(page: Page, address: str, name: str = "ana") -> None:
    """Fill in the form as one of the accounts of ``tests.accounts``."""
    page.goto(f"{address}/-/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/-/queue")
