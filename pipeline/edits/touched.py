"""Which changed items of one poll were edited, and which only touched. Pure; nothing here raises.

Some feeds change every item at every poll: another advert, a counter, "3 hours ago". That is no edit. A line (a
paragraph, or the title) is compared without counters and clocks (``counters.settled``). An item whose lines are then
the same was touched. Otherwise each change counts, and one change of weight makes an edit. A change is *furniture* of
the page, not a part of its news, only when both hold:

1. It is repeated. (a) The same line goes from, or comes into, two items or more, and no item keeps the line that goes.
   Or (b) lines at the same place, counted from the top or from the end of the text, change in more than half of the
   feed's items in the body, at least three. Or (c) the item's line at that place was exchanged in its last version,
   and is exchanged again.
2. It has no weight. Nothing in it is a mention, a victim, or word of a correction; and
   either it says itself that it is furniture ("Subscribe to", "Advertisement", "Related stories", 광고, 関連記事,
   相关阅读, or such a line right above it), or is the title of another item of the feed,
   or it takes the place of something wholly different (less than half of the words in common: a fact that is corrected
   leaves its sentence standing), says nothing that the rest of the item needs (they share at most one word of meaning,
   and no name or amount), and is not the item's only text; under (b) and (c) nor its first line, and under (c) it
   names no amount.

So a name or an amount that a feed corrects in every item stays an edit everywhere: its sentence stays, or what it says
is told of in the rest. Titles are never furniture. In doubt it is an edit: the worst is then a version too many. A feed
whose adverts speak of what its items speak of does get versions; they show what changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Indel, Levenshtein

from pipeline.edits.amounts import amounts
from pipeline.edits.counters import settled
from pipeline.edits.ties import ties
from pipeline.edits.victims import victims
from pipeline.models import FIELDS, Said

#: More words in common than this, and a line was reworded, not exchanged.
_ALIKE = 0.5
#: Texts of more lines are compared as a whole.
_MOST_LINES = 5000

_FURNITURE = re.compile(
    r"\b(?:subscribe|sign up|newsletter|advertis(?:ement|ing)|sponsored (?:by|content|post)|promoted|promo code"
    r"|affiliate|follow us|join (?:us|our)|download (?:the|our) app|(?:our|the) app\b|free trial|% off|discount|coupon"
    r"|buy now|shop now|click here|read more|read also|see also|also read|more from|most (?:read|popular)|trending"
    r"|recommended|related (?:stories|articles|news|posts|reading|coverage)|appeared first on|donate|become a member"
    r"|share this|webinar|suscr[ií]b\w+|publicidad|werbung|anzeige|publicité|abonnez|реклама|подпи[сш]\w+)\b|^(?:ad"
    r"|sponsored|related|promotion)\b ?:|광고|구독|뉴스레터|관련 ?기사|많이 본|인기 ?기사|추천 ?기사|무료 ?체험|할인"
    r"|협찬|제보|무단 ?전재|앱 ?다운로드|広告|関連記事|あわせて読みたい|購読|メルマガ|ニュースレター|おすすめ|会員登録"
    r"|人気記事|ランキング|セール|無料体験|キャンペーン|广告|廣告|订阅|訂閱|相关阅读|相关新闻|相關新聞|延伸阅读"
    r"|延伸閱讀|推荐阅读|点击下载|下载客户端|扫码|关注我们|热门|优惠|赞助",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"\bcorrect(?:s|ed|ion)|clarif(?:y|ies|ied|ication)|editor'?s'? note|retract|an earlier version|erratum|withdrawn\b"
    r"|rectific|fe de errata|berichtigung|korrektur|исправлен|정정|바로잡|수정합니다|訂正|お詫び|修正し|更正|勘误|致歉"
    r"|撤稿",
    re.IGNORECASE,
)
_LABELS = re.compile(r"^[^:：]{1,20}[:：]\s*")
_PIECES = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]|\w+")


@dataclass(frozen=True, slots=True)
class Pair:
    """What an item said at the last poll, what it says now, and what its last version said, if it has one.

    In ``before`` a field is empty where it cannot be compared.
    """

    old: Said
    new: Said
    before: Said | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines of one field that went, and those that came in their place."""

    field: str
    top: int  # lines above
    below: int  # lines that follow
    gone: tuple[str, ...]
    come: tuple[str, ...]
    label: str  # the line right above

    @property
    def places(self) -> tuple[tuple[str, str, int], ...]:
        return (self.field, "top", self.top), (self.field, "below", self.below)

    @property
    def is_exchange(self) -> bool:
        """Whether one line took the place of a wholly different one, or lines only went or only came."""
        if not self.gone or not self.come:
            return True
        return len(self.gone) == len(self.come) == 1 and _alike(self.gone[0], self.come[0]) < _ALIKE


def are_edits(pairs: Sequence[Pair], known: int, titles: Collection[str] = ()) -> list[bool]:
    """For each of the ``pairs`` that one poll of a feed brought, whether the item was edited.

    ``known`` counts the items of the body that were stored before, changed or not; ``titles`` are those of the feed's
    items.
    """
    poll = _Poll(pairs, known, titles)
    return [any(poll.has_weight(pair, change, kept) for change in changes) for pair, changes, kept in poll.changed]


class _Poll:
    """The changes of one poll, and how often each comes."""

    def __init__(self, pairs: Sequence[Pair], known: int, titles: Collection[str]) -> None:
        self._most = max(3, known // 2 + 1)
        self._titles = {settled(title).casefold() for title in titles} - {""}
        self.changed = [(pair, *_compared(pair.old, pair.new)) for pair in pairs]
        self._gone, self._come, self._kept = Counter[str](), Counter[str](), set[str]()
        self._places = Counter[tuple[str, str, int]]()
        for _, changes, kept in self.changed:
            self._gone.update({line for change in changes for line in change.gone})
            self._come.update({line for change in changes for line in change.come})
            self._kept.update(line for lines in kept.values() for line in lines)
            self._places.update({place for change in changes for place in change.places})

    def has_weight(self, pair: Pair, change: _Change, kept: dict[str, tuple[str, ...]]) -> bool:
        """Whether ``change`` makes an edit of its item; see the rule above."""
        is_shared, is_everywhere = self._is_shared(change), self._is_everywhere(change)
        if change.field == "title" or not (is_shared or is_everywhere or _changed_before(pair, change)):
            return True
        own = {settled(said.title).casefold() for said in (pair.old, pair.new)}
        lines = [line for line in change.gone + change.come if not self._is_headline(line, own)]
        tagged = {mention.text.casefold() for said in (pair.old, pair.new) for mention in said.mentions or ()}
        for line in lines:
            if _CORRECTION.search(line) or any(words in line.casefold() for words in tagged) or victims(line):
                return True
        if not lines or _names_itself(change, lines):
            return False
        if not change.is_exchange or not kept[change.field] or (change.top == 0 and not is_shared):
            return True
        if not (is_shared or is_everywhere) and any(amounts(line) for line in lines):
            return True
        rest = [pair.old.title, pair.new.title, *(line for stay in kept.values() for line in stay)]
        return ties("\n".join(lines), "\n".join(rest))

    def _is_everywhere(self, change: _Change) -> bool:
        is_one = len(change.gone) <= 1 and len(change.come) <= 1
        return is_one and max(self._places[place] for place in change.places) >= self._most

    def _is_shared(self, change: _Change) -> bool:
        if any(line in self._kept for line in change.gone):
            return False
        return any(
            lines and all(count[line] > 1 for line in lines)
            for lines, count in ((change.gone, self._gone), (change.come, self._come))
        )

    def _is_headline(self, line: str, own: set[str]) -> bool:
        """Whether ``line`` is the title of another item: one of a list of related stories."""
        bare = line.strip("-*•· ").casefold()
        return bool(self._titles - own & {bare, _LABELS.sub("", bare)})


def _compared(old: Said, new: Said) -> tuple[list[_Change], dict[str, tuple[str, ...]]]:
    """The changes between two texts, and the lines of each field that stay."""
    changes: list[_Change] = []
    kept: dict[str, tuple[str, ...]] = {}
    for field in FIELDS:
        before, after = _lines(getattr(old, field)), _lines(getattr(new, field))
        if _solid(before) == _solid(after):
            kept[field] = tuple(after)
            continue
        found, kept[field] = _changes(field, before, after)
        changes.extend(found)
    return changes, kept


def _lines(text: str) -> list[str]:
    return [line for line in map(settled, text.split("\n")) if line]


def _solid(lines: Iterable[str]) -> str:
    return "".join("".join(lines).split())


def _changes(field: str, old: list[str], new: list[str]) -> tuple[list[_Change], tuple[str, ...]]:
    found: list[_Change] = []
    kept: list[str] = []
    gone: list[str] = []
    come: list[str] = []
    label = top = 0

    def close(at: int) -> Iterator[_Change]:
        """The stretch that ends before the old line ``at``; line by line where as many came as went."""
        above = new[label - 1] if label else ""
        if len(gone) == len(come):
            for number, (was, now) in enumerate(zip(gone, come, strict=True)):
                below = len(old) - (top + number + 1)
                yield _Change(field, top + number, below, (was,), (now,), above)
                above = now
        elif gone or come:
            yield _Change(field, top, len(old) - at, tuple(gone), tuple(come), above)

    if len(old) * len(new) > _MOST_LINES**2:
        return [_Change(field, 0, 0, tuple(old), tuple(new), "")], ()
    for code in Levenshtein.opcodes(old, new):
        if code.tag == "equal":
            found.extend(close(code.src_start))
            kept.extend(old[code.src_start : code.src_end])
            gone, come, top, label = [], [], code.src_end, code.dest_end
        else:
            gone += old[code.src_start : code.src_end]
            come += new[code.dest_start : code.dest_end]
    found.extend(close(len(old)))
    return found, tuple(kept)


def _alike(one: str, other: str) -> float:
    return Indel.normalized_similarity(_PIECES.findall(one.casefold()), _PIECES.findall(other.casefold()))


def _names_itself(change: _Change, lines: Sequence[str]) -> bool:
    """Whether lines on both sides, or the line right above, say that this is an advert or a list of links."""
    if len(change.label) <= 60 and _FURNITURE.search(change.label):
        return True
    sides = [[line for line in side if line in lines] for side in (change.gone, change.come)]
    return all(any(_FURNITURE.search(line) for line in side) for side in sides if side)


def _changed_before(pair: Pair, change: _Change) -> bool:
    """Whether a line at this place was exchanged in the item's last version, too."""
    if pair.before is None or not getattr(pair.before, change.field):
        return False
    earlier, _ = _compared(pair.before, pair.old)
    return any(one.is_exchange and set(one.places) & set(change.places) for one in earlier if one.field == change.field)
