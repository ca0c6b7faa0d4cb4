"""How much of one text stands in another, in any script. Pure.

A text is compared by its words, cut to the stem-like beginning and weighed by their length, so that articles and
prepositions count for little in any language; where a script does not part words, by pairs of characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: A text's words and pairs of characters, each with its weight.
Grams = Mapping[str, int]

_UNSPACED = "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_RUN = re.compile(rf"[{_UNSPACED}]+|\d+|[^\W\d_{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_STEM = 5  # letters; what follows is an ending more often than not
_LETTERS = re.compile(r"\w")


def grams(text: str) -> Grams:
    """The words and pairs of ``text`` with their weights."""
    found: dict[str, int] = {}
    for run in _RUN.findall(text.casefold()):
        if _IS_UNSPACED.match(run):
            for start in range(max(len(run) - 1, 1)):
                found[run[start : start + 2]] = 3
        elif run.isdecimal():
            found[run] = min(len(run) + 1, 5)
        elif len(run) > 1:
            found[run[:_STEM]] = max(min(len(run), 10) - 2, 1)
    return found


def weight(part: Grams) -> int:
    """How much there is to compare; a headline of six words weighs about 30."""
    return sum(part.values())


def share(part: Grams, whole: Grams) -> float:
    """Which share of ``part`` stands in ``whole``, from 0 to 1; 0 where there is nothing to compare."""
    total = weight(part)
    return sum(value for gram, value in part.items() if gram in whole) / total if total else 0.0


def size(text: str) -> int:
    """Letters and digits of ``text``; a character of Hangul, kana or Han counts for two."""
    return len(_LETTERS.findall(text)) + len(_IS_UNSPACED.findall(text))
