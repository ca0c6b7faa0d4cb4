"""The pages: Datasette over the database; metadata.yaml describes tables and holds the canned queries."""

from __future__ import annotations

from importlib import resources
from typing import Any
from urllib.parse import quote

import yaml
from datasette import hookimpl
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm
from datasette.utils.asgi import Request, Response
from markupsafe import Markup

from pipeline.config import Config
from pipeline.grams import fts_query
from pipeline.keyfile import load_key
from pipeline.times import Clock, day_bounds, from_iso, to_iso, utc_now
from pipeline.web import failures
from pipeline.web.access import SIGN_IN, AccessPages, Sessions
from pipeline.web.accounts import Accounts
from pipeline.web.decisions import Decisions
from pipeline.web.feeds import FeedPages
from pipeline.web.gate import Asgi, Gate, Reach
from pipeline.web.lessons import LessonPages
from pipeline.web.overview import OverviewPages
from pipeline.web.queue import QueuePages
from pipeline.web.rules import RulePages
from pipeline.web.site import DATABASE, STATIC, Site
from pipeline.web.stories import StoryPages

#: What Datasette's tables and queries show that has a page of ours: the column, the one that holds its id, the page.
_ITEM, _STORY = "/-/item/{}", "/-/story/{}"
_ANYWHERE = {"item_id": ("item_id", _ITEM), "lead_item_id": ("lead_item_id", _ITEM), "story_id": ("story_id", _STORY)}
_OF_TABLE = {
    ("items", "title"): ("id", _ITEM),
    ("stories", "title"): ("id", _STORY),
    ("feeds", "title"): ("id", "/-/queue?feed={}"),
    ("entities", "name"): ("id", "/-/queue?entity={}"),
}
#: Names of the pages, for the menu of Datasette's.
_MENU = {"/-/queue": "Queue", "/-/overview": "Overview", "/-/rules": "Rules", "/-/stories": "Stories"}


class _Plugin:
    """Our pages, links to them, and for SQL the configured time zone: ``day_start()`` is when today began there,
    ``local_day(moment)`` the day of a moment."""

    __name__ = "watchfloor"

    def __init__(self, site: Site, reach: Reach) -> None:
        self._site = site
        self._reach = reach
        self._sessions = Sessions(site.config.review.users, site.clock)
        self._accounts = Accounts(site.config.review.users, site.clock)
        self._pages: list[Any] = [
            AccessPages(site, self._sessions, self._accounts),
            StoryPages(site),
            QueuePages(site),
            Decisions(site),
            OverviewPages(site),
            RulePages(site),
            LessonPages(site),
            FeedPages(site),
        ]

    @hookimpl  # type: ignore[untyped-decorator]
    def register_routes(self) -> list[tuple[str, Any]]:
        return [route for pages in self._pages for route in pages.routes()]

    @hookimpl  # type: ignore[untyped-decorator]
    def asgi_wrapper(self, datasette: Datasette) -> Any:
        def behind_the_gate(app: Asgi) -> Gate:
            return Gate(app, datasette, self._sessions, self._accounts, self._reach)

        return behind_the_gate

    @hookimpl  # type: ignore[untyped-decorator]
    def forbidden(self, request: Request, message: str) -> Response:
        return failures.forbidden(self._site, request, message)

    @hookimpl  # type: ignore[untyped-decorator]
    def handle_exception(self, request: Request, exception: Exception) -> Response:
        return failures.failed(self._site, request, exception)

    @hookimpl  # type: ignore[untyped-decorator]
    def menu_links(self, actor: dict[str, str] | None) -> list[dict[str, str]]:
        pages = _MENU if actor else _MENU | {SIGN_IN: "Sign in"}
        return [{"href": address, "label": name} for address, name in pages.items()]

    @hookimpl  # type: ignore[untyped-decorator]
    def render_cell(self, row: Any, value: Any, column: str, table: str | None, database: str) -> Markup | None:
        return _linked(row, value, column, table) if database == DATABASE else None

    @hookimpl(trylast=True)  # type: ignore[untyped-decorator]
    def prepare_connection(self, conn: Any) -> None:
        conn.create_function("day_start", 0, self._day_start)
        conn.create_function("local_day", 1, self._local_day)
        conn.create_function("fts_query", 1, _fts_query, deterministic=True)
        # what the search fields of Datasette's tables go through: its own knows no Korean, and is registered first
        conn.create_function("escape_fts", 1, _fts_query, deterministic=True)

    def _local_day(self, moment: str | None) -> str | None:
        return from_iso(moment).astimezone(self._site.config.timezone).date().isoformat() if moment else None

    def _day_start(self) -> str:
        zone = self._site.config.timezone
        return to_iso(day_bounds(self._site.clock().astimezone(zone).date(), zone)[0])


def _linked(row: Any, value: Any, column: str, table: str | None) -> Markup | None:
    """The cell as a link to the page of ours, or None where there is none."""
    columns = row.keys()
    if table is None and column == "title" and {"id", "feed_id"} <= set(columns):
        table = "items"  # of a query
    key, address = _OF_TABLE.get((table or "", column)) or _ANYWHERE.get(column, ("", ""))
    if key not in columns or value is None:
        return None
    # Datasette gives a foreign key with the label of its row, where it has one
    number, label = (value["value"], value["label"]) if isinstance(value, dict) else (row[key], value)
    return Markup('<a href="{}">{}</a>').format(address.format(quote(str(number), safe="")), label or "(no title)")


def _fts_query(words: Any) -> str:
    return fts_query(str(words or ""))


def make_datasette(config: Config, clock: Clock = utc_now, reach: Reach | None = None) -> Datasette:
    """Datasette over the database of ``config``, whose time zone decides which items are today's.

    ``reach`` is from where it will be asked; default: from this machine only.

    Raises:
        StoreError: when the key that sessions are signed with, a file beside the database, cannot be made or read.
    """
    for plugin in [plugin for plugin in pm.get_plugins() if isinstance(plugin, _Plugin)]:
        pm.unregister(plugin)
    if pm.has_plugin("datasette.handle_exception"):
        pm.unregister(name="datasette.handle_exception")  # ours takes its place: see failures.py
    pm.register(_Plugin(Site(config, clock), reach or Reach()))
    metadata = yaml.safe_load((resources.files("pipeline.web") / "metadata.yaml").read_text(encoding="utf-8"))
    settings = {
        "sql_time_limit_ms": 5000,
        "facet_time_limit_ms": 100,  # a table of a million rows is shown without its facets rather than late
        "suggest_facets": False,
        "allow_download": False,  # of the file as a whole: while it is written to, a copy may be torn
    }
    datasette = Datasette(
        [],
        metadata=metadata,
        settings=settings,
        static_mounts=[(STATIC, str(resources.files("pipeline.web") / "static"))],
        template_dir=str(resources.files("pipeline.web") / "datasette_templates"),
        secret=load_key(config.database, "session-key", "sessions", "everybody signs in anew").hex(),
    )
    datasette.remove_database("_memory")  # Datasette adds it where it is given no file
    datasette.add_database(Database(datasette, path=str(config.database), is_mutable=True), name=DATABASE)
    return datasette
