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
from typing import Any

from pipeline.text import AMOUNT, NUMBER, normalise, tokenise

Token = dict[str, Any]

#: Words of which one must stand in a text for a token to match; ``hack*`` stands for every word that begins so.
Need = frozenset[str]

#: Marks that no gap skips. They are words of their own in a text.
SENTENCE_END = (".", "!", "?", ";", "…", "。", "！", "？", "\n")

_GAP = re.compile(r"\.\.\.(\d*)\Z")
LIST_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")
_SLOT = re.compile(r"\{([a-z][a-z0-9._-]*)\}\Z")  # a name with a dot is one that no file gave
_WORDS = re.compile(r"[^{}?*|]+\*?(?:\|[^{}?*|]+\*?)*\Z")
_BUILT_IN_REGEX: Mapping[str, str] = {
    "amount": r"(?:\d[\d.,]* ?(?:[万亿萬億만억조兆]|달러|원|ドル|円|美元|元)+)",
    "number": r"(?:\d[\d.,]*)",
}
_IN_REGEX = re.compile(r"\{([a-z][a-z0-9_-]*)\}")
_PLAIN = re.compile(r"[^{}?*|.]+\Z")
_LONGEST_GAP = 30
#: The most words that one match may take: what lets a text be searched in pieces that overlap by as much.
LONGEST_MATCH = 60
_MOST_GAPS = 4  # each multiplies the ways in which spaCy must follow a pattern
_MOST_VARIANTS = 400
_DEEPEST_LIST = 5
_BUILT_IN_FORMS = frozenset({AMOUNT, NUMBER})
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


class WordLists:
    """Named word lists, each worked out once and shared by every pattern that names it."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self.words = words
        self._known: dict[str, list[list[Step]]] = {}

    def sequences(self, name: str, depth: int) -> list[list[Step]]:
        """The sequences, one of which must stand where ``{name}`` stands. Raises ``PatternError``."""
        if name not in self._known:
            self._known[name] = _slot(name, self, depth)
        return self._known[name]


def compile_pattern(text: str, lists: WordLists, *, of_a_rule: bool = True) -> list[Variant]:
    """The variants that ``text`` stands for.

    A pattern ``of_a_rule`` must ask for a word; a context may be satisfied by an amount alone.

    Raises:
        PatternError: for an element that is no element, an unknown or endless list, a pattern of gaps only, a gap at
            either end, a pattern that may hold no word but amounts and numbers, one that is too wide, or more than 400
            variants.
    """
    variants = _sequences(text, lists, 0)
    compiled = [
        Variant(
            tokens=tuple(step.token for step in variant),
            forms=frozenset().union(*(step.forms for step in variant)),
            needs=tuple(step.forms for step in variant if step.forms and not step.optional),
            longest=sum(step.most for step in variant),
        )
        for variant in variants
    ]
    for steps, variant in zip(variants, compiled, strict=True):
        if variant.longest > LONGEST_MATCH or sum(not step.forms for step in steps) > _MOST_GAPS:
            raise PatternError(
                f"the pattern {text!r} is too wide; it may have {_MOST_GAPS} gaps and take {LONGEST_MATCH} words in all"
            )
        needs = [need for need in variant.needs if need.isdisjoint(_BUILT_IN_FORMS)] if of_a_rule else variant.needs
        if not needs:
            raise PatternError(f"the pattern {text!r} asks for no word; name at least one")
    return compiled


def expand_regex(source: str, words: Mapping[str, Sequence[str]]) -> str:
    """A regular expression with each ``{list}`` replaced by the alternatives of that word list.

    Raises:
        PatternError: for an unknown list, or one whose entries are more than plain words.
    """

    def alternatives(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in _BUILT_IN_REGEX:
            return _BUILT_IN_REGEX[name]
        if name not in words:
            known = ", ".join([*_BUILT_IN_REGEX, *sorted(words)])
            raise PatternError(f"there is no word list {name!r}; the lists are: {known}")
        plain = [part.removesuffix("*") for term in words[name] for part in term.split("|")]
        if not plain or not all(_PLAIN.match(part) for part in plain):
            raise PatternError(f"a regular expression may name lists of plain words only; {name!r} holds patterns")
        return f"(?:{'|'.join(re.escape(part) for part in plain)})"

    return _IN_REGEX.sub(alternatives, source)


def phrase_words(phrase: str) -> list[str]:
    """The small-letter words of an exact ``phrase``, as they stand in a text.

    Raises:
        PatternError: when there is none, or when one is an amount, whose own digits a text does not keep.
    """
    lower = tokenise(normalise(" ".join(phrase.split()))).lower
    if not lower:
        raise PatternError(f"{phrase!r} holds no word; remove it")
    if AMOUNT in lower:
        raise PatternError(f"{phrase!r} holds an amount; write a pattern with {{amount}} in its place")
    return lower


def _sequences(text: str, lists: WordLists, depth: int) -> list[list[Step]]:
    elements = text.split()
    if not elements:
        raise PatternError("a pattern is empty; write at least one word")
    for end in (elements[0], elements[-1]):
        if _GAP.match(end):
            raise PatternError(f"the pattern {text!r} begins or ends with a gap; remove it")
    choices = [_element(element, lists, depth) for element in elements]
    variants = 1
    for choice in choices:
        variants *= len(choice)
    if variants > _MOST_VARIANTS:
        raise PatternError(f"the pattern {text!r} has {variants} variants; {_MOST_VARIANTS} are allowed, so split it")
    return [list(itertools.chain.from_iterable(sequence)) for sequence in itertools.product(*choices)]


def _element(element: str, lists: WordLists, depth: int) -> list[list[Step]]:
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
        sequences = sequences + lists.sequences(name, depth)
    if body == element:
        return sequences
    if len(sequences) == 1 and len(sequences[0]) == 1:  # one optional token is no variant of its own
        only = sequences[0][0]
        return [[Step({**only.token, "OP": "?"}, only.forms, optional=True)]]
    return [*sequences, []]


def _slot(name: str, lists: WordLists, depth: int) -> list[list[Step]]:
    if name in _BUILT_IN:
        token, need = _BUILT_IN[name]
        return [[Step(token, need)]]
    words = lists.words
    if name not in words:
        known = ", ".join([*_BUILT_IN, *sorted(words)])
        raise PatternError(f"there is no word list {name!r}; the lists are: {known}")
    if depth >= _DEEPEST_LIST:
        raise PatternError(f"the word list {name!r} leads back to itself or nests too deeply; list the words plainly")
    plain = [term for term in words[name] if _WORDS.match(term) and not re.search(r"\s|\.\.\.", term)]
    sequences = _alternatives([word for term in plain for word in term.split("|")]) if plain else []
    for term in words[name]:
        if term not in plain:
            sequences += _sequences(term, lists, depth + 1)
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
