"""The way from a document to its mentions: prefilter, search, conditions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline.models import Document, Mention
from pipeline.tag.conditions import Found, HeldBy, Item, Judged
from pipeline.tag.search import Search
from pipeline.text import normalise
from pipeline.watchlist import Rule, Watchlist

_BATCH = 64  # documents


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A span that the words of a rule matched and that is no mention: ``held_by`` a condition, with its ``detail``."""

    entity_id: str
    field: str
    start: int
    end: int
    text: str
    rule: str
    held_by: HeldBy
    detail: str


class Tagger:
    """A compiled watch-list. Building it takes about a second; build one per process and keep it."""

    def __init__(self, watchlist: Watchlist, *, prefilter: bool = True) -> None:
        """Compile ``watchlist``. Without ``prefilter`` every document is searched: slower, and the same mentions."""
        self.version = watchlist.version
        self._subjects = watchlist.subjects
        self._owners = {rule.id: (entity.id, rule) for entity in watchlist.entities for rule in entity.every_rule}
        self._search = _compile(watchlist, [rule for _, rule in self._owners.values()], prefilter=prefilter)

    def tag(self, documents: Iterable[Document]) -> Iterator[tuple[Mention, ...]]:
        """The mentions of each document, sorted by field order, start, end, entity.

        ``start`` and ``end`` count Unicode characters of the field as given. Nothing in a text raises.
        """
        for batch in _batches(documents):
            items = [self._item(document) if self.may_hold(document) else None for document in batch]
            texts = [text for item in items if item is not None for text in item.texts.values()]
            self._search.find(doc for text in texts for doc in text.docs_with_rules())
            for item in items:
                judged = item.judge(self._found(item)) if item is not None else []
                yield _mentions(item, judged) if item is not None else ()

    def explain(self, document: Document) -> tuple[tuple[Mention, ...], tuple[NearMiss, ...]]:
        """The mentions of one document, and the spans that a condition held back, in the same order."""
        item = self._item(document)
        judged = item.judge(self._found(item))
        misses = [
            NearMiss(**_span(item, one.found), held_by=one.held_by, detail=one.detail)
            for one in judged
            if one.held_by is not None
        ]
        order = {name: position for position, name in enumerate(item.fields)}
        return _mentions(item, judged), tuple(
            sorted(misses, key=lambda m: (order[m.field], m.start, m.end, m.entity_id, m.rule))
        )

    def compare(self, document: Document, bare: Rule) -> tuple[tuple[Mention, ...], tuple[Mention, ...]] | None:
        """The mentions of one document, and what they are with ``bare`` in the place of the rule that has its id and
        holds back more; None when that is the same. Most documents are told by a look at the sentences concerned.
        """
        item = self._item(document)
        more = [condition for condition in self._owners[bare.id][1].unless if condition not in bare.unless]
        if not any(item.near(condition, one) for one in self._found(item, bare.id) for condition in more):
            return None
        found = self._found(item)
        without = [replace(one, rule=bare) if one.rule.id == bare.id else one for one in found]
        return _mentions(item, item.judge(found)), _mentions(item, item.judge(without))

    def may_hold(self, document: Document) -> bool:
        """Whether the document passes the prefilter, so that it is searched. Those that do not have no mention."""
        if not self._search.prefilters:
            return True
        texts = [normalise(text) for text in document.fields.values() if text]
        keys = {key for text in texts for key in self._search.scan(text)}
        contexts = {name for kind, name in keys if kind == "context"}
        contexts.update(self._subjects.get(document.feed_id or "", ()))
        for kind, name in keys:
            if kind == "rule" and all(one.context in contexts for one in self._owners[name][1].requires):
                return True
        return any(self._search.has_regex(text) for text in texts)

    def scanner(self) -> Callable[[str], set[str]]:
        """The bare scan of the prefilter, over one normalised text: what the benchmark holds against the whole."""
        return self._search.prefilter.forms

    def _item(self, document: Document) -> Item:
        return Item(document, self._subjects.get(document.feed_id or "", ()), self._search)

    def _found(self, item: Item, only: str = "") -> list[Found]:
        found = []
        for name, text in item.texts.items():
            keys = [("rule", only)] if only else text.rules()
            spans = [(key[1], at) for key in keys for at in text.spans(key)]
            spans += [one for one in text.regex_spans() if one[0] == only or not only]
            for rule_id, (start, end) in spans:
                entity_id, rule = self._owners[rule_id]
                found.append(Found(entity_id, rule, name, start, end))
        return list(dict.fromkeys(found))


def _compile(watchlist: Watchlist, rules: Iterable[Rule], *, prefilter: bool) -> Search:
    search, lists = Search(prefilter=prefilter), watchlist.lists()
    for name in watchlist.contexts:
        search.add_patterns(("context", name), [f"{{{name}}}"], lists)
    for rule in rules:
        if rule.phrases:
            search.add_phrases(("rule", rule.id), rule.phrases, rule.case_sensitive)
        if rule.patterns:
            search.add_patterns(("rule", rule.id), rule.patterns, lists)
        if rule.regex:
            search.add_regex(rule.id, rule.regex, rule.case_sensitive, watchlist.words)
        if rule.lookalikes:
            search.add_patterns(("lookalike", rule.id), rule.lookalikes, lists)
    return search


def _mentions(item: Item, judged: Iterable[Judged]) -> tuple[Mention, ...]:
    order = {name: position for position, name in enumerate(item.fields)}
    mentions = [
        Mention(**_span(item, one.found), score=one.found.rule.score, evidence=one.proof)
        for one in judged
        if one.held_by is None
    ]
    return tuple(sorted(mentions, key=lambda m: (order[m.field], m.start, m.end, m.entity_id)))


def _span(item: Item, found: Found) -> dict[str, Any]:
    """What a mention and a near-miss have in common."""
    return {
        "entity_id": found.entity_id,
        "field": found.field,
        "start": found.start,
        "end": found.end,
        "text": item.fields[found.field][found.start : found.end],
        "rule": found.rule.id,
    }


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while batch := list(itertools.islice(left, _BATCH)):
        yield batch
