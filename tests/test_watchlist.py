"""Reading watch-lists: what is right is read, and what is wrong names file, line, key and rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import yamlfile
from pipeline.errors import ConfigError
from pipeline.watchlist import Watchlist, from_config, load_pack, pack_names

GOOD = """\
watchlist:
  - id: thing
    name: Thing
    kind: topic
    rules:
      - id: thing.one
        phrases: [one thing]
"""


def read(text: str, folder: Path, own: str = "") -> Watchlist:
    """The watch-list of a configuration ``text``; ``own`` becomes own.yaml beside it."""
    (folder / "own.yaml").write_text(own, encoding="utf-8")
    file = yamlfile.parse(text, folder / "config.yaml")
    return from_config(file, ("watchlist",))


def test_entity_in_place(tmp_path: Path) -> None:
    """An entity can stand in the configuration itself."""
    (entity,) = read(GOOD, tmp_path).entities
    assert (entity.id, entity.rules[0].phrases) == ("thing", ("one thing",))


def test_pack_and_file_and_entity_join(tmp_path: Path) -> None:
    """Packs, own files and entities in place make one watch-list, and contexts of one serve the others."""
    own = GOOD.replace("watchlist:", "entities:").replace("thing", "own") + "        requires: dprk\n"
    joined = read(GOOD + "  - pack: dprk-cyber\n  - file: own.yaml\n", tmp_path, own)
    assert {"thing", "own", "unit-180"} <= {entity.id for entity in joined.entities}


def test_short_rule(tmp_path: Path) -> None:
    """A plain text among the rules is a rule of one phrase with an id of its own."""
    text = "watchlist: [{id: t, name: T, kind: topic, rules: [some phrase, another]}]"
    assert [rule.id for rule in read(text, tmp_path).entities[0].rules] == ["t.1", "t.2"]


def test_phrases_by_language(tmp_path: Path) -> None:
    """Phrases may stand in lists by language."""
    text = GOOD.replace("[one thing]", "{en: [one thing], ko: [것]}")
    assert read(text, tmp_path).entities[0].rules[0].phrases == ("one thing", "것")


def test_conditions_default(tmp_path: Path) -> None:
    """``requires`` looks in the item and ``unless`` in the sentence, where nothing else is said."""
    text = (
        GOOD + "        requires: dprk\n        unless: [sport, {context: court, within: item}]\n  - pack: dprk-cyber\n"
    )
    rule = read(text, tmp_path).entities[0].rules[0]
    assert [c.within for c in (*rule.requires, *rule.unless)] == ["item", "sentence", "item"]


def test_version_changes_with_a_rule(tmp_path: Path) -> None:
    """The version is the same for the same watch-list and another for a changed rule."""
    version = read(GOOD, tmp_path).version
    assert read("# a comment\n" + GOOD, tmp_path).version == version
    assert read(GOOD.replace("one thing", "two things"), tmp_path).version != version


RULE = "        phrases: [one thing]\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("phrases:", "phrase:", 7, "did you mean phrases?"),
        ("kind: topic", "kind: thing", 4, "'organisation', 'person', 'place' or 'topic'"),
        ("id: thing.one", "id: Thing One", 6, "may hold only small letters"),
        ("id: thing\n", "id: ''\n", 2, "may hold only small letters"),
        (RULE, "        patterns: ['{gone} x']\n", 7, "rule thing.one: there is no word list 'gone'"),
        (RULE, "        patterns: ['... x']\n", 7, "rule thing.one: the pattern '... x' begins or ends with a gap"),
        (RULE, RULE + "        lookalikes: ['a||b']\n", 8, "rule thing.one: 'a||b' is no element"),
        (RULE, RULE + "        requires: gone\n", 8, "rule thing.one: there is no context 'gone'"),
        (RULE, RULE + "        unless: [gone]\n", 8, "rule thing.one: there is no context 'gone'"),
        (RULE, RULE + "        requires: {context: a, within: page}\n", 8, "'sentence', 'item' or 'feed'"),
        (RULE, RULE + "        regex: [a]\n", 6, "rule thing.one: give exactly one of"),
        (RULE, RULE + "        score: 2\n", 8, "score: 2 is too large"),
        (RULE, "        phrases: ['--']\n", 7, "holds no word"),
        (RULE, "        phrases: ['$5m loan']\n", 7, "holds an amount"),
        (RULE, "        phrases: thing\n", 7, "is not a list"),
        (RULE, "        regex: ['(']\n", 7, "invalid regular expression"),
        (RULE, "        regex: ['a*']\n", 7, "matches the empty text"),
        (RULE, "        patterns: [a]\n        case_sensitive: true\n", 6, "rule thing.one: patterns know no case"),
        ("    kind:", "    parent: gone\n    kind:", 4, "there is no entity gone"),
        (RULE, RULE + "      - {id: thing.one, phrases: [b]}\n", 8, "the rule thing.one stands twice"),
        (RULE, RULE + "  - {id: thing, name: T, kind: topic, rules: [c]}\n", 8, "the entity thing stands twice"),
        (RULE, RULE + "  - pack: dprk\n", 8, "no pack 'dprk'; the packs are: dprk-cyber"),
        (RULE, RULE + "  - pack\n", 8, "is not pack: NAME, file: PATH or an entity"),
        ("    rules:\n      - id: thing.one\n" + RULE, "    rules: []\n", 5, "has no rule; add one"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    """Each mistake is one line that names the file, the line and what to do."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace(old, new, 1), tmp_path)
    (text,) = str(caught.value).splitlines()
    assert text.startswith(f"{tmp_path / 'config.yaml'}:{line}: ")
    assert message in text


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Several mistakes are told together."""
    text = GOOD + "        requires: gone\n        unless: [away]\n  - pack: none\n"
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert len(caught.value.mistakes) >= 1
    with pytest.raises(ConfigError) as caught:
        read(text.replace("  - pack: none\n", ""), tmp_path)
    assert len(caught.value.mistakes) == 2


def test_mistake_in_own_file(tmp_path: Path) -> None:
    """A mistake in a watch-list file names that file, not the configuration."""
    own = "contexts:\n  weak: [a||b]\nentities: []\n"
    with pytest.raises(ConfigError, match=r"own\.yaml:2: contexts\.weak: .*is no element"):
        read("watchlist: [{file: own.yaml}]", tmp_path, own)


def test_missing_own_file(tmp_path: Path) -> None:
    """A watch-list file that is not there is named."""
    with pytest.raises(ConfigError, match=r"gone\.yaml: there is no such file"):
        read("watchlist: [{file: gone.yaml}]", tmp_path)


def test_packs_load() -> None:
    """Every pack that ships is without mistakes."""
    assert "dprk-cyber" in pack_names()
    for name in pack_names():
        assert load_pack(name).entities


def test_aliases_are_a_rule_without_conditions(tmp_path: Path) -> None:
    """Aliases, a list or lists by language, are a rule of phrases called ID.alias, and enough for an entity."""
    text = (
        "watchlist:\n- {id: t, name: T, kind: topic, aliases: {en: [some name], ko: [이름]}}\n"
        "- {id: u, name: U, kind: topic, aliases: [u]}\n"
    )
    one, other = read(text, tmp_path).entities
    assert [(rule.id, rule.phrases) for rule in one.every_rule] == [("t.alias", ("some name", "이름"))]
    assert (one.aliases, other.aliases) == ({"en": ("some name",), "ko": ("이름",)}, {"und": ("u",)})


def test_rules_and_entities_can_be_left_out(tmp_path: Path) -> None:
    """``without`` leaves out rules, aliases and entities of a pack; an entity without a rule goes too."""
    text = "watchlist: [{pack: dprk-cyber, without: [rgb, kimsuky.alias, kimsuky.metal-or-insect, unit-180.hackers]}]"
    left = {entity.id: {rule.id for rule in entity.every_rule} for entity in read(text, tmp_path).entities}
    assert not left.keys() & {"rgb", "kimsuky"}
    assert left["unit-180"] == {"unit-180.name", "unit-180.north", "unit-180.north-here"}
    assert all(entity.parent in {None, *left} for entity in read(text, tmp_path).entities)


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("[unit-18]", "has no rule or entity 'unit-18'; did you mean unit-180?"),
        ("rgb", "is not a list of ids"),
        ("[1]", "is not a list of ids"),
    ],
)
def test_mistakes_in_what_is_left_out(tmp_path: Path, without: str, message: str) -> None:
    """An id that the pack does not have is named with the nearest one."""
    with pytest.raises(ConfigError, match=r"config\.yaml:1: watchlist\[0\]\.without: ") as caught:
        read(f"watchlist: [{{pack: dprk-cyber, without: {without}}}]", tmp_path)
    assert message in str(caught.value)


def test_two_lists_of_one_name(tmp_path: Path) -> None:
    """A file that names a list as the pack does is told so: nothing is replaced in silence."""
    message = r"own\.yaml:2: contexts\.dprk: the list dprk stands twice \(also in dprk-cyber\.yaml\)"
    with pytest.raises(ConfigError, match=message):
        read("watchlist: [{pack: dprk-cyber}, {file: own.yaml}]", tmp_path, "contexts:\n  dprk: [a]\n")


def test_the_version_knows_the_feeds_subjects(tmp_path: Path) -> None:
    """A feed's subject changes what its items are tagged with, and so the version."""
    file = yamlfile.parse(GOOD + "  - pack: dprk-cyber\n", tmp_path / "config.yaml")
    given: list[dict[str, tuple[str, ...]]] = [{}, {"a": ("dprk",)}, {"b": ("dprk",)}]
    assert len({from_config(file, ("watchlist",), subjects).version for subjects in given}) == 3
