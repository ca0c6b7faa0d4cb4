"""How right the watch-list is on documents that people have labelled: precision, recall and F1, and every error.

A gold document holds ``id``, ``title``, ``text``, ``lang`` and ``labels``: entity → the exact strings that show it. An
entity counts once a document: found and labelled is right, found alone is spare, labelled alone is missed. A span of a
right entity is right when it shares a character with a place where one of the labelled strings stands. Only entities
that the gold set labels somewhere are judged.

Two keys more may be given: ``judged``, the only entities of which is known whether they are in the document; and
``feed``, for rules that ask for its subject. Pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.models import Document, Mention


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """A document and what is right for it. ``judged`` is None where every entity is."""

    id: str
    document: Document
    labels: Mapping[str, tuple[str, ...]]
    judged: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one entity, one rule, or many together."""

    right: int = 0
    spare: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of what was found that is right; 1 when nothing was found."""
        found = self.right + self.spare
        return self.right / found if found else 1.0

    @property
    def recall(self) -> float:
        """The share of what is right that was found; 1 when there was nothing to find."""
        wanted = self.right + self.missed
        return self.right / wanted if wanted else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall (van Rijsbergen, 1979)."""
        total = 2 * self.right + self.spare + self.missed
        return 2 * self.right / total if total else 1.0

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.spare + other.spare, self.missed + other.missed)


@dataclass(frozen=True, slots=True)
class Fault:
    """One entity that was found and should not be (``text`` is what was found), or missed (what should be found)."""

    document_id: str
    entity_id: str
    is_spare: bool
    rules: tuple[str, ...]
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What comes of a gold set: scores by entity, precision by rule, the share of right spans, and every fault."""

    documents: int
    entities: Mapping[str, Score]
    rules: Mapping[str, Score]
    spans_right: int
    spans: int
    faults: tuple[Fault, ...]

    def micro(self, only: Collection[str] | None = None) -> Score:
        """All counts together, or those of the entities ``only``."""
        return sum((score for key, score in self.entities.items() if only is None or key in only), Score())


def read_gold(lines: Iterable[str], name: str) -> list[GoldDocument]:
    """Gold documents from JSON lines; ``name`` is the file's, for messages.

    Raises:
        UsageError: naming file and line of the first that is no gold document.
    """
    documents = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            documents.append(_gold(line, f"{name}:{number}"))
    if not documents:
        raise UsageError(f"{name}: holds no document; write one JSON object a line, with id, title, text and labels")
    return documents


def read_object(line: str, place: str) -> dict[str, Any]:
    """One line of JSON as an object whose title and text are texts. Raises ``UsageError`` naming ``place``."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: is not JSON ({error}); each line must be one object") from None
    if not isinstance(value, dict):
        raise UsageError(f'{place}: is not an object; write {{"id": …, "title": …, "text": …}}')
    for key in ("title", "text", "lang", "feed"):
        if not isinstance(value.get(key) or "", str):
            raise UsageError(f"{place}: {key}: is not a text")
    return value


def _gold(line: str, place: str) -> GoldDocument:
    value = read_object(line, place)
    fields = {"title": value.get("title") or "", "text": value.get("text") or ""}
    labels = value.get("labels")
    if not isinstance(labels, dict):
        raise UsageError(f'{place}: labels: is not an object; write {{"entity": ["what shows it"]}}, or {{}} for none')
    for entity, forms in labels.items():
        if not isinstance(forms, list) or not forms or not all(isinstance(form, str) and form for form in forms):
            raise UsageError(f"{place}: labels.{entity}: is not a list of strings; write what shows it, word for word")
        absent = next((form for form in forms if not any(form in text for text in fields.values())), None)
        if absent is not None:
            raise UsageError(f"{place}: labels.{entity}: {absent!r} stands neither in title nor in text")
    judged = value.get("judged")
    if judged is not None and not (isinstance(judged, list) and all(isinstance(one, str) for one in judged)):
        raise UsageError(f'{place}: judged: is not a list of entities; write ["entity"], or remove it when all are')
    document = Document(fields, feed_id=value.get("feed"), language=value.get("lang"))
    return GoldDocument(
        id=str(value.get("id", place)),
        document=document,
        labels={key: tuple(forms) for key, forms in labels.items()},
        judged=None if judged is None else frozenset({*judged, *labels}),
    )


def evaluate(gold: Sequence[GoldDocument], found: Iterable[Sequence[Mention]]) -> Evaluation:
    """Compare what was ``found`` in each document of ``gold`` with its labels."""
    judged = {entity for one in gold for entity in (*one.labels, *(one.judged or ()))}
    entities = {entity: Score() for entity in sorted(judged)}
    rules: Counter[tuple[str, bool]] = Counter()
    spans: Counter[bool] = Counter()
    faults: list[Fault] = []
    for one, mentions in zip(gold, found, strict=True):
        got: dict[str, list[Mention]] = {}
        for mention in mentions:
            if mention.entity_id in (judged if one.judged is None else one.judged):
                got.setdefault(mention.entity_id, []).append(mention)
                rules[mention.rule, mention.entity_id in one.labels] += 1
                if mention.entity_id in one.labels:
                    spans[_is_right(mention, one)] += 1
        for entity in got.keys() | one.labels.keys():
            is_right, is_spare = entity in got and entity in one.labels, entity not in one.labels
            entities[entity] += Score(right=int(is_right), spare=int(is_spare), missed=int(entity not in got))
            if not is_right:
                faults.append(_fault(one, entity, got.get(entity, ())))
    return Evaluation(
        documents=len(gold),
        entities=entities,
        rules={rule: Score(rules[rule, True], rules[rule, False]) for rule in sorted({r for r, _ in rules})},
        spans_right=spans[True],
        spans=spans.total(),
        faults=tuple(sorted(faults, key=lambda fault: (fault.entity_id, fault.is_spare, fault.document_id))),
    )


def _is_right(mention: Mention, one: GoldDocument) -> bool:
    text = one.document.fields[mention.field]
    return any(
        start < mention.end and mention.start < start + len(form)
        for form in one.labels[mention.entity_id]
        for start in range(len(text))
        if text.startswith(form, start)
    )


def _fault(one: GoldDocument, entity: str, mentions: Sequence[Mention]) -> Fault:
    rules = tuple(dict.fromkeys(mention.rule for mention in mentions))
    texts = [mention.text for mention in mentions] if mentions else list(one.labels[entity])
    return Fault(one.id, entity, bool(mentions), rules, " / ".join(texts), one.document.fields["title"])
