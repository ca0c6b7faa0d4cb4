"""The review queue: stories that await a verdict, best first, and the text of each. Shows, and changes nothing.

A filter is an address: whatever is shown can be kept as a bookmark.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from datasette.app import Datasette
from datasette.utils.asgi import BadRequest, NotFound, Request, Response

from pipeline.models import FIELDS, QueueFilter
from pipeline.ranking import age_of, explained
from pipeline.store import Reading
from pipeline.store.queue import QueueRow
from pipeline.web.access import may_review
from pipeline.web.site import Routes, Site
from pipeline.web.stories import marked, wrong_tags

_ON_A_PAGE = 50
_MOST_CHOICES = 300  # of thousands of feeds
#: The states of a story, as the page names them.
STATES = {
    "awaiting": "Awaiting",
    "relevant": "Relevant",
    "escalated": "Escalated",
    "irrelevant": "Irrelevant",
    "wrong_tag": "Wrongly tagged",
}
_FILTERS = {"entity": "Entity", "feed": "Feed", "language": "Language", "day": "Day"}


class QueuePages:
    """The queue, its continuation, and the text of one of its stories."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [
            (r"^/-/queue$", self.queue),
            (r"^/-/queue/more$", self.more),
            (r"^/-/queue/item/(?P<number>[0-9]{1,18})$", self.detail),
        ]

    async def queue(self, datasette: Datasette, request: Request) -> Response:
        """The page: states with their counts, filters, the first stories."""
        wanted = wanted_of(request)

        def look(stored: Reading) -> dict[str, Any]:
            facets, counts = stored.queue.facets(wanted.state), stored.queue.counts(wanted)
            return {
                **self._stories(stored, wanted, request),
                "filters": [
                    (kind, label, _choices(facets[kind], getattr(wanted, kind))) for kind, label in _FILTERS.items()
                ],
                "states": [
                    (state, label, counts.get(state, 0), _address(replace(wanted, state=state)))
                    for state, label in STATES.items()
                ],
                "entities": stored.queue.entities(),
            }

        return self._site.page(
            request,
            "queue.html",
            wanted=wanted,
            is_filtered=wanted != QueueFilter(state=wanted.state),
            saved=[
                (one.id, one.title, _address(one.of_queue), one.of_queue == wanted) for one in self._site.config.filters
            ],
            has_accounts=bool(self._site.config.review.users),
            **await self._site.read(datasette, look),
        )

    async def more(self, datasette: Datasette, request: Request) -> Response:
        """The stories that follow, as a piece of the page."""
        wanted = wanted_of(request)
        rows = await self._site.read(datasette, lambda stored: self._stories(stored, wanted, request))
        return self._site.page(request, "_stories.html", **rows)

    async def detail(self, datasette: Datasette, request: Request) -> Response:
        """The text of one item with its tags, their proof and what was decided, as a piece of the page."""
        number = int(request.url_vars["number"])

        def look(stored: Reading) -> dict[str, Any] | None:
            history = stored.items.history(number)
            if history is None:
                return None
            trail = stored.review.trail(number)
            return {
                "history": history,
                "item": history.item,
                "fields": [(field, marked(history, field)) for field in FIELDS if history.item[field]],
                "names": history.entities,
                "trail": trail,
                "wrong": wrong_tags(trail),
            }

        seen = await self._site.read(datasette, look)
        if seen is None:
            raise NotFound(f"There is no item {number}.")
        return self._site.page(request, "_detail.html", **seen)

    def _stories(self, stored: Reading, wanted: QueueFilter, request: Request) -> dict[str, Any]:
        found = stored.queue.page(wanted, _after(request), _ON_A_PAGE)
        after = f"{found.after[0]!r},{found.after[1]}" if found.after else None
        return {
            "rows": found.rows,
            "why": self._why,
            "next": _address(wanted, after=after) if after else None,
            "is_cut": found.is_cut,
            "may_review": may_review(request),
        }

    def _why(self, row: QueueRow) -> str:
        """Why a story stands where it stands."""
        foremost = row.entities[0]["name"] if row.entities else ""
        return explained(row.score, row.priority, foremost, row.outlets, age_of(row.at, self._site.clock()))


def _choices(values: list[tuple[str, str, int]], chosen: str | None) -> list[tuple[str, str, int]]:
    """What a filter offers: the foremost values, and the chosen one whatever it is."""
    shown = values[:_MOST_CHOICES]
    if chosen is not None and chosen not in [value for value, _, _ in shown]:
        shown.append(next((one for one in values if one[0] == chosen), (chosen, chosen, 0)))
    return shown


def wanted_of(request: Request) -> QueueFilter:
    """The filter that the address asks for. Raises ``BadRequest`` for a state or a day that there is not."""
    given = {key: value.strip() or None for key in (*_FILTERS, "q") if (value := request.args.get(key)) is not None}
    state = request.args.get("state") or "awaiting"
    if state not in STATES:
        raise BadRequest(f"There is no state {state!r}; use one of: {', '.join(STATES)}.")
    if given.get("day"):
        try:
            date.fromisoformat(given["day"] or "")
        except ValueError:
            raise BadRequest(f"{given['day']!r} is not a day; write it as 2026-11-27.") from None
    return QueueFilter(state=state, words=given.pop("q", None), **given)


def _after(request: Request) -> tuple[float, int] | None:
    """Where the page before ended: ``rank,story``. Raises ``BadRequest`` for anything else."""
    text = request.args.get("after")
    if not text:
        return None
    rank, _, story = text.partition(",")
    try:
        return float(rank), int(story)
    except ValueError:
        raise BadRequest(f"after={text!r} is no place in the queue; open the queue anew.") from None


def _address(wanted: QueueFilter, *, after: str | None = None) -> str:
    values = {
        "state": wanted.state,
        **{kind: getattr(wanted, kind) for kind in _FILTERS},
        "q": wanted.words,
        "after": after,
    }
    return "/-/queue?" + urlencode({key: value for key, value in values.items() if value})
