"""The pages of stories, one story, one item. They show, and change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import NotFound, Request, Response

from pipeline.edits import Edit, edits_of, shortened
from pipeline.models import FIELDS
from pipeline.store import ItemHistory, Reading
from pipeline.stories.parts import first_of, own_parts
from pipeline.web.access import may_review
from pipeline.web.site import Routes, Site

_STORIES_ON_A_PAGE = 100

Paragraph = tuple[int, list[tuple[str, Sequence[dict[str, Any]]]]]


class StoryPages:
    """Stories and items, with all that is known of them."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [
            (r"^/-/stories$", self.stories),
            (r"^/-/story/(?P<number>[0-9]{1,18})$", self.story),
            (r"^/-/item/(?P<number>[0-9]{1,18})$", self.item),
        ]

    async def stories(self, datasette: Datasette, request: Request) -> Response:
        """Stories of two items and more, the newest first."""
        rows = await self._site.read(datasette, lambda stored: stored.stories.list(least=2, limit=_STORIES_ON_A_PAGE))
        return self._site.page(request, "stories.html", stories=rows, most=_STORIES_ON_A_PAGE)

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

        seen = await self._site.read(datasette, look)
        if seen is None:
            raise NotFound(f"There is no story {number}.")
        return self._site.page(request, "story.html", **seen)

    async def item(self, datasette: Datasette, request: Request) -> Response:
        """One item: its text with every mention marked, its story's other copies, and what each edit changed."""
        number = int(request.url_vars["number"])

        def look(stored: Reading) -> dict[str, Any] | None:
            history = stored.items.history(number)
            if history is None:
                return None
            edits = edits_of(history.item, history.said, history.said_before)
            trail, story = stored.review.trail(number), stored.queue.of_item(number)
            return {
                "history": history,
                "item": history.item,
                "fields": [(field, marked(history, field)) for field in FIELDS if history.item[field]],
                "edits": [(edit, _shown(edit)) for edit in reversed(edits)],
                "names": history.entities,
                "trail": trail,
                "wrong": wrong_tags(trail),
                "entities": stored.queue.entities(),
                "story": story,
                "seen": story.verdict["id"] if story is not None and story.verdict else 0,
            }

        seen = await self._site.read(datasette, look)
        if seen is None:
            raise NotFound(f"There is no item {number}.")
        return self._site.page(request, "item.html", may_review=may_review(request), **seen)


def _shown(edit: Edit) -> list[tuple[str, list[Any]]]:
    return [(field, list(shortened(pieces))) for field, pieces in edit.differences.fields.items()]


def wrong_tags(trail: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The mentions that were called wrong, and by whom, out of an item's trail."""
    return {
        entry["mention_id"]: entry["reviewer"]
        for entry in reversed(trail)
        if entry.get("verdict") == "wrong_tag" and entry["mention_id"] and not entry["undone_at"]
    }


def marked(history: ItemHistory, field: str) -> list[Paragraph]:
    """The paragraphs of a field: where each begins in it, and its pieces with the mentions that cover them."""
    text = history.item[field]
    mentions = [mention for mention in history.mentions if mention["field"] == field]
    cuts = {0, len(text)} | {mention[end] for mention in mentions for end in ("start", "end")}
    cuts |= {at for at, char in enumerate(text) if char == "\n"}
    paragraphs: list[Paragraph] = [(0, [])]
    for start, end in pairwise(sorted(cuts)):
        piece = text[start:end]
        if piece.startswith("\n"):
            paragraphs.append((start + 1, []))
            piece = piece[1:]
        covering = [mention for mention in mentions if mention["start"] <= start and end <= mention["end"]]
        if piece:
            paragraphs[-1][1].append((piece, covering))
    return [paragraph for paragraph in paragraphs if paragraph[1]]
