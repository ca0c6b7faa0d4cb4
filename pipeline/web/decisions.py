"""What reviewers decide, as the scripts of the pages send it: verdicts, notes, undo, several at once. JSON in and out.

Each needs a reviewer who is signed in, and the token that the page was given; the store adds and never changes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from datasette.app import Datasette
from datasette.utils.asgi import BadRequest, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import OvertakenError, UsageError
from pipeline.models import Decision
from pipeline.store import Reading, Store
from pipeline.store.queue import QueueRow
from pipeline.store.review import Span
from pipeline.web.access import may_administer, require
from pipeline.web.queue import wanted_of
from pipeline.web.site import Routes, Site

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

Id = Annotated[int, Field(ge=1, lt=2**63)]
_MOST_TITLES = 200
_MOST_AT_ONCE = 1000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Choice(_Body):
    item: Id
    seen: Annotated[int, Field(ge=0, lt=2**63)]  # the verdict that the page shows of its story; 0: none


class _Decide(_Body):
    choices: Annotated[list[_Choice], Field(min_length=1, max_length=_MOST_AT_ONCE)]
    verdict: Decision


class _Wrong(_Body):
    item: Id
    mention: Id


class _Missed(_Body):
    item: Id
    entity: str
    field: Literal["title", "summary", "content"]
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    text: Annotated[str, Field(min_length=1, max_length=500)]


class _Note(_Body):
    item: Id
    note: Annotated[str, Field(min_length=1, max_length=2000)]


class _Undo(_Body):
    ids: Annotated[list[Id], Field(min_length=1, max_length=_MOST_AT_ONCE)]


class _Preview(_Body):
    items: Annotated[list[Id], Field(min_length=1, max_length=_MOST_AT_ONCE)]


class Decisions:
    """The addresses that write."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [
            (r"^/-/review/decide$", self.decide),
            (r"^/-/review/wrong$", self.wrong),
            (r"^/-/review/missed$", self.missed),
            (r"^/-/review/note$", self.note),
            (r"^/-/review/undo$", self.undo),
            (r"^/-/review/preview$", self.preview),
        ]

    async def decide(self, request: Request) -> Response:
        """A verdict on items, and so on their stories. 409 when somebody else decided since the page was made."""
        reviewer, body = await _asked(request, _Decide)
        seen = {choice.item: choice.seen for choice in body.choices}

        def work(store: Store) -> Response:
            try:
                added = store.review.decide(seen, body.verdict, reviewer=reviewer, now=self._site.clock())
            except OvertakenError as error:
                return self._site.json({"error": str(error), "seen": error.standing}, 409)
            return self._decided(request, store, added)

        return await self._write(work)

    async def wrong(self, request: Request) -> Response:
        """A tag that is none."""
        reviewer, body = await _asked(request, _Wrong)

        def work(store: Store) -> Response:
            now = self._site.clock()
            found = store.review.mark(body.item, "wrong_tag", reviewer=reviewer, now=now, mention_id=body.mention)
            return self._decided(request, store, {body.item: found})

        return await self._write(work)

    async def missed(self, request: Request) -> Response:
        """Words that should have been tagged."""
        reviewer, body = await _asked(request, _Missed)

        def work(store: Store) -> Response:
            found = store.review.mark(
                body.item,
                "missed_tag",
                reviewer=reviewer,
                now=self._site.clock(),
                entity_id=body.entity,
                span=Span(body.field, body.start, body.end, body.text),
            )
            return self._decided(request, store, {body.item: found})

        return await self._write(work)

    async def note(self, request: Request) -> Response:
        """A remark."""
        reviewer, body = await _asked(request, _Note)

        def work(store: Store) -> Response:
            now = self._site.clock()
            return self._site.json({"id": store.review.note(body.item, body.note, reviewer=reviewer, now=now)})

        return await self._write(work)

    async def undo(self, request: Request) -> Response:
        """Verdicts taken back: one's own, and for an administrator anyone's. 409 for one that cannot be."""
        reviewer, body = await _asked(request, _Undo)
        anyones = may_administer(request)

        def work(store: Store) -> Response:
            try:
                items = store.review.undo(body.ids, reviewer=reviewer, now=self._site.clock(), anyones=anyones)
            except UsageError as error:
                return self._site.json({"error": str(error)}, 409)
            return self._decided(request, store, dict(zip(items, body.ids, strict=True)))

        return await self._write(work)

    async def preview(self, datasette: Datasette, request: Request) -> Response:
        """What a verdict on several items would decide."""
        _, body = await _asked(request, _Preview)

        def look(stored: Reading) -> dict[str, Any]:
            rows = {item: row for item in body.items if (row := stored.queue.of_item(item)) is not None}
            entities = Counter(entity["name"] for row in rows.values() for entity in row.entities)
            return {
                "items": len(rows),
                "copies": sum(row.copies for row in rows.values()),
                "decided": sum(row.verdict is not None for row in rows.values()),
                "seen": {item: _verdict_of(row) for item, row in rows.items()},
                "entities": " · ".join(f"{name} {number}" for name, number in entities.most_common(8)),
                "titles": [row.title for row in rows.values()][:_MOST_TITLES],
            }

        return self._site.json(await self._site.read(datasette, look))

    def _decided(self, request: Request, store: Store, verdicts: Mapping[int, int]) -> Response:
        """How things stand after ``verdicts`` (by item) were given or taken back; counts under the page's filter."""
        rows = {item: store.queue.of_item(item) for item in verdicts}
        return self._site.json(
            {
                "ids": list(verdicts.values()),
                "states": [row.state if row is not None else None for row in rows.values()],
                "seen": {item: _verdict_of(row) for item, row in rows.items()},
                "counts": store.queue.counts(wanted_of(request)),
            }
        )

    async def _write(self, work: Callable[[Store], Response]) -> Response:
        """Do ``work`` in a thread with a store of its own: the event loop and other pages go on meanwhile."""

        def run() -> Response:
            with Store(self._site.config.database, create=False) as store:
                return work(store)

        try:
            return await asyncio.to_thread(run)
        except UsageError as error:
            return self._site.json({"error": str(error)}, 400)


async def _asked(request: Request, kind: type[B]) -> tuple[str, B]:
    """Who asks, and what. Raises ``Forbidden`` for somebody who may not, ``BadRequest`` for what cannot be read."""
    if request.method != "POST":
        raise BadRequest("Decisions are sent with POST.")
    reviewer = require(request, "reviewer")
    try:
        return reviewer, kind.model_validate_json(await request.post_body())
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None


def _verdict_of(row: QueueRow | None) -> int:
    """The number of the verdict that stands on a story; 0 for none."""
    return row.verdict["id"] if row is not None and row.verdict else 0
