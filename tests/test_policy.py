"""Datasette's own pages under our content security policy, in a real browser: their scripts, as files, still work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from pipeline import config as configuration
from pipeline.store import Store
from tests.accounts import with_accounts
from tests.browser import browser, page, serving, sign_in  # noqa: F401


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages over a database with two items."""
    folder = tmp_path_factory.mktemp("policy")
    config = with_accounts(replace(configuration.default(folder), database=folder / "w.db"))
    with Store(config.database) as store:
        store.db.execute("INSERT INTO feeds (id, url, configured_url, interval_s) VALUES ('f', 'u', 'u', 1)")
        for name in ("one", "two"):
            store.db.execute(
                "INSERT INTO items (feed_id, guid, title, author, first_seen_at, updated_at, content_hash)"
                " VALUES ('f', :name, :name, :name, '2026-11-23T00:00:00Z', '2026-11-23T00:00:00Z', :name)",
                {"name": name},
            )
        store.db.conn.commit()
    with serving(config) as served:
        yield served


@pytest.mark.parametrize(
    "path",
    [
        "/", "/watchfloor", "/watchfloor/items", "/watchfloor/items/1", "/watchfloor/today", "/watchfloor?sql=select+1",
        "/watchfloor?sql=select+nothing", "/watchfloor/items?_facet=author", "/-/versions", "/-/plugins", "/-/metadata",
        "/-/settings", "/-/databases", "/-/threads", "/-/actor", "/-/patterns", "/-/messages", "/-/allow-debug",
        "/-/permissions", "/-/nowhere",
    ],
)  # fmt: skip
def test_no_page_of_datasettes_is_held_back(page: Page, address: str, path: str) -> None:
    """The browser's console stays empty: the fixture looks."""
    page.goto(address + path)
    expect(page.locator("body")).not_to_be_empty()


def test_the_menus_of_columns_work(page: Page, address: str) -> None:
    """One opens, and its facet is one."""
    page.goto(f"{address}/watchfloor/items")
    page.locator("th[data-column=author] svg").click()
    page.get_by_text("Facet by this").click()
    page.wait_for_url("**/items?*_facet=author*")
    expect(page.locator("#facet-author")).to_contain_text("one")


def test_the_sql_editor_works(page: Page, address: str) -> None:
    """Line numbers, formatting, and Shift-Enter runs the query."""
    page.goto(f"{address}/watchfloor?sql=select+author+from+items+limit+1")
    expect(page.locator(".CodeMirror-linenumber")).to_have_count(1)
    page.get_by_role("button", name="Format SQL").click()
    expect(page.locator(".CodeMirror-linenumber")).to_have_count(6)
    page.locator(".CodeMirror").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_url("**sql=select%0D%0A*")


def test_datasettes_menu_closes_and_signs_out(page: Page, address: str) -> None:
    """A click beside it closes it; its button ends the session."""
    sign_in(page, address)
    page.goto(f"{address}/watchfloor/items")
    page.locator(".nav-menu summary").click()
    page.locator("footer").click()
    expect(page.locator(".nav-menu[open]")).to_have_count(0)
    page.locator(".nav-menu summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{address}/-/queue")
    assert "ds_actor" not in {cookie.get("name") for cookie in page.context.cookies()}
