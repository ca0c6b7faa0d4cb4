"""Which rules a text can satisfy at all: told by the words that they cannot do without, before spaCy sees anything.

``Needs`` knows the words that each key needs. ``Prefilter`` finds which of them stand in a document with one scan over
its characters (Aho and Corasick, CACM 1975), before any word is cut. Both are lossless: what can match passes; what
passes may still hold nothing. A word that nearly every text holds is taken to stand everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from ahocorasick_rs import AhoCorasick, Implementation

from pipeline.patterns import Need
from pipeline.text import AMOUNT, CAPITALS, MAYBE_AMOUNT, NUMBER, is_letter

K = TypeVar("K")

_COMMON = frozenset(
    "and are been for from had has have her his its may not that the their they this was were who will with".split()
)


def _is_everywhere(form: str) -> bool:
    text = form.removesuffix("*") or form
    return text in _COMMON or not text[0].isalnum() or (text.isascii() and text.isalpha() and len(text) < 3)


def _how_common(need: Need) -> tuple[float, list[str]]:
    """Orders needs, the rarest first: a word is taken for the rarer the longer it is, a foreign letter for two."""
    rarity = (0 if _is_everywhere(form) else len(form) if form.isascii() else 2 * len(form) for form in need)
    return sum(2.5**-letters for letters in rarity), sorted(need)


class Needs(Generic[K]):
    """The words that each key cannot do without. ``hack*`` stands for every word that begins so."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self._stems: set[str] = set()
        self._lengths: set[int] = set()
        self._by_form: dict[str, list[tuple[K, tuple[Need, ...]]]] = {}

    def add(self, key: K, needs: tuple[Need, ...], forms: Need) -> None:
        """Note what one variant of a key needs, and all the words that it knows."""
        self.words |= {form for form in forms if not form.endswith("*")}
        stems = {form[:-1] for form in forms if form.endswith("*")}
        self._stems |= stems
        self._lengths |= {len(stem) for stem in stems}
        for form in min(needs, key=_how_common):
            self._by_form.setdefault(form, []).append((key, needs))

    def needed(self) -> set[str]:
        """Every form that a need may be met by."""
        return {form for entries in self._by_form.values() for _, needs in entries for need in needs for form in need}

    def forms(self, word: str) -> tuple[str, ...]:
        """The forms under which a need may ask for the small-letter ``word``; none when no rule knows it."""
        forms = [word] if word in self.words else []
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


class Prefilter:
    """One automaton over every form that any need asks for."""

    def __init__(self, forms: Iterable[str]) -> None:
        #: Forms taken to stand in every text: common, very short, or no word at all.
        self._everywhere: set[str] = set()
        spelled: dict[str, list[str]] = {}
        dotted = {form: capitals.lower() for capitals, form in CAPITALS.items()}
        for form in forms:
            if form in (AMOUNT, NUMBER):
                continue  # told by what amounts are made of
            if _is_everywhere(form):
                self._everywhere.add(form)
                continue
            for spelling in (form, dotted[form]) if form in dotted else (form.removesuffix("*"),):
                spelled.setdefault(spelling, []).append(form)
        self._forms = list(spelled.values())
        self._automaton = AhoCorasick(list(spelled) or ["\0"], implementation=Implementation.ContiguousNFA)

    def forms(self, text: str) -> set[str]:
        """The forms that may stand in normalised ``text``."""
        small = text.lower()
        found = set(self._everywhere)
        if MAYBE_AMOUNT.search(text):
            found |= {AMOUNT, NUMBER}
        for index, start, end in self._automaton.find_matches_as_indexes(small, overlapping=True):
            for form in self._forms[index]:
                if form not in found and _is_word(small, start, end, is_stem=form.endswith("*")):
                    found.add(form)
        return found


def _is_word(text: str, start: int, end: int, *, is_stem: bool) -> bool:
    """Whether a word may begin at ``start`` and, unless it is a stem's, end at ``end``."""
    first, last = text[start], text[end - 1]
    if start and is_letter(first) and is_letter(text[start - 1]):
        return False
    if is_stem or end == len(text):
        return True
    return not (is_letter(last) and is_letter(text[end])) and not (last.isdecimal() and text[end].isdecimal())
