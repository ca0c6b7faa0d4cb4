"""The prefilter loses nothing: with and without it the same mentions come out, on random and on real text."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.models import Document
from pipeline.parse import parse
from pipeline.tag import Tagger
from pipeline.tag.prefilter import Needs, Prefilter
from pipeline.text import AMOUNT as TOKEN_AMOUNT
from pipeline.text import NUMBER, normalise, tokenise
from pipeline.watchlist import Watchlist, load_pack
from tests.conftest import SHARED

FEEDS = SHARED / "feeds"


@functools.cache
def pack() -> Watchlist:
    return load_pack("dprk-cyber")


@functools.cache
def tagger(*, prefilter: bool) -> Tagger:
    return Tagger(pack(), prefilter=prefilter)


@functools.cache
def vocabulary() -> list[str]:
    """Every word that the pack knows, stems grown, and words that it does not."""
    lists = {**pack().words, **pack().contexts}
    terms = [part for listed in lists.values() for term in listed for part in term.replace("?", "").split()]
    words = [word for term in terms for word in term.split("|") if word and not set(word) & set("{}.")]
    phrases = [phrase for entity in pack().entities for rule in entity.every_rule for phrase in rule.phrases]
    unspaced = "탈취 훔친 해킹 세탁 회피 은행 被盗 窃取 洗钱 绕过 制裁 盗まれ 流出 銀行 不正送金".split() * 20
    others = "the a in of it said on Monday rain house US UN EU UK U.S. U.N.".split() * 5
    return [*(word.replace("*", "ing") for word in words), *phrases, *unspaced, *others]


SEPARATORS = [" ", " ", " ", "  ", "-", ", ", ". ", "\n", "", "’s ", " “", "\u00a0", "/"]
WORD = st.sampled_from(vocabulary()).flatmap(lambda word: st.sampled_from([word, word, word.upper(), word.title()]))
AMOUNT = st.sampled_from(["$41m", "US$1.5 billion", "4,502.9", "180", "110th", "３억 달러", "millions", "15억 원"])
TEXT = st.lists(
    st.tuples(WORD | AMOUNT | st.text(max_size=4), st.sampled_from(SEPARATORS)), min_size=1, max_size=40
).map(lambda pairs: "".join(word + separator for word, separator in pairs))


@settings(deadline=None, max_examples=300)
@given(TEXT, TEXT)
def test_random_text_has_the_same_mentions_with_and_without(title: str, text: str) -> None:
    """On text made of the pack's own words, in any case and with any separators, nothing is lost and nothing gained."""
    document = Document({"title": title, "text": text})
    assert list(tagger(prefilter=True).tag([document])) == list(tagger(prefilter=False).tag([document]))


@settings(deadline=None)
@given(TEXT)
def test_every_word_of_a_text_is_found_by_the_scan(text: str) -> None:
    """Each form under which a need may ask for a word of the text is among those that the scan finds."""
    needs: Needs[str] = Needs()
    forms = {word if index % 3 else f"{word[:4]}*" for index, word in enumerate(map(str.lower, vocabulary())) if word}
    forms = {form for form in forms if tokenise(normalise(form.removesuffix("*"))).lower == [form.removesuffix("*")]}
    for form in forms:
        needs.add(form, (frozenset({form}),), frozenset({form}))
    normal = normalise(text)
    wanted = {form for word in tokenise(normal).lower for form in needs.forms(word)} & forms
    assert wanted <= Prefilter(forms).forms(normal)


def real_documents() -> Iterator[Document]:
    for path in sorted(FEEDS.glob("*.xml"))[::4]:
        for item in parse(path.read_bytes(), f"http://x.test/{path.name}", "").items:
            yield Document({"title": item.title, "summary": item.summary, "content": item.content[:3000]})


@pytest.mark.skipif(not FEEDS.exists(), reason=f"the real feed files {FEEDS} are not here")
def test_real_text_has_the_same_mentions_with_and_without() -> None:
    """On every fourth of the real feed files nothing is lost, and most items never reach spaCy."""
    documents = list(real_documents())
    assert len(documents) > 1000
    assert list(tagger(prefilter=True).tag(documents)) == list(tagger(prefilter=False).tag(documents))
    assert sum(map(tagger(prefilter=True).may_hold, documents)) < len(documents) / 4


@pytest.mark.parametrize(
    "text",
    [
        "EU listings",
        "E.U. LISTINGS",
        "비트코인 5억 원어치 탈취",
        "比特币交易所被盗",
        "暗号資産が流出した",
    ],
)
def test_what_only_capitals_or_an_expression_tell_passes(text: str) -> None:
    """US without full stops, and what only a regular expression finds, reach the search."""
    document = Document({"text": text})
    assert tagger(prefilter=True).may_hold(document)
    assert next(tagger(prefilter=True).tag([document]))


@pytest.mark.parametrize(
    "amount",
    [
        "$41m",
        "180",
        "３억 달러",
        "millions",
        "half a billion",
        "TENS OF THOUSANDS",
        "cientos de millones",
        "dizaines de millions",
        "сотни миллионов",
        "MİLLİONS",
    ],
)
def test_every_amount_and_number_is_told(amount: str) -> None:
    """What the tokeniser takes for an amount or a number, the scan expects."""
    (word,) = tokenise(normalise(amount)).lower
    assert word == TOKEN_AMOUNT or word[0].isdigit()
    assert Prefilter([TOKEN_AMOUNT]).forms(normalise(amount)) == {TOKEN_AMOUNT, NUMBER}


def test_words_that_run_into_others_are_none() -> None:
    """A word inside a longer one is not that word, a stem begins its word, and digits end where digits end."""
    scan = Prefilter({"ether", "hack*", "180", "정"})
    found = {text: scan.forms(text) & {"ether", "hack*", "180", "정"} for text in ("together", "shack", "1800", "정찰")}
    assert found == {"together": set(), "shack": set(), "1800": set(), "정찰": {"정"}}
    assert scan.forms("ether hacked unit180") >= {"ether", "hack*", "180"}


def test_a_long_text_of_nothing_but_stems_is_scanned_in_time() -> None:
    """A megabyte that hits the automaton at every step takes seconds, not minutes."""
    text = "".join(random.Random(1).choices(["hack", "sanction", "stole ", "u.s.", "180", "제재"], k=200_000))
    begin = time.perf_counter()
    tagger(prefilter=True).may_hold(Document({"text": text}))
    assert time.perf_counter() - begin < 20
