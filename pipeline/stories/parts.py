"""What each copy of a story has that the others have not, and who had it first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.stories.words import words_of
from pipeline.text import normalise, sentences

_MOST_SENTENCES = 400
_SAME = 0.8  # of a sentence's words in a row of three stand in another copy


def own_parts(texts: Sequence[str]) -> list[list[str]]:
    """For each of ``texts`` the sentences that stand in none of the others, in their order; neighbours in one piece.

    A sentence of which four fifths stand in another copy word for word is none of its own.
    """
    bounds = [sentences(normalise(text))[:_MOST_SENTENCES] for text in texts]
    pieces = [[_triples(text[start:end]) for start, end in spans] for text, spans in zip(texts, bounds, strict=True)]
    copies = Counter(piece for own in pieces for piece in set().union(*own))
    found: list[list[str]] = []
    for text, spans, own in zip(texts, bounds, pieces, strict=True):
        parts: list[tuple[int, int]] = []
        for (start, end), triples in zip(spans, own, strict=True):
            shared = sum(copies[piece] > 1 for piece in triples)
            if triples and shared < _SAME * len(triples):
                if parts and parts[-1][1] == start:
                    parts[-1] = (parts[-1][0], end)
                else:
                    parts.append((start, end))
        found.append([text[start:end].strip() for start, end in parts])
    return found


def _triples(sentence: str) -> set[str]:
    forms = words_of(sentence, 400).forms
    return {" ".join(forms[at : at + 3]) for at in range(max(1, len(forms) - 2))} if forms else set()


def first_of(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The item that had the news first, by its own date where that is not in the future, else by when it was seen."""
    return min(
        items, key=lambda row: (min(row["published_at"] or row["first_seen_at"], row["first_seen_at"]), row["id"])
    )
