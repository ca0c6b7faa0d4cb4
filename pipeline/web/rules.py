"""The page of rules: how right each rule and each entity is, as far as people have judged their mentions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from pipeline.precision import LEAST_JUDGED, Judged, ranked, with_expected
from pipeline.store import Reading
from pipeline.web.site import Routes, Site


class RulePages:
    """Rules and entities with their precision."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [(r"^/-/rules$", self.rules)]

    async def rules(self, datasette: Datasette, request: Request) -> Response:
        """Every rule and every entity: those below the floor first, then those judged most."""

        def look(stored: Reading) -> tuple[list[Judged], dict[str, int]]:
            return stored.judgements.rules(), stored.judgements.missed()

        rules, missed = await self._site.read(datasette, look)
        floor, watched = self._site.config.review.floor, self._site.config.watchlist
        every = with_expected(rules, watched)
        return self._site.page(
            request,
            "rules.html",
            rules=ranked([rule for rule in every if rule.mentions or rule.judged], floor),
            idle=[rule for rule in every if not rule.mentions and not rule.judged],
            entities=ranked(by_entity(every, missed), floor),
            names={entity.id: entity.name for entity in watched.entities},
            floor=floor,
            least=LEAST_JUDGED,
        )


def by_entity(rules: Iterable[Judged], missed: Mapping[str, int]) -> list[Judged]:
    """The rules of each entity together, with what was ``missed`` of it."""
    found: dict[str, dict[str, Any]] = {}
    for rule in rules:
        sums = found.setdefault(rule.entity_id, {"mentions": 0, "right": 0, "wrong": 0})
        for name in sums:
            sums[name] += getattr(rule, name)
    for entity_id in missed:
        found.setdefault(entity_id, {"mentions": 0, "right": 0, "wrong": 0})
    return [Judged("", key, **sums, missed=missed.get(key, 0)) for key, sums in found.items()]
