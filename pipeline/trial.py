"""What a further condition would change over stored items: they are tagged with it and without it, and compared.

Nothing is stored. Only items that hold the pattern's words are tagged; the others cannot change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.models import FIELDS, Document, Mention
from pipeline.patterns import compile_pattern
from pipeline.tag import Tagger
from pipeline.tag.prefilter import Needs, Prefilter
from pipeline.text import normalise
from pipeline.watchlist import Exclusion, Watchlist

_MOST_CHANGED = 200  # items


@dataclass(frozen=True, slots=True)
class Change:
    """A mention that the condition would take away or bring."""

    item_id: int
    title: str
    mention: Mention

    @property
    def sentence(self) -> str:
        """Where it stands."""
        return str(self.mention.evidence["sentence"])


@dataclass(frozen=True, slots=True)
class Effect:
    """What comes of a condition over the first ``items`` items. Gained is what takes the place of what is lost."""

    items: int
    lost: tuple[Change, ...]
    gained: tuple[Change, ...]


def effect_of(exclusion: Exclusion, watchlist: Watchlist, rows: Iterable[Mapping[str, Any]]) -> Effect:
    """Compare what the rule's entity gets in ``rows`` (id, feed_id, language and the texts of items) with the
    ``exclusion`` and without it. Ends when 200 items change: such a pattern is too wide, whatever the rest does.

    Raises:
        PatternError: when a pattern of it cannot be read.
        KeyError: when the watch-list has no such rule.
    """
    owner = watchlist.rule(exclusion.rule)
    if owner is None:
        raise KeyError(exclusion.rule)
    entity, bare = owner
    may_change = _holding(exclusion, watchlist)
    tagger = Tagger(watchlist.excluding([exclusion]).only(entity))
    items, changed, lost, gained = 0, 0, [], []
    for row in rows:
        items += 1
        fields = {field: row[field] for field in FIELDS}
        both = None
        if may_change(fields.values()):
            both = tagger.compare(Document(fields, row["feed_id"], row["language"]), bare)
        if both is not None:
            changed += 1
            lost += [Change(row["id"], row["title"], mention) for mention in _beyond(both[1], both[0])]
            gained += [Change(row["id"], row["title"], mention) for mention in _beyond(both[0], both[1])]
        if changed == _MOST_CHANGED:
            break
    return Effect(items, tuple(lost), tuple(gained))


def _beyond(mentions: Iterable[Mention], others: Iterable[Mention]) -> Iterator[Mention]:
    known = {_place(other) for other in others}
    return (mention for mention in mentions if _place(mention) not in known)


def _place(mention: Mention) -> tuple[str, int, int, str]:
    return mention.field, mention.start, mention.end, mention.rule


def _holding(exclusion: Exclusion, watchlist: Watchlist) -> Any:
    """A test of texts: whether they may hold one of the patterns."""
    needs: Needs[bool] = Needs()
    for pattern in exclusion.patterns:
        for variant in compile_pattern(pattern, watchlist.lists(), of_a_rule=False):
            needs.add(True, variant.needs, variant.forms)
    prefilter = Prefilter(needs.needed())

    def may_hold(texts: Iterable[str]) -> bool:
        return any(needs.met(prefilter.forms(normalise(text))) for text in texts)

    return may_hold
