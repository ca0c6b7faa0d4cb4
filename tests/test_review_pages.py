"""The review in a real browser, by keyboard, beside a daemon that writes and a second person; what SQLite says then.

One module, one Chromium. Each test takes a copy of one database that the demo filled.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from pipeline.config import Config, default
from pipeline.demo import DemoServer, demo_config
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.times import utc_now
from tests import accounts
from tests.browser import browser, page, serving, sign_in  # noqa: F401 - fixtures
from tests.conftest import Site, rss, thread_tools, write_config


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the demo's stories."""
    database = tmp_path_factory.mktemp("demo") / "w.db"
    with DemoServer(utc_now()) as server, Store(database) as store:
        config = demo_config(server, database)
        run(config, store, thread_tools(config), Silent(), threading.Event(), force=True)
    return database


@pytest.fixture
def config(filled: Path, tmp_path: Path) -> Config:
    """A copy of that database, and three who may sign in."""
    shutil.copy(filled, tmp_path / "w.db")
    return accounts.with_accounts(replace(default(tmp_path), database=tmp_path / "w.db"))


@pytest.fixture
def address(config: Config) -> Iterator[str]:
    """Where the pages are served."""
    with serving(config) as served:
        yield served


def rows(config: Config, sql: str) -> list[dict[str, Any]]:
    with Store(config.database) as store:
        return list(store.db.query(sql))


def at_the_queue(page: Page, address: str, query: str = "") -> None:
    sign_in(page, address)
    page.goto(f"{address}/-/queue{query}")


def items_shown(page: Page) -> list[int]:
    return [int(one.get_attribute("data-item") or 0) for one in page.locator(".story").all()]


def says(page: Page, text: str) -> None:
    """The line at the foot says so: the answer of the server is there."""
    expect(page.locator("#status")).to_contain_text(text)


def test_a_morning_by_keyboard(page: Page, browser: Browser, config: Config, address: str, site: Site) -> None:
    """Twenty decisions, an undo, a wrong and a missed tag, several at once, beside a second reviewer and the daemon.

    Afterwards the audit trail says exactly what was done, by whom, in which order.
    """
    folder = config.database.parent
    text = "Officials in Pyongyang said the harvest was good. " * 8
    for number in range(40):
        site.bodies[f"f{number}"] = rss([(f"{number}-{n}", f"Report {number}-{n}", text) for n in range(30)])
    write_config(folder, {name: site.url(name) for name in site.bodies})
    before = rows(config, "SELECT count(*) AS n FROM items")[0]["n"]
    log = (folder / "log").open("w", encoding="utf-8")
    daemon = subprocess.Popen([sys.executable, "-m", "pipeline", "daemon"], cwd=folder, stderr=log)
    try:
        at_the_queue(page, address)
        shown = items_shown(page)
        assert len(shown) == 50
        keys = [*"rrxrexrrxxrrerxxrxrr"]
        verdicts = {"r": "relevant", "x": "irrelevant", "e": "escalated"}
        page.keyboard.press("j")
        for key in keys:
            page.keyboard.press(key)  # none waits for the answer to the one before
        expect(page.locator("[data-count=relevant]")).to_have_text(str(keys.count("r")))
        says(page, "Relevant:")
        expected = [("ana", item, verdicts[key]) for item, key in zip(shown, keys, strict=False)]

        page.keyboard.press("u")
        says(page, "Undone")
        undone = expected[-1]
        assert items_shown(page)[0] == undone[1], "the story is back at its place, and chosen"

        with browser.new_context() as context:
            other = context.new_page()
            at_the_queue_as(other, address, "ada")
            other.keyboard.press("j")
            other.keyboard.press("x")
            says(other, "Irrelevant")
        expected.append(("ada", undone[1], "irrelevant"))
        page.keyboard.press("r")
        says(page, "ada called")
        says(page, "irrelevant meanwhile; decide again to overrule")
        page.keyboard.press("r")
        says(page, "Relevant:")
        expected.append(("ana", undone[1], "relevant"))

        wrong_item = items_shown(page)[0]
        page.keyboard.press("w")
        expect(page.locator("#wrong")).to_be_visible()
        wrong_text = page.locator("#wrong .choices button").first.inner_text()
        page.keyboard.press("1")
        says(page, "Wrong tag")
        expected.append(("ana", wrong_item, "wrong_tag"))

        missed_item, missed_text = select_words(page)
        page.keyboard.press("m")
        page.locator("#missed select").select_option("lab-110")
        page.locator("#missed").get_by_role("button", name="Save").click()
        says(page, "Missed tag")
        expected.append(("ana", missed_item, "missed_tag"))

        page.keyboard.press("n")
        page.locator("#note textarea").fill("Ask the desk in Seoul.")
        page.locator("#note").get_by_role("button", name="Save").click()
        says(page, "Noted")

        several = items_shown(page)[3:6]
        for item in several:
            page.locator(f'.story[data-item="{item}"] .choose').check()
        page.keyboard.press("b")
        expect(page.locator("#bulk .preview li")).to_have_count(3)
        page.locator("#bulk").get_by_label("irrelevant").check()
        page.locator("#bulk").get_by_role("button", name="Decide").click()
        says(page, "Irrelevant: 3 stories")
        expected += [("ana", item, "irrelevant") for item in several]

        wait_until(lambda: rows(config, "SELECT count(*) AS n FROM items")[0]["n"] == before + 1200)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=30)
        log.close()
    written = (folder / "log").read_text(encoding="utf-8")
    assert "locked" not in written
    assert "Traceback" not in written

    trail = rows(config, "SELECT * FROM verdicts ORDER BY id")
    assert [(row["reviewer"], row["item_id"], row["verdict"]) for row in trail] == expected
    undos = rows(config, "SELECT u.reviewer, v.item_id, v.verdict FROM undos u JOIN verdicts v ON v.id = u.verdict_id")
    assert [tuple(row.values()) for row in undos] == [undone]
    [wrong] = [row for row in trail if row["verdict"] == "wrong_tag"]
    assert wrong["text"] in wrong_text
    [missed] = [row for row in trail if row["verdict"] == "missed_tag"]
    assert (missed["entity_id"], missed["text"]) == ("lab-110", missed_text)
    [source] = rows(config, f"SELECT * FROM items WHERE id = {missed_item}")
    assert source[missed["field"]][missed["start"] : missed["end"]] == missed_text
    assert len({row["batch"] for row in trail if row["item_id"] in several}) == 1
    assert [(row["item_id"], row["note"]) for row in rows(config, "SELECT * FROM notes")] == [
        (missed_item, "Ask the desk in Seoul.")
    ]


def at_the_queue_as(page: Page, address: str, name: str) -> None:
    sign_in(page, address, name)
    page.goto(f"{address}/-/queue")


def select_words(page: Page) -> tuple[int, str]:
    """Open the chosen story and select the second word of its text, as a person with a mouse would."""
    current = page.locator(".story.current")
    if not current.locator(".detail").is_visible():
        page.keyboard.press("o")
    words = current.locator(".detail section p").first
    expect(words).to_be_visible()
    text = words.evaluate(
        """(place) => {
          const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
          let node = walker.nextNode();
          while (node.data.trim().split(/\\s+/).length < 3) node = walker.nextNode();
          const word = node.data.trim().split(/\\s+/)[1];
          const start = node.data.indexOf(word);
          const range = document.createRange();
          range.setStart(node, start);
          range.setEnd(node, start + word.length);
          getSelection().removeAllRanges();
          getSelection().addRange(range);
          return word;
        }"""
    )
    return int(current.get_attribute("data-item") or 0), text


def wait_until(is_so: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_search_finds_korean_words_inside_others(page: Page, config: Config, address: str) -> None:
    """Two syllables that stand in longer words are found; every story shown has them."""
    at_the_queue(page, address)
    page.keyboard.press("/")
    page.keyboard.type("해킹")
    page.keyboard.press("Enter")
    expect(page.locator(".story").first).to_be_visible()
    found = items_shown(page)
    has_it = "title || summary || content LIKE '%해킹%'"
    stories = {row["story_id"] for row in rows(config, f"SELECT story_id FROM items WHERE {has_it}")}
    assert found
    assert {int(one.get_attribute("data-story") or 0) for one in page.locator(".story").all()} <= stories


def test_a_filter_is_an_address(page: Page, address: str) -> None:
    """What is chosen stands in the address, which shows the same when it is opened again."""
    at_the_queue(page, address)
    page.locator(".filter [name=entity]").select_option("lazarus-group")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/*entity=*")
    assert "entity=lazarus-group" in page.url
    found = items_shown(page)
    page.goto(page.url)
    assert items_shown(page) == found
    assert found


def test_counts_are_those_of_the_filter(page: Page, config: Config, address: str) -> None:
    """Under a filter a decision counts among the stories of the filter, not among all."""
    at_the_queue(page, address, "?entity=lab-110")
    awaiting = int(page.locator("[data-count=awaiting]").inner_text())
    assert awaiting == len(items_shown(page))
    page.keyboard.press("j")
    page.keyboard.press("r")
    says(page, "Relevant:")
    expect(page.locator("[data-count=awaiting]")).to_have_text(str(awaiting - 1))
    expect(page.locator("[data-count=relevant]")).to_have_text("1")


def test_decisions_outlive_a_reload_and_so_does_undo(page: Page, config: Config, address: str) -> None:
    """After a reload the story is gone from the queue, and u still takes the decision back."""
    at_the_queue(page, address)
    first = items_shown(page)[0]
    page.keyboard.press("j")
    page.keyboard.press("x")
    says(page, "Irrelevant")
    page.reload()
    assert first not in items_shown(page)
    page.keyboard.press("u")
    says(page, "Undone")
    page.reload()
    assert items_shown(page)[0] == first


def test_several_come_back_to_their_places(page: Page, config: Config, address: str) -> None:
    """A decision on several, taken back with one key, leaves the list as it was."""
    at_the_queue(page, address)
    before = items_shown(page)
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("c")
    page.keyboard.press("b")
    page.locator("#bulk").get_by_role("button", name="Decide").click()
    says(page, "Irrelevant: 3 stories")
    assert items_shown(page)[:5] == before[3:8]
    page.keyboard.press("u")
    says(page, "Undone")
    assert items_shown(page)[:8] == before[:8]


def test_more_stories_follow_without_a_reload(page: Page, config: Config, address: str) -> None:
    """All stories come, each once, in the order of the store."""
    at_the_queue(page, address)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator(".more")).to_have_count(0)
    stored = rows(config, "SELECT item_id FROM queue WHERE state = 'awaiting' ORDER BY rank DESC, story_id")
    assert items_shown(page) == [row["item_id"] for row in stored]


def test_a_tag_shows_its_proof_to_mouse_and_keyboard(page: Page, config: Config, address: str) -> None:
    """Hovering and focusing a mention both show entity, rule, score and sentence."""
    [item] = rows(config, "SELECT item_id FROM mentions WHERE rule = 'lazarus-group.name' ORDER BY id LIMIT 1")
    page.goto(f"{address}/-/item/{item['item_id']}")
    mark = page.locator("mark", has_text="Lazarus Group").first
    mark.hover()
    expect(page.locator("#tip")).to_contain_text("lazarus-group.name")
    page.mouse.move(0, 0)
    expect(page.locator("#tip")).to_be_hidden()
    mark.focus()
    expect(page.locator("#tip")).to_contain_text("score 0.97")


def test_a_tag_that_was_called_wrong_is_struck_out(page: Page, config: Config, address: str) -> None:
    """In the text, without a reload; and a summary that the text repeats is shown folded."""
    [row] = rows(config, "SELECT id FROM items WHERE summary != '' AND content LIKE summary || '%' LIMIT 1")
    sign_in(page, address)
    page.goto(f"{address}/-/item/{row['id']}")
    expect(page.locator("section details")).to_have_count(1)
    page.goto(f"{address}/-/queue")
    page.keyboard.press("j")
    page.keyboard.press("w")
    expect(page.locator("#wrong")).to_be_visible()
    page.keyboard.press("1")
    says(page, "Wrong tag")
    expect(page.locator(".detail mark.wrong")).to_have_count(1)


def test_who_is_not_signed_in_decides_nothing(page: Page, config: Config, address: str) -> None:
    """The queue is shown, its keys for decisions answer with a sentence, and nothing is stored."""
    page.goto(f"{address}/-/queue")
    page.keyboard.press("j")
    page.keyboard.press("r")
    says(page, "Sign in as a reviewer")
    assert rows(config, "SELECT * FROM verdicts") == []


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("decide", {"choices": [{"item": 1, "seen": 0}], "verdict": "perhaps"}, "verdict"),
        ("decide", {"choices": [{"item": 1, "seen": 0}, {"item": 999999, "seen": 0}], "verdict": "relevant"}, "999999"),
        ("decide", {"choices": [], "verdict": "relevant"}, "choices"),
        ("decide", [], "object"),
        ("wrong", {"item": 1, "mention": 999999}, "no mention 999999"),
        ("missed", {"item": 1, "entity": "lab-110", "field": "title", "start": 0, "end": 3, "text": "???"}, "stand"),
        ("note", {"item": 1, "note": ""}, "note"),
        ("undo", {"ids": [999999]}, "no verdict 999999"),
    ],
)
def test_what_makes_no_sense_is_refused(config: Config, address: str, path: str, body: Any, said: str) -> None:
    """One sentence that says what is wrong, and nothing is stored."""
    with httpx.Client(base_url=address) as client:
        accounts.sign_in(client)
        answer = client.post(f"/-/review/{path}", json=body, headers={"x-csrftoken": accounts.token(client)})
    assert 400 <= answer.status_code < 500
    assert said in answer.json()["error"]
    assert rows(config, "SELECT * FROM verdicts") == []


def test_one_reviewer_cannot_take_back_anothers_verdict(config: Config, address: str) -> None:
    """Only who said it, or an administrator."""
    with Store(config.database) as store:
        said = store.review.mark(1, "relevant", reviewer="ben", now=utc_now())
    outcomes = []
    for name in ("ana", "ada"):
        with httpx.Client(base_url=address) as client:
            accounts.sign_in(client, name)
            headers = {"x-csrftoken": accounts.token(client)}
            outcomes.append(client.post("/-/review/undo", json={"ids": [said]}, headers=headers).status_code)
    assert outcomes == [409, 200]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious(browser: Browser, config: Config, address: str, scheme: Any, width: int) -> None:
    """On the queue with an open story, an item's and a story's page; and none is wider than the screen."""
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}) as context:
        page = context.new_page()
        at_the_queue(page, address)
        for path in ("/-/queue", "/-/item/20", "/-/story/20"):
            page.goto(address + path)
            if path == "/-/queue":
                page.keyboard.press("j")
                page.keyboard.press("o")
                expect(page.locator(".detail section").first).to_be_visible()
            found = Axe().run(page).response["violations"]
            assert [
                (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
            ] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
