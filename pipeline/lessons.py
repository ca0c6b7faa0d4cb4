"""What a wrong tag can teach: words of its sentence that would have told the rule so, the best first. Pure.

A proposal is a pattern for ``unless``: a word of the wrong mention's sentence, two words that stand side by side, or a
stem that several wrong mentions share. Hangul and katakana are taken by the run, Han by two characters.
"""

from __future__ import annotations

import calendar
import contextlib
import importlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.patterns import PatternError, WordLists, compile_pattern, phrase_words
from pipeline.text import AMOUNT, NUMBER, Tokens, normalise, tokenise
from pipeline.watchlist import Rule, Watchlist

_MOST = 5  # proposals
_LEAST_LETTERS = 3  # of a word in a script that parts words
_LEAST_STEM = 5  # letters; a shorter beginning is shared by words that have nothing to do with one another
_APART = "\x1f"
_HANGUL, _KATAKANA, _HAN = (
    re.compile(f"[{span}]") for span in ("\uac00-\ud7af", "\u30a0-\u30ff", "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff")
)
_GRAMMAR = re.compile(
    "[的了着是在和与與及也就都而或被把将將于於]"
)  # two characters of Han with one of these are no word
#: What Korean joins to a noun; the noun alone is what stands elsewhere, too.
_PARTICLE = re.compile(
    r"(?:에서는|에게서|으로써|으로서|이라고|까지|부터|에서|에게|한테|께서|으로|라고|처럼|보다|마다|에는|와의|과의"
    r"|은|는|이|가|을|를|에|의|와|과|로|도|만)\Z"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences of a rule's stored mentions, by what people said of them."""

    wrong: Sequence[str]
    right: Sequence[str]
    unjudged: Sequence[str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pattern, and in how many sentences of the rule's wrong, right and unjudged mentions it stands."""

    pattern: str
    wrong: int
    right: int
    unjudged: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    words: tuple[str, ...]
    first: int = 0  # which word of the sentence it begins with
    distance: int = 0  # words between it and the mention
    is_stem: bool = False

    @property
    def is_unspaced(self) -> bool:
        return _is_unspaced(self.words[0])

    @property
    def pattern(self) -> str:
        return ("" if self.is_unspaced else " ").join(self.words) + ("*" if self.is_stem else "")

    def says_as_much_as(self, other: _Candidate) -> bool:
        """Whether the ``other`` holds it, or shares a character with it in a script that does not part words."""
        overlaps = self.first < other.first + len(other.words) and other.first < self.first + len(self.words)
        return self.needle in other.needle or (self.is_unspaced and overlaps)

    @property
    def needle(self) -> str:
        return _APART + _APART.join(self.words) + ("" if self.is_stem else _APART)


def propose(
    sentence: str, mention: str, rule: Rule, watchlist: Watchlist, evidence: Evidence, language: str | None = None
) -> list[Proposal]:
    """At most five patterns from the ``sentence`` of a wrong ``mention`` that would hold the ``rule`` back there.

    Those that stand in no sentence of a right mention come first, then those of most wrong ones, then those of the
    fewest right and unjudged ones, then the nearest. No word of the mention, of what the rule looks for and requires,
    and no stop word of ``language`` (ISO 639) or English is proposed.
    """
    wrong, right, unjudged = (
        [_words(one) for one in dict.fromkeys(group)]  # copies of one text count once
        for group in ((sentence, *evidence.wrong), evidence.right, evidence.unjudged)
    )
    groups = [[_marked(words) for words in group] for group in (wrong, right, unjudged)]
    lists = watchlist.lists()
    barred = _Barred(mention, rule, lists, _stop_words(language))
    scored = []
    for candidate in _candidates(sentence, mention, wrong):
        if not barred(candidate) and _is_readable(candidate.pattern, lists):
            counts = (sum(candidate.needle in one for one in group) for group in groups)
            scored.append((candidate, Proposal(candidate.pattern, *counts)))
    scored.sort(key=_rank)
    return _distinct(scored)


def _rank(pair: tuple[_Candidate, Proposal]) -> tuple[Any, ...]:
    candidate, one = pair
    words = 1 if candidate.is_unspaced else len(candidate.words)
    length = len(one.pattern)  # a longer word is a rarer one
    return (one.right > 0, -one.wrong, one.right, one.unjudged, words, candidate.distance, -length, one.pattern)


def _distinct(ranked: Iterable[tuple[_Candidate, Proposal]]) -> list[Proposal]:
    """The best, without those that only say more than a better one does and part no better."""
    kept: list[tuple[_Candidate, Proposal]] = []
    for candidate, proposal in ranked:
        if not any(better.says_as_much_as(candidate) for better, _ in kept):
            kept.append((candidate, proposal))
        if len(kept) == _MOST:
            break
    return [proposal for _, proposal in kept]


def _candidates(sentence: str, mention: str, wrong: Sequence[Sequence[str]]) -> Iterable[_Candidate]:
    """Each once: where it stands nearest to the mention."""
    tokens = tokenise(normalise(sentence))
    at = _place(tokens.lower, tokenise(normalise(mention)).lower)
    seen: dict[str, _Candidate] = {}

    def note(words: Sequence[str], first: int, *, is_stem: bool = False) -> None:
        distance = max(at.start - first - len(words), first - at.stop, 0)
        one = _Candidate(tuple(words), first, distance, is_stem)
        if one.needle not in seen or distance < seen[one.needle].distance:
            seen[one.needle] = one

    units = [unit for unit in _units(tokens, at) if unit.start not in at]
    for unit in units:
        words = tokens.lower[unit.start : unit.stop]
        if _is_unspaced(words[0]):
            for first, last in _runs(words):
                note(words[first:last], unit.start + first)
            continue
        note(words, unit.start)
        for stem in _stems(words[0], wrong):
            note([stem], unit.start, is_stem=True)
    for one, other in itertools.pairwise(units):
        if one.stop == other.start and not any(_is_unspaced(tokens.lower[part]) for part in (one.start, other.start)):
            note(tokens.lower[one.start : other.stop], one.start)
    return seen.values()


def _place(words: Sequence[str], mention: Sequence[str]) -> range:
    for first in range(len(words) - len(mention) + 1):
        if words[first : first + len(mention)] == mention:
            return range(first, first + len(mention))
    return range(0)


def _units(tokens: Tokens, mention: range) -> Iterator[range]:
    """The words: one token each, or the tokens of a run of Hangul, katakana or Han, cut at the mention."""
    first = 0
    for index, word in enumerate(tokens.lower):
        after = index + 1
        is_cut = after in (mention.start, mention.stop)
        script = None if is_cut or after == len(tokens.lower) else _script(word)
        runs_on = script is not None and tokens.ends[index] == tokens.starts[after]
        if not runs_on or _script(tokens.lower[after]) is not script:
            yield range(first, after)
            first = after


def _script(word: str) -> re.Pattern[str] | None:
    return next((script for script in (_HANGUL, _KATAKANA, _HAN) if script.match(word)), None)


def _is_unspaced(word: str) -> bool:
    return _script(word) is not None


def _runs(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Which characters of a run make a word: of Hangul all but a particle, of katakana all, of Han every two."""
    if _HAN.match(words[0]):
        yield from ((first, first + 2) for first in range(len(words) - 1))
        return
    bare = len(_PARTICLE.sub("", "".join(words)))
    if len(words) >= 2:
        yield 0, (bare if bare >= 2 else len(words))


def _stems(word: str, wrong: Sequence[Sequence[str]]) -> Iterator[str]:
    """Beginnings that the word shares with another form of it in the sentences of wrong mentions."""
    for other in {other for words in wrong for other in words}:
        pairs = zip(word, other, strict=False)
        shared = "".join(one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        if other != word and len(shared) >= max(_LEAST_STEM, len(word) * 0.6, len(other) * 0.6):
            yield shared


class _Barred:
    """Words that no proposal may hold."""

    def __init__(self, mention: str, rule: Rule, lists: WordLists, stop: frozenset[str]) -> None:
        needed = [_words(mention), *_needed(rule, lists)]
        forms = {form for words in needed for form in words}
        self._words = {form for form in forms if not form.endswith("*")} | stop
        self._stems = ("\0", *sorted(form[:-1] for form in forms if form.endswith("*")))
        # in scripts that do not part words a character is none: whole names are compared
        self._names = {name for name in ["".join(words) for words in needed] + list(stop) if len(name) > 1}

    def __call__(self, candidate: _Candidate) -> bool:
        if candidate.is_unspaced:
            text = "".join(candidate.words)
            return bool(_GRAMMAR.search(text)) or any(text in name or name in text for name in self._names)
        if candidate.is_stem and any(word.startswith(candidate.words[0]) for word in self._words):
            return True
        return any(
            word in self._words or word.startswith(self._stems) or len(word) < _LEAST_LETTERS or not _is_plain(word)
            for word in candidate.words
        )


def _is_plain(word: str) -> bool:
    return word not in (AMOUNT, NUMBER) and word.replace(".", "").replace("'", "").isalpha()


def _needed(rule: Rule, lists: WordLists) -> Iterator[Sequence[str]]:
    """The rows of words that the rule looks for, and those of the contexts that it requires."""
    for phrase in rule.phrases:
        yield phrase_words(phrase)
    for pattern in [*rule.patterns, *(f"{{{condition.context}}}" for condition in rule.requires)]:
        for variant in compile_pattern(pattern, lists, of_a_rule=False):
            yield [form for token in variant.tokens for form in _forms(token)]
            yield list(variant.forms)


def _forms(token: Mapping[str, Any]) -> list[str]:
    form = token["LOWER"]
    return [form] if isinstance(form, str) else []


def _is_readable(pattern: str, lists: WordLists) -> bool:
    try:
        return bool(compile_pattern(pattern, lists, of_a_rule=False))
    except PatternError:
        return False


def _words(text: str) -> list[str]:
    return tokenise(normalise(text)).lower


def _marked(words: Sequence[str]) -> str:
    return _APART + _APART.join(words) + _APART


def _stop_words(language: str | None) -> frozenset[str]:
    """Those of spaCy, for English and for the language, if it knows that; days and months, which are chance."""
    found = {*calendar.day_name, *calendar.month_name}
    for code in {"en", *re.findall(r"\A[a-z]{2,3}\b", language or "")}:
        with contextlib.suppress(ImportError):
            found |= importlib.import_module(f"spacy.lang.{code}.stop_words").STOP_WORDS
    return frozenset(normalise(word.lower()) for word in found)
