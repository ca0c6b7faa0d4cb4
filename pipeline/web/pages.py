"""Our own pages beside Datasette's: stories, one story, one item with its versions. They show, and change nothing.

Text from feeds is escaped by the templates, and the policy that each page is sent with lets no script run at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from datasette.app import Datasette
from datasette.utils.asgi import NotFound, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.clean import display_title
from pipeline.edits import Edit, edits_of, shortened
from pipeline.models import FIELDS
from pipeline.store import ItemHistory, Reading
from pipeline.stories.parts import first_of, own_parts
from pipeline.times import from_iso

T = TypeVar("T")

#: Nothing from outside, no script, no plug-in, no form to elsewhere; only our own style sheet.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_STORIES_ON_A_PAGE = 100


class Pages:
    """The pages over the database that Datasette serves as ``database``; times are local in ``zone``."""

    def __init__(self, database: str, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone
        self._environment = Environment(
            loader=PackageLoader("pipeline.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"local": self._local, "host": _host, "heading": display_title}
        self._environment.globals["database"] = database

    def routes(self) -> list[tuple[str, Callable[..., Any]]]:
        """Address patterns and what answers them, as Datasette's ``register_routes`` takes them."""
        return [
            (r"^/-/stories$", self.stories),
            (r"^/-/story/(?P<number>[0-9]{1,18})$", self.story),
            (r"^/-/item/(?P<number>[0-9]{1,18})$", self.item),
        ]

    async def stories(self, datasette: Datasette, request: Request) -> Response:
        """Stories of two items and more, the newest first."""
        rows = await self._read(datasette, lambda stored: stored.stories.list(least=2, limit=_STORIES_ON_A_PAGE))
        return self._page("stories.html", stories=rows, most=_STORIES_ON_A_PAGE)

    async def story(self, datasette: Datasette, request: Request) -> Response:
        """One story: its outlets, who had it first, and what each copy has that the others have not."""
        number = int(request.url_vars["number"])

        def look(stored: Reading) -> dict[str, Any] | None:
            story = stored.stories.story(number)
            if story is None:
                return None
            items = story["items"]
            own = own_parts([row["content"] or row["summary"] for row in items])
            return {
                "story": story,
                "copies": list(zip(items, own, strict=True)),
                "outlets": list(dict.fromkeys(row["outlet"] for row in items)),
                "first": first_of(items),
            }

        seen = await self._read(datasette, look)
        if seen is None:
            raise NotFound(f"There is no story {number}.")
        return self._page("story.html", **seen)

    async def item(self, datasette: Datasette, request: Request) -> Response:
        """One item: its text with every mention marked, its story's other copies, and what each edit changed."""
        number = int(request.url_vars["number"])

        def look(stored: Reading) -> dict[str, Any] | None:
            history = stored.items.history(number)
            if history is None:
                return None
            edits = edits_of(history.item, history.said, history.said_before)
            return {
                "history": history,
                "item": history.item,
                "fields": [(field, _marked(history, field)) for field in FIELDS if history.item[field]],
                "edits": [(edit, _shown(edit)) for edit in reversed(edits)],
                "names": history.entities,
            }

        seen = await self._read(datasette, look)
        if seen is None:
            raise NotFound(f"There is no item {number}.")
        return self._page("item.html", **seen)

    async def _read(self, datasette: Datasette, query: Callable[[Reading], T]) -> T:
        """What ``query`` makes of the database, in a thread: nothing long may hold up the other pages."""

        def run(connection: Any) -> T:
            return query(Reading(connection))

        return cast(T, await datasette.get_database(self._database).execute_fn(run))

    def _page(self, template: str, **values: Any) -> Response:
        return Response.html(self._environment.get_template(template).render(**values), headers=_HEADERS)

    def _local(self, moment: str | None) -> str:
        return f"{from_iso(moment).astimezone(self._zone):%Y-%m-%d %H:%M}" if moment else ""


def _host(address: str | None) -> str:
    return re.sub(r"\Awww\.", "", urlsplit(address).hostname or "") if address else ""


def _shown(edit: Edit) -> list[tuple[str, list[Any]]]:
    return [(field, list(shortened(pieces))) for field, pieces in edit.differences.fields.items()]


def _marked(history: ItemHistory, field: str) -> list[list[tuple[str, Sequence[dict[str, Any]]]]]:
    """The paragraphs of a field, each in pieces with the mentions that cover them."""
    text = history.item[field]
    mentions = [mention for mention in history.mentions if mention["field"] == field]
    cuts = {0, len(text)} | {mention[end] for mention in mentions for end in ("start", "end")}
    cuts |= {at for at, char in enumerate(text) if char == "\n"}
    paragraphs: list[list[tuple[str, Sequence[dict[str, Any]]]]] = [[]]
    for start, end in pairwise(sorted(cuts)):
        piece = text[start:end]
        if piece.startswith("\n"):
            paragraphs.append([])
            piece = piece[1:]
        covering = [mention for mention in mentions if mention["start"] <= start and end <= mention["end"]]
        if piece:
            paragraphs[-1].append((piece, covering))
    return [paragraph for paragraph in paragraphs if paragraph]
