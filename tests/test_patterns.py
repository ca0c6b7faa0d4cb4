"""The notation of patterns: each element matches what it says, and each mistake has its message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models import Document
from pipeline.patterns import PatternError, WordLists, compile_pattern, phrase_words
from pipeline.tag import Tagger
from pipeline.tag.prefilter import Needs
from pipeline.watchlist import Entity, Rule, Watchlist

WORDS = {
    "thing": ("coin*", "hot wallet", "bridge"),
    "deep": ("{thing}", "{amount} in {thing}"),
    "loop": ("{loop}",),
    "empty": (),
    "three": ("a", "b c", "d e", "f g"),
}


def matched(pattern: str, text: str) -> list[str]:
    """What a rule of one ``pattern`` finds in ``text``."""
    rule = Rule(id="x.1", patterns=(pattern,))
    entities = (Entity(id="x", name="X", kind="topic", rules=(rule,)),)
    tagger = Tagger(Watchlist(words=WORDS, contexts={}, entities=entities))
    return [mention.text for mention in next(iter(tagger.tag([Document({"text": text})])))]


@pytest.mark.parametrize(
    ("pattern", "text", "spans"),
    [
        ("stole", "He STOLE it", ["STOLE"]),
        ("stole|took", "He took and stole", ["took", "stole"]),
        ("hack*", "A hacker hacked a shack", ["hacker", "hacked"]),
        ("hack*|theft", "theft by hackers, thefts", ["theft", "hackers"]),
        ("the? loot", "the loot, loot", ["the loot", "loot"]),
        ("stole {amount}", "stole $41m, stole 7", ["stole $41m"]),
        ("stole {number}", "stole $41m, stole 7, stole it", ["stole $41m", "stole 7"]),
        ("stole ... coins", "stole all the old coins; stole a b c d coins", ["stole all the old coins"]),
        ("stole ...1 coins", "stole old coins, stole the old coins", ["stole old coins"]),
        ("stole ...9 coins", "He stole. Then coins fell", []),
        ("a {thing}", "a coin, a hot-wallet, a Hot Wallet", ["a coin", "a hot-wallet", "a Hot Wallet"]),
        ("lost {deep}", "lost $5m in coins, lost bridges, lost bridge", ["lost $5m in coins", "lost bridge"]),
        ("a|{thing}|z", "z bridge", ["z", "bridge"]),
        ("U.S. 110th", "the U.S. 110th lab", ["U.S. 110th"]),
        ("비트코인 ...6 탈취", "비트코인을 모두 탈취했다", ["비트코인을 모두 탈취"]),
        ("бирж* взлом*", "биржу взломали", ["биржу взломали"]),
        ("hot-wallet", "hot wallet", ["hot wallet"]),
        ("Group's", "the group’s", ["group’s"]),
    ],
)
def test_elements(pattern: str, text: str, spans: list[str]) -> None:
    """Each element of the notation matches as its table says."""
    assert matched(pattern, text) == spans


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "is empty"),
        ("... coin", "begins or ends with a gap"),
        ("coin ...", "begins or ends with a gap"),
        ("coin?", "asks for no word"),
        ("a ...0 b", "out of range"),
        ("a ...31 b", "out of range"),
        ("a ...99999999999999999999 b", "out of range"),
        ("a||b", "is no element"),
        ("|", "is no element"),
        ("{nothing}", "there is no word list 'nothing'; the lists are: amount, number"),
        ("{thing", "is no element"),
        ("{Thing}", "is no element"),
        ("ha*ck", "is no element"),
        ("*", "is no element"),
        ("a??", "is no element"),
        ("{loop}", "leads back to itself"),
        ("{empty}", "is empty"),
        ("stole $41m", "is no element|holds an amount"),
        ("x {three} {three} {three} {three} {three}", "1024 variants"),
    ],
)
def test_mistakes(pattern: str, message: str) -> None:
    """Nonsense is refused in one line that says why."""
    with pytest.raises(PatternError, match=message) as caught:
        compile_pattern(pattern, WordLists(WORDS))
    assert "\n" not in str(caught.value)


@given(st.text(st.sampled_from(list("ab|*?{}. 1$-thing")), max_size=25))
def test_any_pattern_compiles_or_is_refused(pattern: str) -> None:
    """No text raises anything but PatternError."""
    try:
        variants = compile_pattern(pattern, WordLists(WORDS))
    except PatternError:
        return
    assert all(variant.needs for variant in variants)


@pytest.mark.parametrize("phrase", ["", "  ", "--"])
def test_phrase_needs_a_word(phrase: str) -> None:
    """A phrase without a word is refused."""
    with pytest.raises(PatternError, match="holds no word"):
        phrase_words(phrase)


def test_every_need_must_be_met() -> None:
    """A key is possible only when every need of one of its variants has a word."""
    needs: Needs[str] = Needs()
    for variant in compile_pattern("stole ... coin*|ether", WordLists({})):
        needs.add("theft", variant.needs, variant.forms)
    forms = {word: set(needs.forms(word)) for word in ("stole", "coins", "ether", "other")}
    assert needs.met(forms["stole"] | forms["coins"]) == {"theft"}
    assert needs.met(forms["stole"] | forms["ether"]) == {"theft"}
    assert needs.met(forms["stole"] | forms["other"]) == set()
