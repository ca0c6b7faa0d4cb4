"""What differs between two versions of an item: the words, and which mentions, victims and amounts came or went. Pure.

Words are compared one by one; Han characters and hiragana, which stand without spaces, each for itself. Little islands
of agreement between two changes join them, so that a reader sees words and not crumbs. Time and memory stay in
proportion to a text of any usual length (rapidfuzz's Levenshtein alignment needs memory in proportion to its input).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from rapidfuzz.distance import Levenshtein

from pipeline import text
from pipeline.edits.amounts import Amount, amounts
from pipeline.edits.victims import victims
from pipeline.models import FIELDS, Mentioned, Said

#: Longer texts are compared line by line.
_MOST_WORDS = 50_000

_TOKEN = re.compile(
    r"\s+|[$€£¥₩]?\d+(?:[.,]\d+)*%?|[\u30a1-\u30fa\u30fc]+|[\uac00-\ud7af]+|[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W\d\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+(?:['’][^\W\d]+)?|."
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one field that stayed, went or came. ``removed`` stands before the ``added`` that replaced it."""

    kind: Literal["kept", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A mention (by its entity), a victim or an amount that one of two versions has and the other has not."""

    what: Literal["mention", "victim", "amount"]
    is_new: bool
    name: str  # the entity's id; else as written
    rule: str | None  # that found the mention
    sentence: str  # where it stands


@dataclass(frozen=True, slots=True)
class Differences:
    """The changed fields (name → its pieces in reading order, old and new together) and what came or went in them."""

    fields: Mapping[str, tuple[Piece, ...]]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of an item: when it was seen, since when the text before it stood, and what it changed.

    ``awaits_page`` tells that a page was read in full before the edit and not yet after it: what the feed said is then
    compared, not what the page said.
    """

    at: str
    since: str
    differences: Differences
    awaits_page: bool = False


def differences(old: Said, new: Said) -> Differences:
    """What changed from ``old`` to ``new``. Mentions are compared only where both versions keep theirs."""
    fields = {
        field: pieces(getattr(old, field), getattr(new, field))
        for field in FIELDS
        if getattr(old, field) != getattr(new, field)
    }
    return Differences(fields, (*_mention_marks(old, new), *_victim_marks(old, new), *_amount_marks(old, new)))


def edits_of(item: Mapping[str, Any], said: Said, versions: Sequence[tuple[Mapping[str, Any], Said]]) -> list[Edit]:
    """Each edit of a stored item, the oldest first. ``versions`` are (row, what it said), the oldest first."""
    edits = []
    sides = [*versions, (item, said)]
    for (row, old), (next_row, new) in pairwise(sides):
        is_mixed = (row["feed_content"] is None) != (next_row["feed_content"] is None)
        found = (
            differences(_of_feed(old, row["feed_content"]), _of_feed(new, next_row["feed_content"]))
            if is_mixed
            else differences(old, new)
        )
        at = str(next_row["updated_at"] if next_row is item else next_row["seen_at"])
        edits.append(Edit(at, str(row["seen_at"]), found, is_mixed))
    return edits


def _of_feed(said: Said, feed_content: str | None) -> Said:
    """What the feed said, without what stood only in the page's text."""
    if feed_content is None:
        return said
    stay = None
    if said.mentions is not None:
        stay = tuple(one for one in said.mentions if one.field != "content" or one.text in feed_content)
    return replace(said, content=feed_content, mentions=stay)


def pieces(old: str, new: str) -> tuple[Piece, ...]:
    """``old`` and ``new`` as one text in reading order.

    All pieces but the added make ``old``, all but the removed ``new``.
    """
    was, now = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(was) * len(now) > _MOST_WORDS**2:
        was, now = old.splitlines(keepends=True), new.splitlines(keepends=True)
    runs: list[tuple[str, str, str]] = []  # kept, or removed and added
    for code in Levenshtein.opcodes(was, now):
        gone, come = "".join(was[code.src_start : code.src_end]), "".join(now[code.dest_start : code.dest_end])
        runs.append((gone, "", "") if code.tag == "equal" else ("", gone, come))
    found = []
    for kept, gone, come in _joined(runs):
        found += [Piece("kept", kept)] if kept else []
        found += [Piece("removed", gone)] if gone else []
        found += [Piece("added", come)] if come else []
    return tuple(found)


def _joined(runs: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The same runs, changes joined over kept stretches that are small beside them."""
    while True:
        joined: list[tuple[str, str, str]] = []
        at = 0
        while at < len(runs):
            kept, gone, come = runs[at]
            is_between = kept and joined and not joined[-1][0] and at + 1 < len(runs)
            if is_between and _is_crumb(kept, joined[-1], runs[at + 1]):
                _, gone_before, come_before = joined.pop()
                _, gone_after, come_after = runs[at + 1]
                joined.append(("", gone_before + kept + gone_after, come_before + kept + come_after))
                at += 2
            elif not kept and joined and not joined[-1][0]:
                joined[-1] = ("", joined[-1][1] + gone, joined[-1][2] + come)
                at += 1
            else:
                joined.append(runs[at])
                at += 1
        if len(joined) == len(runs):
            return joined
        runs = joined


def _is_crumb(kept: str, before: tuple[str, str, str], after: tuple[str, str, str]) -> bool:
    if "\n" in kept:
        return False
    size = _letters(kept)
    return size == 0 or 2 * size <= min(_letters(max(side[1:], key=_letters)) for side in (before, after))


def _letters(stretch: str) -> int:
    return sum(map(str.isalnum, stretch))


def shortened(given: Iterable[Piece], around: int = 80) -> Iterator[Piece]:
    """``given`` with long unchanged stretches cut to about ``around`` characters beside each change."""
    run = list(given)
    for number, piece in enumerate(run):
        if piece.kind != "kept":
            yield piece
            continue
        head = piece.text[:around].rsplit(None, 1)[0] if number else ""
        tail = piece.text[-around:].split(None, 1)[-1] if number + 1 < len(run) else ""
        is_long = len(piece.text) > len(head) + len(tail) + 20
        yield Piece("kept", f"{head}{' ' if head else ''}…{' ' if tail else ''}{tail}") if is_long else piece


def _mention_marks(old: Said, new: Said) -> Iterator[Mark]:
    if old.mentions is None or new.mentions is None:
        return
    for is_new, here, there in ((False, old, new), (True, new, old)):
        absent = {mention.entity for mention in there.mentions or ()}
        for mention in here.mentions or ():
            if mention.entity not in absent:
                absent.add(mention.entity)
                yield Mark("mention", is_new, mention.entity, mention.rule, _around(here, mention))


def _around(said: Said, mention: Mentioned) -> str:
    return _sentence(getattr(said, mention.field), mention.start)


def _sentence(field: str, at: int) -> str:
    spans = text.sentences(text.normalise(field))
    return next((field[start:end].strip() for start, end in spans if start <= at < end), field.strip())


def _victim_marks(old: Said, new: Said) -> Iterator[Mark]:
    gone, come = _victims_of(old), _victims_of(new)
    for is_new, said, here, there in ((False, old, gone, come), (True, new, come, gone)):
        seen = list(there)
        for name in here:
            if not any(_holds(name, other) or _holds(other, name) for other in seen):
                seen.append(name)
                yield Mark("victim", is_new, name, None, _first_sentence(said, name))


def _victims_of(said: Said) -> list[str]:
    return list(dict.fromkeys(name for field in FIELDS for name in victims(getattr(said, field))))


def _holds(name: str, other: str) -> bool:
    return f" {other.casefold()} " in f" {name.casefold()} "


def _first_sentence(said: Said, name: str) -> str:
    for field in FIELDS:
        for start, end in text.sentences(text.normalise(getattr(said, field))):
            sentence = getattr(said, field)[start:end]
            if name in victims(sentence):
                return str(sentence.strip())
    return ""


def _amount_marks(old: Said, new: Said) -> Iterator[Mark]:
    gone, come = _amounts_of(old), _amounts_of(new)
    for is_new, said, here, there in ((False, old, gone, come), (True, new, come, gone)):
        seen: list[Amount] = [amount for _, amount in there]
        for field, amount in here:
            if not any(amount.is_same(other) for other in seen):
                seen.append(amount)
                yield Mark("amount", is_new, amount.text, None, _sentence(getattr(said, field), amount.start))


def _amounts_of(said: Said) -> list[tuple[str, Amount]]:
    return [(field, one) for field in FIELDS for one in amounts(getattr(said, field))]
