"""The compact notation of token patterns, turned into spaCy Matcher patterns. Pure; knows no entity and no text.

Elements stand apart by spaces; upper and lower case are one:

=================  ========================================================================
``word``           that word; ``hot-wallet`` or ``U.S.`` is read as the text is read
``a|b|{list}``     one of these
``hack*``          a word that begins so; also in alternatives: ``hack*|theft``
``...``            up to three words of the same sentence; ``...6`` up to six. Two gaps of one
                   pattern share what they allow together
``{list}``         one entry of a word list of the watch-list; an entry is itself a pattern,
                   so it may have several words, stems, gaps and other lists
``{amount}``       an amount: ``$41m``, ``1.5 billion``, ``15억 달러``, ``millions of dollars``
``{number}``       a number, with or without a scale: ``4,502.9``, ``1.1만``
``x?``             any of the above but a gap may be absent: ``the?``, ``a|b?``, ``{list}?``
=================  ========================================================================

In Hangul, kana and Han every character is a word: ``...6`` skips six characters there.
The grammar of the result is spaCy's: https://spacy.io/api/matcher
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.text import AMOUNT, NUMBER, normalise, tokenise

Token = dict[str, Any]
K = TypeVar("K")

#: Words of which one must stand in a text for a token to match; ``hack*`` stands for every word that begins so.
Need = frozenset[str]

#: Marks that no gap skips. They are words of their own in a text.
SENTENCE_END = (".", "!", "?", ";", "…", "。", "！", "？", "\n")

_GAP = re.compile(r"\.\.\.(\d*)\Z")
_SLOT = re.compile(r"\{([a-z][a-z0-9_-]*)\}\Z")
_WORDS = re.compile(r"[^{}?*|]+\*?(?:\|[^{}?*|]+\*?)*\Z")
_LONGEST_GAP = 30
_MOST_VARIANTS = 400
_DEEPEST_LIST = 5
_BUILT_IN: Mapping[str, tuple[Token, Need]] = {
    "amount": ({"LOWER": AMOUNT}, frozenset({AMOUNT})),
    "number": ({"LOWER": {"REGEX": rf"^(?:{NUMBER}|{AMOUNT}|\d)"}}, frozenset({NUMBER, AMOUNT})),
}


class PatternError(ValueError):
    """A pattern cannot be read; the text says why and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One spaCy token, the words that it asks for, whether it can be absent, and how many words it takes at most.

    A gap asks for no word.
    """

    token: Token
    forms: Need = frozenset()
    optional: bool = False
    most: int = 1


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a pattern can stand in a text: the spaCy tokens, the words that it knows, and its needs.

    ``longest`` is the most words that it may take; spaCy's ``*``, which stands for a gap, knows no bound of its own.
    (Its ``{0,6}`` does, but follows every way to take three words of six: time grows exponentially with the gap.)
    """

    tokens: tuple[Token, ...]
    forms: Need
    needs: tuple[Need, ...]
    longest: int


def compile_pattern(text: str, words: Mapping[str, Sequence[str]]) -> list[Variant]:
    """The variants that ``text`` stands for, with the word lists ``words``.

    Raises:
        PatternError: for an element that is no element, an unknown or endless list, a pattern of gaps only, a gap at
            either end, or more than 400 variants.
    """
    variants = _sequences(text, words, 0)
    compiled = [
        Variant(
            tokens=tuple(step.token for step in variant),
            forms=frozenset().union(*(step.forms for step in variant)),
            needs=tuple(step.forms for step in variant if step.forms and not step.optional),
            longest=sum(step.most for step in variant),
        )
        for variant in variants
    ]
    if not all(variant.needs for variant in compiled):
        raise PatternError(f"the pattern {text!r} asks for no word; name at least one")
    return compiled


def phrase_words(phrase: str) -> list[str]:
    """The small-letter words of an exact ``phrase``, as they stand in a text.

    Raises:
        PatternError: when there is none, or when one is an amount, whose own digits a text does not keep.
    """
    lower = tokenise(normalise(phrase)).lower
    if not lower:
        raise PatternError(f"{phrase!r} holds no word; remove it")
    if AMOUNT in lower:
        raise PatternError(f"{phrase!r} holds an amount; write a pattern with {{amount}} in its place")
    return lower


def _sequences(text: str, words: Mapping[str, Sequence[str]], depth: int) -> list[list[Step]]:
    elements = text.split()
    if not elements:
        raise PatternError("a pattern is empty; write at least one word")
    for end in (elements[0], elements[-1]):
        if _GAP.match(end):
            raise PatternError(f"the pattern {text!r} begins or ends with a gap; remove it")
    choices = [_element(element, words, depth) for element in elements]
    variants = 1
    for choice in choices:
        variants *= len(choice)
    if variants > _MOST_VARIANTS:
        raise PatternError(f"the pattern {text!r} has {variants} variants; {_MOST_VARIANTS} are allowed, so split it")
    return [list(itertools.chain.from_iterable(sequence)) for sequence in itertools.product(*choices)]


def _element(element: str, words: Mapping[str, Sequence[str]], depth: int) -> list[list[Step]]:
    """The sequences, one of which must stand where ``element`` stands."""
    gap = _GAP.match(element)
    if gap:
        most = int(gap.group(1)[:4] or 3)
        if not 1 <= most <= _LONGEST_GAP:
            raise PatternError(f"the gap {element!r} is out of range; use ...1 to ...{_LONGEST_GAP}")
        return [[Step({"LOWER": {"NOT_IN": list(SENTENCE_END)}, "OP": "*"}, most=most)]]
    body = element.removesuffix("?")
    parts = body.split("|")
    slots = [match.group(1) for part in parts if (match := _SLOT.match(part))]
    plain = [part for part in parts if not _SLOT.match(part)]
    if plain and not _WORDS.match("|".join(plain)):
        raise PatternError(f"{element!r} is no element; use word, a|b, stem*, {{list}}, ... and a trailing ?")
    sequences = _alternatives(plain) if plain else []
    for name in slots:
        sequences = sequences + _slot(name, words, depth)
    if body == element:
        return sequences
    if len(sequences) == 1 and len(sequences[0]) == 1:  # one optional token is no variant of its own
        only = sequences[0][0]
        return [[Step({**only.token, "OP": "?"}, only.forms, optional=True)]]
    return [*sequences, []]


def _slot(name: str, words: Mapping[str, Sequence[str]], depth: int) -> list[list[Step]]:
    if name in _BUILT_IN:
        token, need = _BUILT_IN[name]
        return [[Step(token, need)]]
    if name not in words:
        known = ", ".join([*_BUILT_IN, *sorted(words)])
        raise PatternError(f"there is no word list {name!r}; the lists are: {known}")
    if depth >= _DEEPEST_LIST:
        raise PatternError(f"the word list {name!r} leads back to itself or nests too deeply; list the words plainly")
    plain = [term for term in words[name] if _WORDS.match(term) and not re.search(r"\s|\.\.\.", term)]
    sequences = _alternatives([word for term in plain for word in term.split("|")]) if plain else []
    for term in words[name]:
        if term not in plain:
            sequences += _sequences(term, words, depth + 1)
    if not sequences:
        raise PatternError(f"the word list {name!r} is empty; add a word")
    return sequences


def _alternatives(words: Sequence[str]) -> list[list[Step]]:
    """One token for all words that are one token; a sequence for each other."""
    single: set[str] = set()
    longer: list[list[Step]] = []
    for word in words:
        lower = phrase_words(word.removesuffix("*"))
        if word.endswith("*"):
            lower[-1] += "*"
        if len(lower) == 1:
            single.add(lower[0])
        else:
            longer.append([_word({part}) for part in lower])
    return ([[_word(single)]] if single else []) + longer


def _word(forms: set[str]) -> Step:
    need = frozenset(forms)
    if any(form.endswith("*") for form in forms):
        sources = [re.escape(form[:-1]) if form.endswith("*") else re.escape(form) + "$" for form in sorted(forms)]
        return Step({"LOWER": {"REGEX": f"^(?:{'|'.join(sources)})"}}, need)
    return Step({"LOWER": {"IN": sorted(forms)} if len(forms) > 1 else next(iter(forms))}, need)


class Sieve(Generic[K]):
    """The words that each key cannot do without: tells cheaply what a text may hold, and never loses a match."""

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._stems: set[str] = set()
        self._lengths: set[int] = set()
        self._by_form: dict[str, list[tuple[K, tuple[Need, ...]]]] = {}

    def add(self, key: K, needs: tuple[Need, ...], forms: Need) -> None:
        """Note what one variant of a rule needs, and all the words that it knows."""
        self._words |= {form for form in forms if not form.endswith("*")}
        stems = {form[:-1] for form in forms if form.endswith("*")}
        self._stems |= stems
        self._lengths |= {len(stem) for stem in stems}
        for form in min(needs, key=lambda need: (len(need), -min(map(len, need)), sorted(need))):  # the rarest
            self._by_form.setdefault(form, []).append((key, needs))

    def forms(self, word: str) -> tuple[str, ...]:
        """The forms under which a need may ask for the small-letter ``word``; none when no rule knows it."""
        forms = [word] if word in self._words else []
        forms += [word[:length] + "*" for length in sorted(self._lengths) if word[:length] in self._stems]
        if word[0].isdigit():
            forms.append(NUMBER)
        return tuple(dict.fromkeys(forms))

    def met(self, forms: set[str]) -> set[K]:
        """The keys of which at least one variant has all that it needs among ``forms``."""
        keys: set[K] = set()
        for form in forms & self._by_form.keys():
            for key, needs in self._by_form[form]:
                if key not in keys and not any(need.isdisjoint(forms) for need in needs):
                    keys.add(key)
        return keys
