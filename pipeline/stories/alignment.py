"""Two texts laid side by side: where they say the same, and what each says in between. Pure.

Weights: a Latin word counts 2, a character of Han 1 (``Words.weights``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq, Levenshtein, Prefix

from pipeline.stories.words import DATE, HANGUL, KANA, NAME, NUMBER, PLAIN, STOP, Words

SLOT = 24  # a place in which templates differ is no longer than this
WORD_TO_READERS = 14  # at the end of a text: where to read on
_SMALLEST_BLOCK, _FIRST_BLOCK = 4, 12
#: Of these one stands in most of what outlets put after the news.
_TO_READERS = frozenset(
    "newsletter subscribe sign editor editors follow whatsapp telegram facebook related appeared article contact"
    " reporter correspondent copyright photo video abonnez correspondant correspondante abonnieren suscríbete leia"
    " redaktion подпишитесь редакция читайте اشترك".split()
)

_SAYING = frozenset(
    "said says say told stated announced reported reports according added noted wrote confirmed explained".split()
)
_RELATIVE = frozenset("today yesterday tomorrow".split())


@dataclass(frozen=True, slots=True)
class Block:
    """So many words in a row that both have, and where they begin in each."""

    a: int
    b: int
    size: int


@dataclass(frozen=True, slots=True)
class Gap:
    """What each says between two blocks, or after the last one."""

    a: tuple[int, int]
    b: tuple[int, int]
    is_last: bool


def blocks(a: Words, b: Words) -> list[Block]:
    """Where the two say the same in the same order. A word that stands alone between others is no such place."""
    return [
        Block(part.src_start, part.dest_start, part.src_end - part.src_start)
        for part in LCSseq.opcodes(a.forms, b.forms)
        if part.tag == "equal" and sum(a.weights[part.src_start : part.src_end]) >= _SMALLEST_BLOCK
    ]


def from_first_long(a: Words, b: Words, found: Sequence[Block]) -> list[Block]:
    """The blocks from the first long one on, which is taken back as far as the two agree.

    Little ones before it are chance: a day that two datelines share, a name in a caption.
    """
    rest = list(found)
    while len(rest) > 1 and shared_weight(a, rest[:1]) < _FIRST_BLOCK:
        del rest[0]
    if rest:
        more, first = 0, rest[0]
        while more < min(first.a, first.b) and a.forms[first.a - more - 1] == b.forms[first.b - more - 1]:
            more += 1
        rest[0] = Block(first.a - more, first.b - more, first.size + more)
    return rest


def shared_weight(words: Words, found: Sequence[Block]) -> int:
    """The weight of the ``blocks`` that were found in ``words``, the first of the two texts."""
    return sum(sum(words.weights[block.a : block.a + block.size]) for block in found)


def gaps(a: Words, b: Words, found: Sequence[Block]) -> Iterator[Gap]:
    """What stands between the blocks; not what only one of the two has before the first or after the last."""
    at_a = at_b = 0
    for block in found:
        begins = at_a == at_b == 0
        if (block.a > at_a or block.b > at_b) and not (begins and 0 in (block.a, block.b)):
            yield Gap((at_a, block.a), (at_b, block.b), is_last=False)
        at_a, at_b = block.a + block.size, block.b + block.size
    if found and at_a < len(a) and at_b < len(b) and not is_cut_off(a, b, at_a, at_b):
        yield Gap((at_a, len(a)), (at_b, len(b)), is_last=True)


def is_cut_off(a: Words, b: Words, at_a: int, at_b: int) -> bool:
    """Whether ``a`` ends in the middle of the word with which ``b`` goes on: ``thre…``, ``4,1…``."""
    if at_a != len(a) - 1 or at_b >= len(b) - 2:
        return False
    return b.kinds[at_b] == NUMBER or b.forms[at_b].startswith(a.forms[at_a])


def contradict(a: Words, b: Words, gap: Gap) -> bool:
    """Whether each of the two says something in this place that the other does not. ``a`` is the shorter one."""
    if gap.is_last:
        tail_a, tail_b = sum(a.weights[slice(*gap.a)]), sum(b.weights[slice(*gap.b)])
        if min(tail_a, tail_b) > SLOT or (tail_a <= WORD_TO_READERS and a.ends[gap.a[0] - 1]):
            return False  # they end differently; the shorter one with a word to its readers
        if a.ends[gap.a[0] - 1] and not _TO_READERS.isdisjoint([*a.forms[slice(*gap.a)], *b.forms[slice(*gap.b)]]):
            return False
    of_a, of_b = said(a, gap.a), said(b, gap.b)
    own_a, own_b = _own(of_a, of_b), _own(of_b, of_a)
    if all(kind in (DATE, NUMBER) or form in _RELATIVE for form, kind in own_a + own_b):  # Tuesday; March 3; yesterday
        return any(_has(own_a, kind) and _has(own_b, kind) for kind in (DATE, NUMBER))
    return bool(own_a and own_b)


def adds(a: Words, b: Words, gap: Gap) -> bool:
    """Whether one of the two says more in this place than small words."""
    return any(kind != KANA and form not in STOP for form, kind in [*said(a, gap.a), *said(b, gap.b)])


def said(words: Words, part: tuple[int, int]) -> list[tuple[str, int]]:
    """The words of a part, with their kinds."""
    return list(zip(words.forms[slice(*part)], words.kinds[slice(*part)], strict=True))


def alike(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether two words are one in two spellings or inflections."""
    (a, kind_a), (b, kind_b) = one, other
    if a == b or {a, b} <= _SAYING:
        return True
    if kind_a == kind_b == HANGUL:
        shared = min(len(a), len(b), 2)
        return a[:shared] == b[:shared]
    if not {kind_a, kind_b} <= {PLAIN, NAME}:
        return False
    if min(len(a), len(b)) >= 7 and Levenshtein.distance(a, b, score_cutoff=1) <= 1:
        return True  # a slip of the pen
    shared = Prefix.similarity(a, b)
    return shared >= 4 and shared >= min(len(a), len(b)) - 3 and abs(len(a) - len(b)) <= 3


def _own(ours: Sequence[tuple[str, int]], theirs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """What the one side says that the other does not say either, in another spelling or inflection."""
    left = list(theirs)
    own = []
    for word in ours:
        form, kind = word
        match = next((other for other in left if alike(word, other)), None)
        if match is not None:
            left.remove(match)
        elif kind != KANA and form not in STOP:
            own.append(word)
    return own


def _has(words: Sequence[tuple[str, int]], kind: int) -> bool:
    return any(own == kind for _, own in words)
