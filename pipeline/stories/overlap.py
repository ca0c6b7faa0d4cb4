"""Whether two texts are one, whole or cut, with or without additions. Pure; knows nothing of titles and feeds.

They begin alike, most of the shorter one stands in the longer one in the same order, and nowhere does one say another
number, name or word where the other says something else. Weights as in ``alignment``.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.stories.alignment import (
    WORD_TO_READERS,
    Block,
    adds,
    alike,
    blocks,
    contradict,
    from_first_long,
    gaps,
    is_cut_off,
    shared_weight,
)
from pipeline.stories.compared import SHORTEST
from pipeline.stories.words import NUMBER, SENTENCE, Words

SHORT = 60  # a text that is shorter says nothing else anywhere, not even more
LEAD = 40  # what both must begin with, and
_ALIKE = 0.8  # how much of that, and of the shorter one, the other must have
#: What only one of the two has before the first common words is a byline, a date, a place or a headline, not news, when
#: it is no longer than this, and no sentence in it longer than that.
_NOISE, _REMARK = 80, 16
#: Two that share their beginning and go on each in its own way: how much must be shared, in all and of the shorter one.
_LONG, _PART = 120, 0.4
_SENTENCES = 3  # a text of no more sentences is not compared sentence by sentence, but as a whole


def is_same_text(a: Words, b: Words, *, under_one_title: bool) -> bool:
    """``a`` is the one with fewer words.

    Two outlets that have one title may both have something of their own before the text.
    """
    found = blocks(a, b)
    longer = from_first_long(a, b, found)
    ways = [found] if longer == found else [found, longer]
    fits = any(_is_one(a, b, way, under_one_title=under_one_title) for way in ways if way)
    return fits or _is_rearranged(a, b)


def _is_one(a: Words, b: Words, found: Sequence[Block], *, under_one_title: bool) -> bool:
    if not _begin_alike(a, b, found, under_one_title=under_one_title):
        return False
    between = [gap for gap in gaps(a, b, found) if gap.a[0] or gap.b[0]]
    if any(contradict(a, b, gap) for gap in between):
        return False
    if a.weight < SHORT and any(adds(a, b, gap) for gap in between if not gap.is_last):
        return False
    return _covers(a, b, found)


def _begin_alike(a: Words, b: Words, found: Sequence[Block], *, under_one_title: bool) -> bool:
    first = found[0]
    if not (_is_noise(a, first.a) and _is_noise(b, first.b)):
        return False
    if first.a and first.b and not (under_one_title and a.ends[first.a - 1] and b.ends[first.b - 1]):
        return False
    if SENTENCE in b.ends[: first.b] and sum(b.weights[found[-1].b + found[-1].size :]) > a.weight / 2:
        return False  # a greeting, and much more to come: a round-up
    if a.weight < SHORT and (first.a or (first.b and not b.ends[first.b - 1])):
        return False
    least = min(LEAD, a.weight) * _ALIKE
    lead_a, lead_b = _lead(a, first.a), _lead(b, first.b)
    in_a = sum(sum(a.weights[max(part.a, lead_a[0]) : min(part.a + part.size, lead_a[1])]) for part in found)
    in_b = sum(sum(b.weights[max(part.b, lead_b[0]) : min(part.b + part.size, lead_b[1])]) for part in found)
    return in_a >= least and in_b >= least


def _is_noise(words: Words, size: int) -> bool:
    if sum(words.weights[:size]) > _NOISE:
        return False
    weight = 0
    for at in range(size):
        weight += words.weights[at]
        if words.ends[at] == SENTENCE and weight > _REMARK:
            return False
        weight = 0 if words.ends[at] else weight
    return True


def _lead(words: Words, start: int) -> tuple[int, int]:
    """From ``start`` as far as the first words go that both must have."""
    weight, end = 0, start
    while end < len(words) and weight < LEAD:
        weight += words.weights[end]
        end += 1
    return start, end


def _covers(a: Words, b: Words, found: Sequence[Block]) -> bool:
    """Whether enough of ``a`` stands in ``b``."""
    covered = shared_weight(a, found)
    end_a, end_b = found[-1].a + found[-1].size, found[-1].b + found[-1].size
    while end_a < len(a) and end_b < len(b) and alike(a.word(end_a), b.word(end_b)):
        end_a, end_b = end_a + 1, end_b + 1
    tail = sum(a.weights[end_a:])
    body = a.weight - tail
    if not tail or end_b == len(b) or is_cut_off(a, b, end_a, end_b):
        return covered >= _ALIKE * a.weight
    if tail <= WORD_TO_READERS and a.ends[end_a - 1]:
        return covered >= _ALIKE * body
    parts = bool(a.ends[end_a - 1] and b.ends[end_b - 1])
    is_enough = covered >= _ALIKE * a.weight or (covered >= _LONG and covered >= _PART * a.weight)
    return parts and is_enough and covered >= _ALIKE * body


def _is_rearranged(a: Words, b: Words) -> bool:
    """Whether ``a`` begins with the same sentence as ``b``, and is made of sentences that stand in ``b``."""
    of_a, of_b = _sentences(a), _sentences(b)
    if not of_a or not of_b or of_a[0] != of_b[0] or of_a[0][1] < SHORTEST:
        return False
    last, weight = of_a[-1]
    if len(of_a) > _SENTENCES and weight <= WORD_TO_READERS and NUMBER not in a.kinds[-len(last) :]:
        del of_a[-1]
    known = {sentence for sentence, _ in of_b}
    return all(sentence in known for sentence, _ in of_a)


def _sentences(words: Words) -> list[tuple[tuple[str, ...], int]]:
    """The sentences of a text, each with its weight."""
    found, start = [], 0
    for end in [at + 1 for at, is_end in enumerate(words.ends) if is_end or at == len(words) - 1]:
        found.append((tuple(words.forms[start:end]), sum(words.weights[start:end])))
        start = end
    return found
