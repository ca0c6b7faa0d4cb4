"""What a rule requires and excludes, asked of a span that its words matched: kept with its proof, or held back by what.

Pure; looks for contexts and look-alikes through ``search`` and finds nothing itself.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.models import Document
from pipeline.tag.search import Search, Span
from pipeline.tag.texts import Text, touches
from pipeline.watchlist import Condition, Rule

_LONGEST_EVIDENCE, _NEAR = 1000, 300  # characters

#: Why a span that a rule's words matched is no mention.
HeldBy = Literal["language", "lookalike", "unless", "requires", "after_full", "last_resort", "overlap"]


@dataclass(frozen=True, slots=True)
class Found:
    """A span that a rule's words matched, before its conditions are asked."""

    entity_id: str
    rule: Rule
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A span with the proof that it is a mention, or with what held it back."""

    found: Found
    proof: dict[str, Any] = field(default_factory=dict)
    held_by: HeldBy | None = None
    detail: str = ""


class Item:
    """One document while it is tagged. ``subjects`` are the contexts that its feed is about."""

    def __init__(self, document: Document, subjects: Sequence[str], search: Search) -> None:
        self.fields = document.fields
        self.language = (document.language or "").partition("-")[0].lower()
        self.subjects = subjects
        self.texts = {name: Text(text, search) for name, text in document.fields.items() if text}

    def judge(self, found: Sequence[Found]) -> list[Judged]:
        """What becomes of each span, in the order given."""
        judged = [self._prove(one) for one in found]
        alone = [one.found for one in judged if not one.held_by and _stands_alone(one.found)]
        full = {found.entity_id: found.rule.id for found in reversed(alone)}
        judged = [one if one.held_by else _beside(one, full.get(one.found.entity_id)) for one in judged]
        winners = _winners([one.found for one in judged if not one.held_by])
        return [one if one.held_by else winners(one) for one in judged]

    def _prove(self, found: Found) -> Judged:
        """The sentence and the context words that satisfied the rule's conditions, or the one that held it back."""
        rule, text = found.rule, self.texts[found.field]
        if rule.languages and self.language and self.language not in rule.languages:
            return Judged(found, held_by="language", detail=f"the item is in {self.language}")
        if touches(text.spans(("lookalike", rule.id)), found.start, found.end):
            return Judged(found, held_by="lookalike", detail=self._lookalike(found))
        for condition in rule.unless:
            word = self.near(condition, found)
            if word is not None:
                return Judged(found, held_by="unless", detail=f"{condition.context}: {word}")
        context: dict[str, str] = {}
        subjects: list[str] = []
        for condition in rule.requires:
            word = self.near(condition, found)
            if word is not None:
                context[condition.context] = word
            elif condition.within == "feed" and condition.context in self.subjects:
                subjects.append(condition.context)
            else:
                return Judged(found, held_by="requires", detail=f"{condition.context} (in the {condition.within})")
        start, end = text.sentence(found.start, found.end)
        if end - start > _LONGEST_EVIDENCE:  # text without full stops: keep what stands near
            start, end = max(start, found.start - _NEAR), min(end, found.end + _NEAR)
        proof: dict[str, Any] = {"sentence": self.fields[found.field][start:end], "sentence_start": start}
        if context:
            proof["context"] = context
        if subjects:
            proof["feed_subject"] = subjects
        return Judged(found, proof)

    def _lookalike(self, found: Found) -> str:
        spans = self.texts[found.field].spans(("lookalike", found.rule.id))
        return next(self.fields[found.field][start:end] for start, end in spans if end > found.start)

    def near(self, condition: Condition, found: Found) -> str | None:
        """The first term of the context that stands near ``found``; a name is no context of itself."""
        left, right = 0, len(self.fields[found.field])
        if condition.within == "sentence":
            left, right = self.texts[found.field].sentence(found.start, found.end)
        for name in [found.field] if condition.within == "sentence" else self.texts:
            spans = self.texts[name].spans(("context", condition.context))
            for start, end in spans[bisect_left(spans, (left, 0)) if name == found.field else 0 :]:
                if name == found.field and start >= right:
                    break
                if name != found.field or start > found.start or end < found.end:
                    return self.fields[name][start:end]
        return None


def _stands_alone(found: Found) -> bool:
    return not found.rule.after_full and not found.rule.last_resort


def _beside(one: Judged, other: str | None) -> Judged:
    """``one`` as it stands beside the ``other`` rule that found its entity in the item, if any."""
    if one.found.rule.after_full and other is None:
        return Judged(one.found, held_by="after_full", detail="the full name stands nowhere in the item")
    if one.found.rule.last_resort and other is not None:
        return Judged(one.found, held_by="last_resort", detail=f"{other} found the entity already")
    return one


def _winners(kept: Sequence[Found]) -> Callable[[Judged], Judged]:
    """Of overlapping spans of one entity in one field the longest stays, then the better score, then the first."""
    places: dict[tuple[str, str], list[Span]] = {}
    rules: dict[tuple[str, str, Span], str] = {}
    for found in sorted(kept, key=lambda one: (one.start - one.end, -one.rule.score, one.start, one.rule.id)):
        taken = places.setdefault((found.entity_id, found.field), [])
        if not touches(taken, found.start, found.end):
            insort(taken, (found.start, found.end))
            rules[found.entity_id, found.field, (found.start, found.end)] = found.rule.id

    def judge(one: Judged) -> Judged:
        found = one.found
        if rules.get((found.entity_id, found.field, (found.start, found.end))) == found.rule.id:
            return one
        spans = places[found.entity_id, found.field]
        longer = next(span for span in spans if span[0] < found.end and span[1] > found.start)
        return Judged(found, held_by="overlap", detail=rules[found.entity_id, found.field, longer])

    return judge
