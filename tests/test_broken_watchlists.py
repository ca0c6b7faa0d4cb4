"""Watch-lists broken at random: clear errors with their place, never a traceback; and no rule can hang the daemon."""

from __future__ import annotations

import copy
import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import yamlfile
from pipeline.errors import ConfigError
from pipeline.models import Document
from pipeline.tag import Tagger
from pipeline.watchlist import Entity, Rule, Watchlist, build, from_config
from pipeline.watchlist.models import Pack
from pipeline.watchlist.reading import Part

PATH = Path("own.yaml")
GOOD = """\
description: made for this test
words:
  verb: [stole, "made off with", hack*]
  coin: [bitcoin*, ether]
  coin-ko: [비트코인, 코인]
contexts:
  crypto: ["{coin}", wallet*]
  sport: [league, coach*]
entities:
  - id: theft
    name: Theft
    kind: topic
    aliases: {en: [the great theft], ko: [대도]}
    references: {attack: T1657}
    rules:
      - id: theft.verb
        patterns: ["{verb} ...4 {amount}", "{coin} ...2 stolen"]
        lookalikes: [stole the show]
        requires: [crypto, {context: crypto, within: feed}]
        unless: {context: sport, within: item}
        languages: [en]
        score: 0.8
      - {id: theft.regex, regex: ['{coin-ko}.{0,9}탈취'], last_resort: true}
      - a plain phrase
  - {id: child, name: Child, kind: person, parent: theft, rules: [{id: child.name, phrases: {en: [Kim Child]}}]}
"""
NONSENSE: list[Any] = [
    *(
        None,
        True,
        -1,
        2.5,
        10**30,
        "",
        " ",
        "{",
        "{gone}",
        "a||b",
        "...",
        "... x",
        "x ...999 y",
        "*",
        "(",
        "a*",
        "[z-a]",
    ),
    *(
        r"\1x",
        "(?=a)",
        "$5m",
        "\ud800",
        "\x00",
        "가상",
        "🙂",
        "x" * 5000,
        [],
        [[]],
        {},
        {"a": 1},
        {"": ""},
        ["a", None],
    ),
    *({"within": "page"}, {"context": "x"}),
]
KEYS = [
    "id",
    "rules",
    "phrases",
    "patterns",
    "regex",
    "requires",
    "unless",
    "score",
    "kind",
    "parent",
    "aliases",
    "words",
    "zzz",
]


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a nested value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, part in inner for place in places(part, (*here, key)))]


def broken(seed: int) -> str:
    """The good watch-list with one to three things changed at random, as data or as text."""
    dice = random.Random(seed)
    if dice.random() < 0.3:
        text = GOOD
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(text))
            text = (
                text[:at]
                + dice.choice(["", ":", "\t", "- ", "]", "{", '"', "&a", "*b", "\n", "ü", "#", "!!int "])
                + text[at + 1 :]
            )
        return text
    data = yaml.safe_load(GOOD)
    for _ in range(dice.randint(1, 3)):
        *way, last = dice.choice([place for place in places(data) if place])
        owner = data
        for part in way:
            owner = owner[part]
        change = dice.choice(["value", "drop", "rename", "repeat"])
        if change == "drop":
            del owner[last]
        elif change == "rename" and isinstance(owner, dict):
            owner[dice.choice(KEYS)] = owner.pop(last)
        elif change == "repeat" and isinstance(owner, list):
            owner.append(owner[last])
        else:
            owner[last] = copy.deepcopy(dice.choice(NONSENSE))  # the next change may be made inside it
    return yaml.dump(data, allow_unicode=False)


def read(text: str) -> Watchlist:
    file = yamlfile.parse(text, PATH)
    if file.mistakes:
        raise ConfigError(file.mistakes)
    return build([Part(file, (), file.validate(Pack))])


def test_the_unbroken_one_reads() -> None:
    """The watch-list that the others are made from is right."""
    assert [len(entity.every_rule) for entity in read(GOOD).entities] == [4, 1]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
@example(3956)  # an id of 5,000 letters
@example(4128732)  # the phrase *
def test_a_broken_watchlist_gives_clear_errors(seed: int) -> None:
    """Each mistake is one line that begins with the file and the line; what reads, tags."""
    try:
        watchlist = read(broken(seed))
    except ConfigError as error:
        told = error
    else:
        document = Document({"title": "hackers made off with $5m in bitcoin", "text": "비트코인 탈취"})
        list(Tagger(watchlist).tag([document]))
        return
    lines = str(told).splitlines()
    assert len(lines) == len(told.mistakes) > 0
    for mistake, line in zip(told.mistakes, lines, strict=True):
        assert line.startswith(f"own.yaml:{mistake.line}: ")
        assert 10 < len(mistake.message) < 700


@pytest.mark.parametrize("entry", NONSENSE, ids=lambda value: repr(value)[:20])
def test_nonsense_in_the_configuration_is_a_clear_error(entry: Any, tmp_path: Path) -> None:
    """Whatever stands in the configuration's list is read or refused with its line."""
    text = yaml.dump({"watchlist": [{"pack": "dprk-cyber", "without": entry}, entry]})
    with pytest.raises(ConfigError) as caught:
        from_config(yamlfile.parse(text, tmp_path / "config.yaml"), ("watchlist",))
    assert all(mistake.line for mistake in caught.value.mistakes)


@pytest.mark.parametrize(
    "source",
    [r"(a+)+$", r"(a|a)*b", r"(.*a){25}", r"(x+x+)+y", r"a{1,50}.{0,200}(?:b|c)*z", r"(?:(?:a*)*)*b"],
)
def test_no_expression_is_catastrophic(source: str) -> None:
    """Expressions that take a backtracking engine for ever take time in proportion to the text."""
    rule = Rule(id="x.1", regex=(source,))
    entity = Entity(id="x", name="X", kind="topic", rules=(rule,))
    tagger = Tagger(Watchlist(words={}, contexts={}, entities=(entity,)))
    begin = time.perf_counter()
    list(tagger.tag([Document({"text": "a" * 50_000 + "x" * 50_000})]))
    assert time.perf_counter() - begin < 10


def test_gaps_in_a_text_without_sentences_end() -> None:
    """Three wide gaps between common words, in a text of 4,500 words without a full stop, take seconds."""
    rule = Rule(id="x.1", patterns=("the ...18 the ...18 the ...18 end",))
    entity = Entity(id="x", name="X", kind="topic", rules=(rule,))
    tagger = Tagger(Watchlist(words={}, contexts={}, entities=(entity,)))
    begin = time.perf_counter()
    list(tagger.tag([Document({"text": "the end of " * 1_500})]))
    assert time.perf_counter() - begin < 60
