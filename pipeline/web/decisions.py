"""What reviewers decide, as the scripts of the pages send it: verdicts, notes, undo, several at once. JSON in and out.

Each needs a reviewer who is signed in, and the token that the page was given; the store adds and never changes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from datasette.app import Datasette
from datasette.utils.asgi import BadRequest, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UsageError
from pipeline.models import QueueFilter
from pipeline.store import Reading, Store
from pipeline.store.review import Span
from pipeline.web.access import may_administer, require
from pipeline.web.site import Routes, Site

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

Id = Annotated[int, Field(ge=1, lt=2**63)]
Deciding = Literal["relevant", "irrelevant", "escalated"]
_MOST_TITLES = 200
_MOST_AT_ONCE = 1000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Decide(_Body):
    item: Id
    verdict: Deciding
    seen: Annotated[int, Field(ge=0, lt=2**63)]  # the newest verdict that the page shows; 0: none


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


class _Bulk(_Preview):
    verdict: Deciding


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
            (r"^/-/review/bulk/preview$", self.preview),
            (r"^/-/review/bulk$", self.bulk),
        ]

    async def decide(self, request: Request) -> Response:
        """A verdict on an item, and so on its story. 409 when somebody else decided since the page was made."""
        reviewer, body = await _asked(request, _Decide)

        def work(store: Store) -> Response:
            standing = _standing(store, body.item)
            if standing is not None and standing["id"] > body.seen and standing["reviewer"] != reviewer:
                said = f"{standing['reviewer']} called it {standing['verdict']} meanwhile; decide again to overrule"
                return self._site.json({"error": said, "seen": standing["id"]}, 409)
            found = store.review.mark(body.item, body.verdict, reviewer=reviewer, now=self._site.clock())
            return self._decided(store, body.item, found)

        return await self._write(work)

    async def wrong(self, request: Request) -> Response:
        """A tag that is none."""
        reviewer, body = await _asked(request, _Wrong)

        def work(store: Store) -> Response:
            now = self._site.clock()
            found = store.review.mark(body.item, "wrong_tag", reviewer=reviewer, now=now, mention_id=body.mention)
            return self._decided(store, body.item, found)

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
            return self._decided(store, body.item, found)

        return await self._write(work)

    async def note(self, request: Request) -> Response:
        """A remark."""
        reviewer, body = await _asked(request, _Note)

        def work(store: Store) -> Response:
            now = self._site.clock()
            return self._site.json({"id": store.review.note(body.item, body.note, reviewer=reviewer, now=now)})

        return await self._write(work)

    async def undo(self, request: Request) -> Response:
        """Verdicts taken back: one's own, and for an administrator anyone's."""
        reviewer, body = await _asked(request, _Undo)
        anyones = may_administer(request)

        def work(store: Store) -> Response:
            try:
                items = store.review.undo(body.ids, reviewer=reviewer, now=self._site.clock(), anyones=anyones)
            except UsageError as error:
                return self._site.json({"error": str(error), "gone": True}, 409)
            seen = {verdict: _newest(store, item) for verdict, item in zip(body.ids, items, strict=True)}
            return self._site.json({"seen": seen, "counts": store.queue.counts(QueueFilter())})

        return await self._write(work)

    async def preview(self, datasette: Datasette, request: Request) -> Response:
        """What a verdict on several items would decide."""
        _, body = await _asked(request, _Preview)

        def look(stored: Reading) -> dict[str, Any]:
            rows = [row for item in body.items if (row := stored.queue.of_item(item)) is not None]
            entities = Counter(entity["name"] for row in rows for entity in row.entities)
            return {
                "items": len(rows),
                "copies": sum(row.copies for row in rows),
                "decided": sum(row.verdict is not None for row in rows),
                "entities": " · ".join(f"{name} {number}" for name, number in entities.most_common(8)),
                "titles": [row.title for row in rows[:_MOST_TITLES]],
            }

        return self._site.json(await self._site.read(datasette, look))

    async def bulk(self, request: Request) -> Response:
        """One verdict on several items: all of them or none."""
        reviewer, body = await _asked(request, _Bulk)

        def work(store: Store) -> Response:
            ids = store.review.mark_many(body.items, body.verdict, reviewer=reviewer, now=self._site.clock())
            return self._site.json({"ids": ids, "state": body.verdict, "counts": store.queue.counts(QueueFilter())})

        return await self._write(work)

    def _decided(self, store: Store, item: int, verdict: int) -> Response:
        row = store.queue.of_item(item)
        return self._site.json(
            {
                "id": verdict,
                "seen": _newest(store, item),
                "state": row.state if row is not None else None,
                "counts": store.queue.counts(QueueFilter()),
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


def _standing(store: Store, item: int) -> dict[str, Any] | None:
    """The verdict on the item's story that stands."""
    row = store.queue.of_item(item)
    return row.verdict if row is not None else None


def _newest(store: Store, item: int) -> int:
    """The number of that verdict; 0 when there is none."""
    standing = _standing(store, item)
    return standing["id"] if standing else 0
