"""One field of a document while it is tagged: its sentences, and what stands where in them, in characters.

Lazy: a sentence is cut into words, and shown to spaCy, only when something is looked for that it can hold. No match
runs from one sentence into the next. Knows no condition.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from spacy.tokens import Doc

from pipeline.patterns import LONGEST_MATCH
from pipeline.tag.search import Key, Search, Span
from pipeline.text import Tokens, normalise, sentences, tokenise

# Words shown to spaCy at once. A longer "sentence" is a list or a table and is shown in pieces that overlap, so that no
# match is lost and no single call, which nothing can interrupt, takes long.
_LONGEST_PART = 2 * LONGEST_MATCH


class Text:
    """One field of a document; everything is worked out once, when first asked for."""

    def __init__(self, text: str, search: Search) -> None:
        self.normal = normalise(text)
        self._search = search
        self._spans: dict[Key, list[Span]] = {}

    @functools.cached_property
    def sentences(self) -> list[Span]:
        """Start and end of each sentence, covering the text."""
        return sentences(self.normal)

    @functools.cached_property
    def _holding(self) -> dict[Key, list[_Sentence]]:
        """The sentences that may hold each key."""
        holding: dict[Key, list[_Sentence]] = {}
        for start, end in self.sentences:
            sentence = _Sentence(self._search, self.normal[start:end], start)
            for key in sentence.keys:
                holding.setdefault(key, []).append(sentence)
        return holding

    def rules(self) -> list[Key]:
        """The keys of the rules that the text may hold, sorted."""
        return sorted(key for key in self._holding if key[0] == "rule")

    def docs_with_rules(self) -> Iterator[Doc]:
        """The sentences that may hold a rule, each once, as spaCy sees them."""
        holding = {id(sentence): sentence for key in self.rules() for sentence in self._holding[key]}
        for sentence in holding.values():
            yield from (part.doc for part in sentence.parts if part.wants)

    def spans(self, key: Key) -> list[Span]:
        """Where the thing under ``key`` stands, in reading order: the longest matches, none touching another."""
        if key not in self._spans:
            parts = [part for sentence in self._holding.get(key, ()) for part in sentence.parts if key in part.keys]
            kept: list[Span] = []
            for start, end in sorted(
                {span for part in parts for span in part.spans(key)}, key=lambda span: (span[0] - span[1], span[0])
            ):
                if not touches(kept, start, end):
                    insort(kept, (start, end))
            self._spans[key] = kept
        return self._spans[key]

    def regex_spans(self) -> Iterator[tuple[str, Span]]:
        """Where the expressions of each ``regex`` rule stand."""
        return self._search.regex_spans(self.normal)

    @functools.cached_property
    def _stripped(self) -> list[Span]:
        parts = [(start, self.normal[start:end]) for start, end in self.sentences]
        return [(start + len(part) - len(part.lstrip()), start + len(part.rstrip())) for start, part in parts]

    def sentence(self, start: int, end: int) -> Span:
        """The sentence or sentences that the span touches, without white space at the ends."""
        first = bisect_right(self.sentences, (start, len(self.normal))) - 1
        last = bisect_left(self.sentences, (end, 0)) - 1
        return self._stripped[first][0], self._stripped[last][1]


class _Sentence:
    """One sentence, from the character ``start`` of its text; ``keys`` are those that it may hold."""

    def __init__(self, search: Search, normal: str, start: int) -> None:
        self._search = search
        self._normal = normal
        self._start = start
        scanned = search.scan(normal) if search.prefilters else None
        self.keys: AbstractSet[Key] = (
            scanned if scanned is not None else {key for part in self.parts for key in part.keys}
        )

    @functools.cached_property
    def parts(self) -> list[_Part]:
        """The sentence, or the pieces of a very long one, as far as they may hold anything."""
        cut = (_Part(self._search, tokens, self._start) for tokens in _pieces(tokenise(self._normal)))
        return [part for part in cut if part.keys]


class _Part:
    """Some words of a sentence, shown to spaCy together; ``keys`` are those that they may hold."""

    def __init__(self, search: Search, tokens: Tokens, start: int) -> None:
        self._search = search
        self._tokens = tokens
        self._start = start
        self.keys = search.possible(tokens.lower)
        #: What spaCy shall find at once; the rest is looked for when asked.
        self.wants = tuple(sorted(key for key in self.keys if key[0] == "rule"))

    @functools.cached_property
    def doc(self) -> Doc:
        """The words as spaCy sees them."""
        doc = self._search.document(self._tokens)
        doc.user_data["wanted"] = self.wants
        return doc

    def spans(self, key: Key) -> Iterator[Span]:
        """Where the thing under ``key`` stands, in characters of the text."""
        starts, ends = self._tokens.starts, self._tokens.ends
        for first, last in self._search.matches(key, self.doc):
            yield self._start + starts[first], self._start + ends[last - 1]


def touches(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether one of ``spans``, sorted and apart from one another, shares a character with the given one."""
    before_end = bisect_left(spans, (end, 0)) - 1  # the last that begins before ``end``
    return before_end >= 0 and spans[before_end][1] > start


def _pieces(tokens: Tokens) -> Iterator[Tokens]:
    size = len(tokens.lower)
    if size <= _LONGEST_PART:
        yield tokens
        return
    for first in range(0, size - LONGEST_MATCH, LONGEST_MATCH):
        cut = slice(first, first + _LONGEST_PART)
        yield Tokens(tokens.lower[cut], tokens.written[cut], tokens.starts[cut], tokens.ends[cut])
