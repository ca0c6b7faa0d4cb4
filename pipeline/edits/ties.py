"""Whether a stretch of text speaks of what another one speaks of: by words of meaning, names and amounts. Pure.

Rough on purpose, and leaning towards yes: it only decides what an advert beside a news item is.
"""

from __future__ import annotations

import re

from pipeline import text
from pipeline.edits.amounts import amounts

_LETTERS = re.compile(r"[^\W\d_\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]{2,}")
_HANGUL = re.compile(r"[\uac00-\ud7af]{2,}")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")
_HAN = re.compile(r"[\u3400-\u9fff]{2,}")
#: Words that any two texts share, by their first six letters.
_COMMON = frozenset(
    word[:6]
    for word in """
    about above after again against also although always among another around because been before being below
    between both but came can come could daily does doing done down during each even ever every find first five
    following four free from full gave get give good great have having here himself home how inside into its
    just know last later least less like live local made make makes many may might month months more morning
    most much must near need never news new next night now off often one only online other our out over own page
    part people per place plan plus readers right said same says see several shall she should show since site
    some start still story such take than that the their them then there these they this those three through
    time times today together tomorrow too two under until upon use very want was way week weeks weekly well
    were what when where whether which while who whole whose why will with within without word words work world
    would year years yesterday yet you your
    """.split()
)
_COMMON_HANGUL = frozenset(
    "있다 하는 이번 지난 오늘 대한 위해 통해 그리 하지 것으 밝혔 기자 뉴스 합니 입니 있습 했다 했습 된다 한다 지금 우리"
    " 모든 가장 함께 새로".split()
)
_COMMON_HAN = frozenset(
    "今日 昨日 本日 我们 可以 一个 这个 以及 他们 因为 所以 目前 最新 新聞 新闻 记者 報道 报道 日本 中国 韓国"
    " 韩国".split()
)


def ties(one: str, other: str) -> bool:
    """Whether the two share a name, an amount, or two words of meaning."""
    names, words, pairs = _keys(one)
    other_names, other_words, other_pairs = _keys(other)
    if names & (other_names | other_words) or any(
        mine.is_same(theirs) for mine in amounts(one) for theirs in amounts(other)
    ):
        return True
    shared = pairs & other_pairs
    return (
        len(words & (other_words | other_names)) + (len(shared) + 1) // 2 >= 2
    )  # 交易所 holds two pairs, and is one word


def _keys(given: str) -> tuple[set[str], set[str], set[str]]:
    """Names, words, and pairs of Han characters."""
    plain = text.normalise(given)
    starts = {match.end() for match in re.finditer(r"(?:^|[.!?:\n])[\s\"'(]*", plain)}
    names: set[str] = set()
    words: set[str] = set()
    for match in _LETTERS.finditer(plain):
        key = match.group().casefold()[:6]
        if key in _COMMON or (len(key) < 4 and not match.group().isupper()):
            continue
        is_name = match.group()[0].isupper() and match.start() not in starts
        (names if is_name else words).add(key)
    names.update(match.group() for match in _KATAKANA.finditer(plain))
    words.update({match.group()[:2] for match in _HANGUL.finditer(plain)} - _COMMON_HANGUL)
    pairs = {run[at : at + 2] for run in _HAN.findall(plain) for at in range(len(run) - 1)} - _COMMON_HAN
    return names, words, pairs
