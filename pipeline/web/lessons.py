"""The page of a lesson: what a wrong tag proposes, what a pattern would change over the stored items, and saving it."""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from datasette.app import Datasette
from datasette.utils.asgi import NotFound, Request, Response

from pipeline.errors import ConfigError, WatchfloorError
from pipeline.gold import REGRESSIONS, gold_line, keep_case
from pipeline.lessons import Proposal, propose
from pipeline.patterns import PatternError
from pipeline.store import Store, WrongTag
from pipeline.store.mentions import place_of_mention
from pipeline.text import normalise, sentences
from pipeline.trial import Change, effect_of
from pipeline.watchlist import Exclusion, Rule
from pipeline.watchlist.suggesting import lines_for
from pipeline.web.access import require
from pipeline.web.site import Routes, Site

_MOST_ITEMS = 5000  # that a preview tags anew, the newest
_MOST_SHOWN = 50  # changes of each kind
_LONGEST_PATTERN = 200  # characters

Within = Literal["sentence", "item"]
#: A change, and what people said of the mention: right, wrong or nothing.
Row = tuple[Change, str | None]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pattern would change in the newest ``items``. ``is_cut``: older ones were not tried."""

    exclusion: Exclusion
    items: int
    lost: list[Row]
    gained: list[Row]
    is_cut: bool

    @property
    def costs(self) -> int:
        """How many mentions it would lose that people found right."""
        return sum(judged == "right" for _, judged in self.lost)

    @property
    def pattern(self) -> str:
        """What would hold the rule back."""
        return self.exclusion.patterns[0]


class LessonPages:
    """One lesson a page, under the number of the verdict that it is learnt from."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cases = site.config.database.with_name(REGRESSIONS)
        self._saving = threading.Lock()  # two lessons saved at once must not write the file at once

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [(r"^/-/lesson/(?P<number>[0-9]{1,18})$", self.lesson)]

    async def lesson(self, datasette: Datasette, request: Request) -> Response:
        """The proposals; with ``pattern`` and ``within`` what that would change. A POST saves the lesson."""
        reviewer = require(request, "reviewer")
        number = int(request.url_vars["number"])
        wrong = await self._site.read(datasette, lambda stored: stored.lessons.wrong_tag(number))
        if wrong is None:
            raise NotFound(f"Verdict {number} calls no tag wrong; nothing can be learnt from it.")
        given = await request.post_vars() if request.method == "POST" else request.args
        exclusion = _asked(wrong, given)
        preview, remark = await self._preview(datasette, wrong, exclusion)
        if request.method == "POST":
            try:
                if preview is not None and wrong.stands:
                    await self._save(wrong, preview, reviewer)
                    return Response.redirect(request.path, status=303)
                remark = remark or "Nothing was saved: choose a pattern, or write one of your own."
            except WatchfloorError as error:
                remark = str(error)
        return await self._page(datasette, request, wrong, exclusion, preview, remark)

    async def _preview(
        self, datasette: Datasette, wrong: WrongTag, exclusion: Exclusion | None
    ) -> tuple[Preview | None, str]:
        """What the pattern would change, or a remark on why that cannot be told."""
        if exclusion is None or self._rule(wrong) is None:
            return None, ""
        rows = await self._site.read(datasette, lambda stored: stored.lessons.items_of(exclusion.rule, _MOST_ITEMS + 1))
        try:
            effect = await asyncio.to_thread(effect_of, exclusion, self._site.config.watchlist, rows[:_MOST_ITEMS])
        except PatternError as error:
            return None, f"This is no pattern: {error}."
        touched = [change.item_id for change in (*effect.lost, *effect.gained)]
        judged = await self._site.read(datasette, lambda stored: stored.lessons.judged_places(touched))

        def with_judgement(changes: tuple[Change, ...]) -> list[Row]:
            return [(change, judged.get((change.item_id, place_of_mention(change.mention)))) for change in changes]

        lost, gained = with_judgement(effect.lost), with_judgement(effect.gained)
        return Preview(exclusion, effect.items, lost, gained, is_cut=len(rows) > effect.items), ""

    async def _page(
        self,
        datasette: Datasette,
        request: Request,
        wrong: WrongTag,
        exclusion: Exclusion | None,
        preview: Preview | None,
        remark: str,
    ) -> Response:
        rule, watchlist = self._rule(wrong), self._site.config.watchlist
        evidence = await self._site.read(datasette, lambda stored: stored.lessons.evidence(wrong.verdict["rule"]))
        sentence, words = sentence_of(wrong), wrong.verdict["text"]

        def work() -> tuple[list[Proposal], list[str]]:
            found = propose(sentence, words, rule, watchlist, evidence, wrong.item["language"]) if rule else []
            return found if sentence else [], [self._lines(lesson) for lesson in wrong.lessons]

        proposals, lines = await asyncio.to_thread(work)
        names = {entity.id: entity.name for entity in watchlist.entities}
        return self._site.page(
            request,
            "lesson.html",
            wrong=wrong,
            name=names.get(wrong.verdict["entity_id"], wrong.verdict["entity_id"]),
            rule=rule,
            sentence=sentence.partition(words),
            proposals=proposals,
            pattern=exclusion.patterns[0] if exclusion else "",
            within=exclusion.within if exclusion else "sentence",
            preview=preview,
            most=_MOST_SHOWN,
            remark=remark,
            learnt=list(zip(wrong.lessons, lines, strict=True)),
            config=self._site.config.path,
            regressions=shlex.quote(str(self._cases)),
        )

    def _lines(self, lesson: dict[str, Any]) -> str:
        """What to write into the configuration, or why that cannot be told."""
        exclusion = Exclusion(rule=lesson["rule"], within=lesson["within"], patterns=(lesson["pattern"],))
        try:
            return lines_for(self._site.config.path, exclusion)
        except ConfigError as error:
            return f"# {error}"

    async def _save(self, wrong: WrongTag, preview: Preview, reviewer: str) -> None:
        entity, now = wrong.verdict["entity_id"], self._site.clock()

        def work() -> None:
            with self._saving, Store(self._site.config.database, create=False) as store:
                gold = gold_line(wrong.item, store.lessons.standing(wrong.item["id"]), {entity})
                lesson = {
                    "verdict_id": wrong.verdict["id"],
                    "entity_id": entity,
                    "rule": preview.exclusion.rule,
                    "pattern": preview.pattern,
                    "within": preview.exclusion.within,
                    "sentence": sentence_of(wrong),
                    "lost": len(preview.lost),
                    "gained": len(preview.gained),
                    "gold": gold,
                }
                store.lessons.add(lesson, reviewer, now)
                keep_case(self._cases, gold)

        await asyncio.to_thread(work)

    def _rule(self, wrong: WrongTag) -> Rule | None:
        """The rule that made the wrong tag, as the watch-list has it now; None when it is there no more."""
        owner = self._site.config.watchlist.rule(wrong.verdict["rule"])
        return owner[1] if owner is not None else None


def sentence_of(wrong: WrongTag) -> str:
    """The sentence of the wrong tag, as it was stored with the mention, else from the item's text; empty where the
    words stand there no more."""
    if wrong.evidence is not None and "sentence" in wrong.evidence:
        return str(wrong.evidence["sentence"])
    verdict, text = wrong.verdict, str(wrong.item[wrong.verdict["field"]])
    is_there = text[verdict["start"] : verdict["end"]] == verdict["text"]
    at = verdict["start"] if is_there else text.find(verdict["text"])
    spans = (span for span in sentences(normalise(text)) if at >= 0 and span[0] <= at < span[1])
    return next((text[start:end].strip() for start, end in spans), "")


def _asked(wrong: WrongTag, given: Mapping[str, str]) -> Exclusion | None:
    """The pattern that a form asks for; None when it names none."""
    pattern = " ".join((given.get("pattern") or "").split())[:_LONGEST_PATTERN]
    within: Within = "item" if given.get("within") == "item" else "sentence"
    return Exclusion(rule=wrong.verdict["rule"], within=within, patterns=(pattern,)) if pattern else None
