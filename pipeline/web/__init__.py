"""The pages: Datasette over the database, read only; metadata.yaml describes tables and holds the canned queries."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from datasette import hookimpl
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm
from markupsafe import Markup

from pipeline.times import day_bounds, to_iso, utc_now
from pipeline.web.pages import Pages

#: The database's name in the addresses of pages, whatever its file is called.
DATABASE = "watchfloor"


#: Tables whose rows have a page of ours.
_PAGES_OF = {"items": "/-/item/{}", "stories": "/-/story/{}"}


class _Plugin:
    """Our pages, links to them, and for SQL the configured time zone: ``day_start()`` is when today began there."""

    __name__ = "watchfloor"

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._pages = Pages(DATABASE, zone)

    @hookimpl  # type: ignore[untyped-decorator]
    def register_routes(self) -> list[tuple[str, Any]]:
        return self._pages.routes()

    @hookimpl  # type: ignore[untyped-decorator]
    def render_cell(self, row: Any, value: Any, column: str, table: str | None, database: str) -> Markup | None:
        address = _PAGES_OF.get(table or "")
        if database != DATABASE or column != "title" or address is None or "id" not in row.keys():  # noqa: SIM118 - a Row
            return None
        return Markup('<a href="{}">{}</a>').format(address.format(row["id"]), value or "(no title)")

    @hookimpl  # type: ignore[untyped-decorator]
    def prepare_connection(self, conn: Any) -> None:
        conn.create_function("day_start", 0, self._day_start)

    def _day_start(self) -> str:
        return to_iso(day_bounds(utc_now().astimezone(self._zone).date(), self._zone)[0])


def make_datasette(path: Path, zone: ZoneInfo) -> Datasette:
    """Datasette over the database at ``path``; ``zone`` decides which items are today's."""
    for plugin in [plugin for plugin in pm.get_plugins() if isinstance(plugin, _Plugin)]:
        pm.unregister(plugin)
    pm.register(_Plugin(zone))
    metadata = yaml.safe_load((resources.files("pipeline.web") / "metadata.yaml").read_text(encoding="utf-8"))
    settings = {"sql_time_limit_ms": 5000, "facet_time_limit_ms": 1000, "suggest_facets": False}
    static = [("-/watchfloor-static", str(resources.files("pipeline.web") / "static"))]
    datasette = Datasette([], metadata=metadata, settings=settings, static_mounts=static)
    datasette.add_database(Database(datasette, path=str(path), is_mutable=True), name=DATABASE)
    return datasette
