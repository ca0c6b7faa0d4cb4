"""The digest of the demo as a mail: taken by a real server, looked at in a real browser, on a phone and at a desk."""

from __future__ import annotations

import json
import re
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser

from tests.browser import browser  # noqa: F401 - a fixture
from tests.conftest import call
from tests.smtp import as_shown, posting


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> EmailMessage:
    """What arrives after ``demo`` and ``digest --send``."""
    folder = tmp_path_factory.mktemp("mail")
    assert call("demo", cwd=folder).returncode == 0
    with posting() as post:
        server = {"host": "localhost", "port": post.port, "security": "none", "sender": "watchfloor <wf@example.org>"}
        settings = {"database": "db/demo.db", "mail": server, "digest": {"deliver": [{"mail": "ana@example.org"}]}}
        (folder / "config.yaml").write_text(json.dumps(settings | {"feeds": []}), encoding="utf-8")
        done = call("digest", "--send", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "sent to mail ana@example.org\n")
        [received] = post.mails
    return received


def test_the_mail_has_text_html_and_a_chart_for_each_entity(mail: EmailMessage) -> None:
    """The same digest twice, and one picture for each section that has another course than the others."""
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds[:4] == ["multipart/alternative", "text/plain", "multipart/related", "text/html"]
    assert set(kinds[4:]) == {"image/png"}
    assert "Quaystone" in as_shown(mail)
    assert str(mail["Subject"]).startswith("watchfloor digest of ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_it_looks_right(mail: EmailMessage, browser: Browser, width: int, scheme: str) -> None:
    """Nothing is wider than the window, all pictures are seen, text stands out from its ground, nothing is asked for
    outside."""
    asked: list[str] = []
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(as_shown(mail))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        pictures = page.evaluate("[...document.images].map(one => one.naturalWidth)")
        assert pictures
        assert all(pictures)
        assert page.locator(".story").count() > 20
        assert page.evaluate("getComputedStyle(document.querySelector('.page')).maxWidth") == "720px"
        assert _contrast(page.evaluate(_COLOURS)) > 4.5
    assert [url for url in asked if not url.startswith("data:")] == []


def test_styles_hold_without_the_style_sheet(mail: EmailMessage, browser: Browser) -> None:
    """A mail program that drops style sheets shows the same widths and colours."""
    bare = re.sub(r"(?s)<style>.*?</style>", "", as_shown(mail))
    with browser.new_context(viewport={"width": 1100, "height": 900}) as context:
        page = context.new_page()
        page.set_content(bare)
        assert page.evaluate("getComputedStyle(document.querySelector('.page')).maxWidth") == "720px"
        assert page.evaluate("getComputedStyle(document.querySelector('mark')).backgroundColor") == "rgb(255, 233, 168)"


_COLOURS = """
  ['.meta', 'body'].map((name, at) => getComputedStyle(document.querySelector(name))[at ? 'backgroundColor' : 'color'])
"""


def _contrast(colours: list[str]) -> float:
    """WCAG 2.2, contrast ratio."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(light, colours))
    return (high + 0.05) / (low + 0.05)


def test_the_plain_text_reads_without_pictures(mail: EmailMessage) -> None:
    """Charts are blocks, links stand behind their titles, no line of HTML is in it."""
    text = next(part for part in mail.walk() if part.get_content_type() == "text/plain").get_content()
    assert "▁" in text
    assert "<http" in text
    assert not re.search(r"</?(p|div|table|mark)\b", text)


def test_a_mail_is_small_enough_to_be_shown_whole(mail: EmailMessage) -> None:
    """Gmail cuts a message's HTML after 102 kB; the demo's day, of eighty stories, is not cut."""
    html = next(part for part in mail.walk() if part.get_content_type() == "text/html").get_content()
    assert len(html.encode()) < 102_000
