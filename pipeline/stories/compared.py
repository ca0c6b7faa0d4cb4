"""An item as it is compared with others, and the words of its title and text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pipeline.stories.wording import bare_title, body_of, first_sentences
from pipeline.stories.words import HANGUL, NAME, PLAIN, Words, words_of

#: Words of a text that are looked at, from its start.
MOST_WORDS = 1200
#: Words, and characters, of what a text begins with.
LEAD_WORDS, OPENING = 60, 800
#: Weights: a text that has less is none; a title that has less is no proof of anything.
SHORTEST, HEADLINE = 12, 10

_DIGITS, _WIDE_DIGITS = re.compile("[0-9]+"), re.compile("[\uff10-\uff19]")


@dataclass(frozen=True)
class Copy:
    """An item as it is compared. ``feed_id`` and ``canonical_url`` say where it stands."""

    feed_id: str
    canonical_url: str | None
    title: str
    summary: str
    content: str

    @cached_property
    def headline(self) -> Words:
        """The words of its title."""
        return words_of(bare_title(self.title, self.canonical_url), 100)

    @cached_property
    def body(self) -> Words:
        """The words of its text."""
        return words_of(body_of(self.summary, self.content), MOST_WORDS)

    @cached_property
    def lead(self) -> Words:
        """The first words of its text; with those of its title before them where the text is next to nothing."""
        text = first_sentences(body_of(self.summary[: OPENING + 1], self.content[: OPENING + 1], OPENING))
        words = words_of(text, LEAD_WORDS)
        return words if words.weight >= SHORTEST else words_of(f"{bare_title(self.title)}\n{text}", LEAD_WORDS)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The beginnings of all its words, by which inflected ones are known."""
        return frozenset(stems(self.headline)) | frozenset(stems(self.body))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The runs of digits in all that it says."""
        return frozenset(_DIGITS.findall(f"{self.title}\n{self.summary}\n{self.content}"))

    @cached_property
    def has_wide_digits(self) -> bool:
        """Whether digits stand in it as wide as characters of Han."""
        return bool(_WIDE_DIGITS.search(f"{self.title}\n{self.summary}\n{self.content}"))

    @property
    def address(self) -> str | None:
        """Its page's address, unless that is a site's front page."""
        return self.canonical_url if re.match(r"\w+://[^/?]+/?[^/?]", self.canonical_url or "") else None


def stems(words: Words) -> Iterator[str]:
    """The beginnings of all words, by which inflected ones are known."""
    return (stem(form, kind) for form, kind in zip(words.forms, words.kinds, strict=True))


def stem(form: str, kind: int) -> str:
    """The beginning of one word."""
    if kind in (PLAIN, NAME):
        return form[:5]
    return form[:2] if kind == HANGUL else form
