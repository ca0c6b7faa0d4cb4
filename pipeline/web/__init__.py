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

from pipeline.times import day_bounds, to_iso, utc_now

#: The database's name in the addresses of pages, whatever its file is called.
DATABASE = "watchfloor"


class _LocalDay:
    """Gives SQL the configured time zone: ``day_start()`` is the first moment of today there, in UTC."""

    __name__ = "watchfloor-local-day"

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    @hookimpl  # type: ignore[untyped-decorator]
    def prepare_connection(self, conn: Any) -> None:
        conn.create_function("day_start", 0, self._day_start)

    def _day_start(self) -> str:
        return to_iso(day_bounds(utc_now().astimezone(self._zone).date(), self._zone)[0])


def make_datasette(path: Path, zone: ZoneInfo) -> Datasette:
    """Datasette over the database at ``path``; ``zone`` decides which items are today's."""
    for plugin in [plugin for plugin in pm.get_plugins() if isinstance(plugin, _LocalDay)]:
        pm.unregister(plugin)
    pm.register(_LocalDay(zone))
    metadata = yaml.safe_load((resources.files("pipeline.web") / "metadata.yaml").read_text(encoding="utf-8"))
    settings = {"sql_time_limit_ms": 5000, "facet_time_limit_ms": 1000, "suggest_facets": False}
    datasette = Datasette([], metadata=metadata, settings=settings)
    datasette.add_database(Database(datasette, path=str(path), is_mutable=True), name=DATABASE)
    return datasette
