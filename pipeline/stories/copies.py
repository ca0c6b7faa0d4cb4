"""Whether two items are copies of one piece of news: the real overlap of their texts, and what their titles show.

Pure, symmetrical, and of nothing but the two items, so that the order in which items arrive changes nothing. A
follow-up that carries the old paragraphs begins otherwise than the old news; a notice made from a template differs from
others in a name or a number, in its text or its title; a translation shares nothing.
"""

from __future__ import annotations

import re

from pipeline.stories.alignment import blocks, gaps, said, shared_weight
from pipeline.stories.compared import HEADLINE, SHORTEST, Copy, stem, stems
from pipeline.stories.overlap import LEAD, SHORT, is_same_text
from pipeline.stories.words import KANA, NUMBER, NUMBERS, STOP, Words

#: Two titles that share so much were made from one pattern.
_PATTERN = 0.6
#: Two that share so much are one, with another flag before it.
_ONE_TITLE = 0.8
_WHOLE_NUMBER = re.compile("(?<![0-9.,])[0-9]{1,12}(?![.,]?[0-9])")


def is_copy(one: Copy, other: Copy) -> bool:
    """Whether the two tell the same news in the same words."""
    if _are_numbered(one, other) or not _may_be_copy(one, other):
        return False
    a, b = sorted((one, other), key=lambda copy: (len(copy.body), copy.body.forms, copy.headline.forms))
    if _titles_differ(a, b):
        return False
    if a.body.weight < SHORTEST:
        return _is_same_headline(a, b)
    alike = shared_weight(a.headline, blocks(a.headline, b.headline)) / (max(a.headline.weight, b.headline.weight) or 1)
    under_one_title = a.feed_id != b.feed_id and alike >= _ONE_TITLE and a.headline.weight >= HEADLINE
    if under_one_title and a.address is not None and a.address == b.address:
        return True
    return is_same_text(a.body, b.body, under_one_title=under_one_title)


def _are_numbered(one: Copy, other: Copy) -> bool:
    """Whether each title has a number that the other item has nowhere: the quickest to see, as no word is looked at.

    Most notices that are made from one template differ so.
    """
    return _has_own_number(one, other) and _has_own_number(other, one)


def _has_own_number(one: Copy, other: Copy) -> bool:
    own = [digits for digits in _WHOLE_NUMBER.findall(one.title) if digits not in other.numbers]
    if not own or other.has_wide_digits:
        return False
    text = f"{other.title}\n{other.summary}\n{other.content}"
    spelled = [NUMBERS[digits] for digits in own if digits in NUMBERS]
    if spelled and any(word in text.lower() for word in spelled):
        return False
    return any(len(digits) < 4 or f"{int(digits):,}" not in text for digits in own)


def _may_be_copy(one: Copy, other: Copy) -> bool:
    """False where the titles and the first words show already that they are not; what is quick to see."""
    if one.headline.forms == other.headline.forms:
        return True
    shared = shared_weight(one.lead, blocks(one.lead, other.lead))
    return 2 * shared >= min(LEAD, one.lead.weight, other.lead.weight)


def _is_same_headline(a: Copy, b: Copy) -> bool:
    """For two of which one has no text of its own."""
    if a.headline.forms != b.headline.forms or a.headline.weight < HEADLINE:
        return False
    if a.address is not None and a.address == b.address:
        return True
    is_silent = not len(a.body) or _is_within(a.body, b.body) or a.body.forms == a.headline.forms
    return a.feed_id != b.feed_id and is_silent


def _is_within(a: Words, b: Words) -> bool:
    return any(a.forms == b.forms[at : at + len(a)] for at in range(len(b) - len(a) + 1))


def _titles_differ(a: Copy, b: Copy) -> bool:
    """Whether the titles show that two texts, however alike, are about different things."""
    title_a, title_b = a.headline, b.headline
    is_one_feed = a.feed_id == b.feed_id
    if is_one_feed and not len(title_a) and not len(title_b) and a.body.weight < SHORT:
        return True  # what it is about stood in a title that is not there
    if title_a.forms == title_b.forms or not len(title_a) or not len(title_b):
        return False
    own_a, own_b = _unsupported(title_a, b), _unsupported(title_b, a)
    if any(kind == NUMBER for _, kind in own_a) and any(kind == NUMBER for _, kind in own_b):
        return True
    if is_one_feed and a.body.weight < 2 * SHORT and any(kind == NUMBER for _, kind in own_a + own_b):
        return True  # the second report of the same form
    found = blocks(title_a, title_b)
    if shared_weight(title_a, found) >= _PATTERN * max(title_a.weight, title_b.weight):
        return any(
            any(word in own_a for word in said(title_a, gap.a)) and any(word in own_b for word in said(title_b, gap.b))
            for gap in gaps(title_a, title_b, found)
        )
    # A feed that has one text under two titles says the same of many things; another feed has its own headline.
    if is_one_feed and a.body.weight < SHORT and own_a and own_b:
        return True
    most = 0.5 if is_one_feed else 0.8
    return _not_in(title_a, b.body) >= most and _not_in(title_b, a.body) >= most


def _not_in(title: Words, body: Words) -> float:
    """How much of what ``title`` says is not said in ``body``."""
    said_in_body = frozenset(stems(body))
    content = _content(title)
    missing = sum(stem(form, kind) not in said_in_body for form, kind in content)
    return missing / len(content) if content else 0


def _content(words: Words) -> list[tuple[str, int]]:
    return [word for word in said(words, (0, len(words))) if word[1] != KANA and word[0] not in STOP]


def _unsupported(title: Words, other: Copy) -> list[tuple[str, int]]:
    """What ``title`` says that the other item does not, neither in its title nor in its text."""
    return [(form, kind) for form, kind in _content(title) if stem(form, kind) not in other.vocabulary]
