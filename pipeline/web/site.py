"""What our pages share: templates, reading the database in a thread, local times, who looks, and the policy.

Text from feeds is escaped by the templates, and the policy that each page is sent with lets only our own scripts run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import SplitResult, urlsplit

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from pipeline.clean import display_title
from pipeline.config import Config
from pipeline.store import Reading
from pipeline.templating import environment
from pipeline.times import Clock, from_iso

T = TypeVar("T")

#: The database's name in the addresses of pages, whatever its file is called.
DATABASE = "watchfloor"
#: Nothing from outside, no script and no style but our own files, no plug-in, no form to elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": POLICY}  # gate.py adds those that every answer has
STATIC = "-/watchfloor-static"
#: Where our Atom feeds are; feed readers sign in there with each request.
FEEDS = "/-/feeds/"
_COLOURS = 12  # in pages.css

#: Address patterns and what answers them, as Datasette's ``register_routes`` takes them.
Routes = list[tuple[str, Callable[..., Any]]]


class Site:
    """One serving of the pages: its configuration and clock. The pages' classes take it as their argument."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self._places = {entity.id: place for place, entity in enumerate(config.watchlist.entities)}
        self._environment = environment("pipeline.web")
        self._environment.filters |= {
            "local": lambda moment: self.local(from_iso(moment)) if moment else "",
            "host": _host,
            "heading": display_title,
            "colour": self._colour,
        }
        self._environment.globals |= {"database": DATABASE, "static": _static}

    async def read(self, datasette: Datasette, query: Callable[[Reading], T]) -> T:
        """What ``query`` makes of the database, in a thread: nothing long may hold up the other pages."""

        def run(connection: Any) -> T:
            return query(Reading(connection))

        return cast(T, await datasette.get_database(DATABASE).execute_fn(run))

    def page(self, request: Request, template: str, **values: Any) -> Response:
        """A page of ``template``, which knows ``actor`` (who looks, or None) and ``csrftoken`` besides ``values``."""
        text = self._environment.get_template(template).render(
            actor=request.actor, csrftoken=request.scope["csrftoken"], path=request.path, **values
        )
        return Response.html(text, headers=_HEADERS)

    def json(self, value: Any, status: int = 200) -> Response:
        """An answer for our scripts."""
        return Response(
            json.dumps(value, ensure_ascii=False),
            status=status,
            headers=_HEADERS | {"Cache-Control": "no-store"},
            content_type="application/json; charset=utf-8",
        )

    def _colour(self, entity_id: str) -> str:
        """The class that gives an entity its colour, the same at each place."""
        return f"e{self._places.get(entity_id, len(entity_id)) % _COLOURS}"

    def local(self, moment: datetime) -> str:
        """A moment as the reader's clock showed it, to the minute."""
        return f"{moment.astimezone(self.config.timezone):%Y-%m-%d %H:%M}"


def _static(name: str) -> str:
    """The address of one of our files, another one whenever the file changes."""
    return f"/{STATIC}/{name}?{_changed(name)}"


def _changed(name: str) -> int:
    return int(Path(str(resources.files("pipeline.web") / "static" / name)).stat().st_mtime)


def _host(address: str | None) -> str:
    return re.sub(r"\Awww\.", "", _parts(address).hostname or "")


def _parts(address: str | None) -> SplitResult:
    try:
        return urlsplit(address or "")
    except ValueError:  # such as http://[
        return urlsplit("")
