"""Text to mentions: the watch-list compiled into spaCy matchers and applied to the fields of a document.

Pure once built: the same text and watch-list give the same mentions. Never reads a file, a clock or the database.

Every rule needs some words; only a sentence that holds them is shown to spaCy, and no match runs from one sentence
into the next. Phrases go through spaCy's PhraseMatcher, token patterns, contexts and look-alikes through its Matcher;
``regex`` rules search the normalised text itself.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import spacy
from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc

from pipeline.models import Mention
from pipeline.patterns import SENTENCE_END, Sieve, compile_pattern, phrase_words
from pipeline.text import AMOUNT, NUMBER, Tokens, normalise, sentences, tokenise
from pipeline.watchlist import Condition, Rule, Watchlist

#: The fields of one document, in reading order: name → plain text.
Fields = Mapping[str, str]

_LONGEST_EVIDENCE, _NEAR = 1000, 300  # characters

Span = tuple[int, int]
Key = tuple[str, str]  # ("rule" | "lookalike", rule id) or ("context", name)

# Stands for every word that no rule asks for, so that spaCy's vocabulary stays as small as the watch-list.
_UNKNOWN = "·"


@dataclass(frozen=True, slots=True)
class _Found:
    """A span that a rule's words matched, before its conditions are asked."""

    entity_id: str
    rule: Rule
    field: str
    start: int
    end: int


class Tagger:
    """A compiled watch-list. Building it takes about a second; build one per process and keep it."""

    def __init__(self, watchlist: Watchlist) -> None:
        self.version = watchlist.version
        self._owners = {rule.id: (entity.id, rule) for entity in watchlist.entities for rule in entity.rules}
        self._regexes: list[tuple[str, re.Pattern[str]]] = []
        self._search = _Search()
        for name in watchlist.contexts:
            self._search.add_patterns(("context", name), [f"{{{name}}}"], watchlist.lists)
        for _, rule in self._owners.values():
            if rule.phrases:
                self._search.add_phrases(("rule", rule.id), rule.phrases, rule.case_sensitive)
            if rule.patterns:
                self._search.add_patterns(("rule", rule.id), rule.patterns, watchlist.lists)
            if rule.lookalikes:
                self._search.add_patterns(("lookalike", rule.id), rule.lookalikes, watchlist.lists)
            flags = re.NOFLAG if rule.case_sensitive else re.IGNORECASE
            self._regexes += [(rule.id, re.compile(source, flags)) for source in rule.regex]

    def tag(self, documents: Iterable[Fields]) -> Iterator[tuple[Mention, ...]]:
        """The mentions of each document, sorted by field order, start, end, entity.

        ``start`` and ``end`` count Unicode characters of the field as given. Nothing in a text raises.
        """
        for fields in documents:
            item = _Item(fields, self._search)
            yield _mentions(item, [span for name in item.texts for span in self._found(item, name)])

    def _found(self, item: _Item, field: str) -> Iterator[_Found]:
        text = item.texts[field]
        spans = [(key[1], at) for key in text.possible() if key[0] == "rule" for at in text.spans(key)]
        for rule_id, regex in self._regexes:
            spans += [(rule_id, m.span()) for m in regex.finditer(text.normal) if m.end() > m.start()]
        for rule_id, (start, end) in spans:
            if not _touches(text.spans(("lookalike", rule_id)), start, end):
                entity_id, rule = self._owners[rule_id]
                yield _Found(entity_id, rule, field, start, end)


class _Search:
    """Everything that is looked for in a sentence, by key; and which of it a sentence can hold at all."""

    def __init__(self) -> None:
        self._vocab = spacy.blank("xx").vocab
        self._matchers: dict[Key, Matcher | PhraseMatcher] = {}
        self._needs: Sieve[Key] = Sieve()
        self._forms = functools.lru_cache(maxsize=1 << 16)(self._needs.forms)

    def add_phrases(self, key: Key, phrases: Iterable[str], case_sensitive: bool) -> None:
        """Look for exact ``phrases`` under ``key``."""
        matcher = PhraseMatcher(self._vocab, attr="ORTH" if case_sensitive else "LOWER")
        for phrase in phrases:
            matcher.add("", [Doc(self._vocab, words=tokenise(normalise(phrase)).written)])
            words = phrase_words(phrase)
            self._needs.add(key, tuple(frozenset({word}) for word in words), frozenset(words))
        self._matchers[key] = matcher

    def add_patterns(self, key: Key, patterns: Iterable[str], words: Mapping[str, Sequence[str]]) -> None:
        """Look for token ``patterns`` under ``key``. Raises ``PatternError``."""
        variants = [variant for pattern in patterns for variant in compile_pattern(pattern, words)]
        matcher = Matcher(self._vocab, validate=False)  # our own compiler wrote the patterns
        for longest in {variant.longest for variant in variants}:
            matcher.add(str(longest), [list(variant.tokens) for variant in variants if variant.longest == longest])
        for variant in variants:
            self._needs.add(key, variant.needs, variant.forms)
        self._matchers[key] = matcher

    def possible(self, words: Iterable[str]) -> set[Key]:
        """The keys that a text with these small-letter words may hold."""
        forms: set[str] = set()
        for word in set(words):
            forms.update(self._forms(word))
        return self._needs.met(forms)

    def document(self, tokens: Tokens, first: int, last: int) -> Doc:
        """Some of the words as spaCy shall see them: those that no rule knows are all alike."""
        words = [
            AMOUNT if lower == AMOUNT else written if self._known(lower) else NUMBER if lower[0].isdigit() else _UNKNOWN
            for lower, written in zip(tokens.lower[first:last], tokens.written[first:last], strict=True)
        ]
        return Doc(self._vocab, words=words)

    def matches(self, key: Key, doc: Doc) -> list[Span]:
        """Where the thing under ``key`` stands, in words of ``doc``: the longest matches, none touching another."""
        strings = self._vocab.strings
        found = {
            (first, last)
            for name, first, last in self._matchers[key](doc)
            if not strings[name] or last - first <= int(strings[name])
        }
        kept: list[Span] = []
        for first, last in sorted(found, key=lambda span: (span[0] - span[1], span[0])):
            if not _touches(kept, first, last):
                insort(kept, (first, last))
        return kept

    def _known(self, lower: str) -> bool:
        return lower in SENTENCE_END or any(form != NUMBER for form in self._forms(lower))


class _Text:
    """One field while it is tagged; everything is worked out once, when first asked for."""

    def __init__(self, text: str, search: _Search) -> None:
        self.normal = normalise(text)
        self._search = search
        self._tokens = tokenise(self.normal)
        self._spans: dict[Key, list[Span]] = {}

    @functools.cached_property
    def sentences(self) -> list[Span]:
        return sentences(self.normal)

    @functools.cached_property
    def _parts(self) -> dict[Key, list[_Part]]:
        """The sentences that may hold each key."""
        parts: dict[Key, list[_Part]] = {}
        first = 0
        for _, end in self.sentences:
            last = bisect_left(self._tokens.starts, end, first)
            part = _Part(self._search, self._tokens, first, last)
            for key in self._search.possible(self._tokens.lower[first:last]):
                parts.setdefault(key, []).append(part)
            first = last
        return parts

    def possible(self) -> list[Key]:
        """What the text may hold, sorted; most texts may hold no rule, and then no sentence is looked at."""
        possible = self._search.possible(self._tokens.lower)
        return sorted(self._parts) if any(kind == "rule" for kind, _ in possible) else []

    def spans(self, key: Key) -> list[Span]:
        """Where the thing under ``key`` stands, in characters and in reading order."""
        if key not in self._spans:
            starts, ends = self._tokens.starts, self._tokens.ends
            self._spans[key] = sorted(
                (starts[part.first + first], ends[part.first + last - 1])
                for part in self._parts.get(key, ())
                for first, last in self._search.matches(key, part.doc)
            )
        return self._spans[key]

    @functools.cached_property
    def _stripped(self) -> list[Span]:
        parts = [(start, self.normal[start:end]) for start, end in self.sentences]
        return [(start + len(part) - len(part.lstrip()), start + len(part.rstrip())) for start, part in parts]

    def sentence(self, start: int, end: int) -> Span:
        """The sentence or sentences that the span touches, without white space at the ends."""
        first = bisect_right(self.sentences, (start, len(self.normal))) - 1
        last = bisect_left(self.sentences, (end, 0)) - 1
        return self._stripped[first][0], self._stripped[last][1]


class _Part:
    """One sentence: the words from ``first`` to ``last`` of a text."""

    def __init__(self, search: _Search, tokens: Tokens, first: int, last: int) -> None:
        self.first = first
        self._make = functools.partial(search.document, tokens, first, last)

    @functools.cached_property
    def doc(self) -> Doc:
        return self._make()


class _Item:
    """One document while it is tagged."""

    def __init__(self, fields: Fields, search: _Search) -> None:
        self.fields = fields
        self.texts = {name: _Text(text, search) for name, text in fields.items() if text}

    def context(self, condition: Condition, found: _Found) -> str | None:
        """The first term of the context that stands near ``found``; a name is no context of itself."""
        left, right = 0, len(self.fields[found.field])
        if condition.within == "sentence":
            left, right = self.texts[found.field].sentence(found.start, found.end)
        for field in [found.field] if condition.within == "sentence" else self.texts:
            spans = self.texts[field].spans(("context", condition.context))
            for start, end in spans[bisect_left(spans, (left, 0)) if field == found.field else 0 :]:
                if field == found.field and start >= right:
                    break
                if field != found.field or start > found.start or end < found.end:
                    return self.fields[field][start:end]
        return None


def _mentions(item: _Item, found: Sequence[_Found]) -> tuple[Mention, ...]:
    """The spans whose conditions hold, without overlaps, as mentions with their proof."""
    kept = [(span, proof) for span in found if (proof := _prove(item, span)) is not None]
    named = {span.entity_id for span, _ in kept if not span.rule.after_full}
    kept = [pair for pair in kept if not pair[0].rule.after_full or pair[0].entity_id in named]
    order = {name: position for position, name in enumerate(item.fields)}
    mentions = [
        Mention(
            entity_id=span.entity_id,
            field=span.field,
            start=span.start,
            end=span.end,
            text=item.fields[span.field][span.start : span.end],
            rule=span.rule.id,
            score=span.rule.score,
            evidence=proof,
        )
        for span, proof in _without_overlaps(kept)
    ]
    return tuple(sorted(mentions, key=lambda m: (order[m.field], m.start, m.end, m.entity_id)))


def _prove(item: _Item, found: _Found) -> dict[str, Any] | None:
    """The sentence and the context words that satisfied the rule's conditions, or None when one held it back."""
    if any(item.context(condition, found) is not None for condition in found.rule.unless):
        return None
    context: dict[str, str] = {}
    for condition in found.rule.requires:
        word = item.context(condition, found)
        if word is None:
            return None
        context[condition.context] = word
    start, end = item.texts[found.field].sentence(found.start, found.end)
    if end - start > _LONGEST_EVIDENCE:  # text without full stops: keep what stands near
        start, end = max(start, found.start - _NEAR), min(end, found.end + _NEAR)
    proof: dict[str, Any] = {"sentence": item.fields[found.field][start:end], "sentence_start": start}
    return {**proof, "context": context} if context else proof


def _without_overlaps(kept: Sequence[tuple[_Found, dict[str, Any]]]) -> list[tuple[_Found, dict[str, Any]]]:
    """Of overlapping spans of one entity in one field the longest stays, then the better score, then the first."""
    ranked = sorted(
        kept, key=lambda pair: (pair[0].start - pair[0].end, -pair[0].rule.score, pair[0].start, pair[0].rule.id)
    )
    taken: dict[tuple[str, str], list[Span]] = {}
    result = []
    for span, proof in ranked:
        places = taken.setdefault((span.entity_id, span.field), [])
        if not _touches(places, span.start, span.end):
            insort(places, (span.start, span.end))
            result.append((span, proof))
    return result


def _touches(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether one of ``spans``, sorted and apart from one another, shares a character with the given one."""
    before_end = bisect_left(spans, (end, 0)) - 1  # the last that begins before ``end``
    return before_end >= 0 and spans[before_end][1] > start
