"""Packs, files and entities in place, joined into one watch-list; every mistake names file, line and rule.

Reads YAML and checks what only shows when the parts stand together: names of lists and contexts, patterns, parents,
repeated ids.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pipeline import yamlfile
from pipeline.errors import ConfigError, Mistake
from pipeline.patterns import LIST_NAME, PatternError, WordLists, compile_pattern, expand_regex
from pipeline.watchlist.models import Entity, Exclusion, Pack, Rule, Watchlist, compile_regex
from pipeline.yamlfile import Where, YamlFile

#: What is watched where a configuration says nothing.
DEFAULT_PACK = "dprk-cyber"
#: What a configuration may say of a pack or file besides its name.
_CHANGES = ("without", "unless")


@dataclass(frozen=True, slots=True)
class Addition:
    """Patterns that a configuration adds to what holds a rule back, and where they stand in it."""

    file: YamlFile
    where: Where
    exclusion: Exclusion


@dataclass(frozen=True, slots=True)
class Part:
    """A file, where in it the one entity stands when it is a configuration, what it gives, and what the configuration
    leaves out of it and adds to it."""

    file: YamlFile
    where: Where
    pack: Pack
    left_out: frozenset[str] = frozenset()
    added: tuple[Addition, ...] = ()

    @property
    def rules(self) -> set[str]:
        """The ids of its rules."""
        return {rule.id for entity in self.pack.entities for rule in entity.every_rule}


def pack_names() -> list[str]:
    """The packs that ship, sorted."""
    folder = resources.files("pipeline") / "packs"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_pack(name: str, subjects: Mapping[str, tuple[str, ...]] | None = None) -> Watchlist:
    """A pack that ships, by name. Raises ``ConfigError`` when the pack is broken."""
    return build([_read_pack(name)], subjects)


def from_config(file: YamlFile, where: Where, subjects: Mapping[str, tuple[str, ...]] | None = None) -> Watchlist:
    """The watch-list that the list at ``where`` of a configuration asks for.

    Each element is ``pack: NAME`` (a watch-list that ships), ``file: PATH`` (one of the user's, relative to the
    configuration), either with ``without: [ID, ...]`` to leave out rules or entities, or an entity in place. Each may
    have ``unless: {RULE: [PATTERN, ...]}``: what holds its rules back besides what they say themselves.
    ``subjects`` tells of each feed which contexts it is about.

    Raises:
        ConfigError: naming file, line and key of every mistake.
    """
    return build(read_parts(file, where), subjects)


def read_parts(file: YamlFile, where: Where) -> list[Part]:
    """What each element of the list at ``where`` gives, in their order. Raises ``ConfigError``."""
    parts: list[Part] = []
    mistakes: list[Mistake] = []
    entries: Any = file.data
    for part in where:
        entries = entries[part]
    for index, entry in enumerate(entries):
        try:
            parts.append(_read_entry(file, (*where, index), entry))
        except ConfigError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return parts


def _read_entry(file: YamlFile, here: Where, entry: Any) -> Part:
    """One element of the configuration's watch-list. Raises ``ConfigError``."""
    what = "pack: NAME, file: PATH or an entity (id, name, kind, rules)"
    if not isinstance(entry, dict):
        raise ConfigError([file.mistake(here, f"is not {what}")])
    if entry.keys() <= {"pack", *_CHANGES} and "pack" in entry:
        if entry["pack"] not in pack_names():
            known = ", ".join(pack_names())
            message = f"no pack {entry['pack']!r}; the packs are: {known}"
            raise ConfigError([file.mistake((*here, "pack"), message)])
        return _changed(file, here, entry, _read_pack(entry["pack"]))
    if entry.keys() <= {"file", *_CHANGES} and "file" in entry:
        own = yamlfile.load(file.path.parent / str(entry["file"]))
        return _changed(file, here, entry, Part(own, (), own.validate(Pack)))
    if len(entry) == 1 and not entry.keys() & Entity.model_fields.keys():
        message = f"is not known here; write {what}"
        raise ConfigError([file.mistake((*here, str(next(iter(entry)))), message)])
    entity = file.validate(Entity, here, leave_out="unless")
    part = Part(file, here, Pack(entities=(entity,)))
    return replace(part, added=_additions(file, here, entry, part.rules))


def _changed(file: YamlFile, here: Where, entry: Mapping[str, Any], part: Part) -> Part:
    """The pack without the rules and entities that ``without`` names, and with the conditions of ``unless``."""
    unwanted = entry.get("without") or []
    if not isinstance(unwanted, list) or not all(isinstance(one, str) for one in unwanted):
        raise ConfigError([file.mistake((*here, "without"), "is not a list of ids; write [ID, ID]")])
    known = part.rules | {entity.id for entity in part.pack.entities}
    missing = next((one for one in unwanted if one not in known), None)
    if missing is not None:
        message = f"has no rule or entity {missing!r}{_hint(missing, known)}"
        raise ConfigError([file.mistake((*here, "without"), message)])
    return replace(part, left_out=frozenset(unwanted), added=_additions(file, here, entry, part.rules))


def _additions(file: YamlFile, here: Where, entry: Mapping[str, Any], rules: set[str]) -> tuple[Addition, ...]:
    """What ``unless`` of one element adds to its ``rules``. Raises ``ConfigError``."""
    here, given = (*here, "unless"), entry.get("unless") or {}
    if not isinstance(given, dict):
        raise ConfigError([file.mistake(here, "is no list of rules; write {RULE: [PATTERN, PATTERN]}")])
    additions, mistakes = [], []
    for rule, patterns in given.items():
        place = (*here, rule)
        if rule not in rules:
            mistakes.append(file.mistake(place, f"has no rule {rule!r}{_hint(rule, rules)}"))
            continue
        by_place: dict[Any, Any] = patterns if isinstance(patterns, dict) else {"sentence": patterns}
        for within, listed in by_place.items():
            inner = (*place, within) if isinstance(patterns, dict) else place
            if within not in ("sentence", "item"):
                mistakes.append(file.mistake(inner, f"unless knows sentence and item only, not {within!r}; rename it"))
            elif not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
                mistakes.append(file.mistake(inner, "is not a list of patterns; write [PATTERN, PATTERN]"))
            else:
                additions.append(Addition(file, inner, Exclusion(rule=rule, within=within, patterns=tuple(listed))))
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(additions)


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def build(parts: Iterable[Part], subjects: Mapping[str, tuple[str, ...]] | None = None) -> Watchlist:
    """Join packs and check what only shows when they stand together: names, patterns, parents, duplicates.

    Raises:
        ConfigError: naming file, line and rule of every mistake.
    """
    parts = list(parts)
    whole = Watchlist(
        words={name: terms for part in parts for name, terms in part.pack.words.items()},
        contexts={name: terms for part in parts for name, terms in part.pack.contexts.items()},
        entities=tuple(entity for part in parts for entity in part.pack.entities),
        subjects=dict(subjects or {}),
    )
    lists = whole.lists()
    additions = [addition for part in parts for addition in part.added]
    mistakes = [*_list_mistakes(parts, lists), *_entity_mistakes(parts, whole, lists)]
    for one in additions:
        prefix = f"rule {one.exclusion.rule}: "
        mistakes += _pattern_mistakes(one.file, one.where, prefix, one.exclusion.patterns, lists, of_a_rule=False)
    if mistakes:
        raise ConfigError(mistakes)
    whole = whole.excluding(one.exclusion for one in additions)
    return whole.without(frozenset(one for part in parts for one in part.left_out))


def _list_mistakes(parts: Sequence[Part], lists: WordLists) -> Iterator[Mistake]:
    """What is wrong with word lists and contexts."""
    owners: dict[str, Path] = {}
    for part in parts:
        file = part.file
        for kind, named in (("words", part.pack.words), ("contexts", part.pack.contexts)):
            for name in named:
                place = (kind, name)
                if name in owners:
                    yield file.mistake(place, f"the list {name} stands twice (also in {owners[name].name}); rename one")
                owners.setdefault(name, file.path)
                if not LIST_NAME.match(name):
                    yield file.mistake(place, "is no name of a list; use small letters, digits, - and _, such as coin")
                    continue
                yield from _pattern_mistakes(file, place, "", [f"{{{name}}}"], lists, of_a_rule=False)


def _entity_mistakes(parts: Sequence[Part], whole: Watchlist, lists: WordLists) -> Iterator[Mistake]:
    """What is wrong with entities and their rules."""
    known = {entity.id for entity in whole.entities}
    entity_ids: set[str] = set()
    rule_ids: set[str] = set()
    for part in parts:
        file = part.file
        for position, entity in enumerate(part.pack.entities):
            here = part.where or ("entities", position)
            if entity.id in entity_ids:
                yield file.mistake((*here, "id"), f"the entity {entity.id} stands twice; rename one")
            entity_ids.add(entity.id)
            if entity.parent is not None and entity.parent not in known:
                yield file.mistake((*here, "parent"), f"there is no entity {entity.parent}; add it or remove parent")
            if entity.aliases:
                rule_ids.add(f"{entity.id}.alias")
            for number, rule in enumerate(entity.rules):
                place = (*here, "rules", number)
                if rule.id in rule_ids:
                    yield file.mistake((*place, "id"), f"the rule {rule.id} stands twice; rename one")
                rule_ids.add(rule.id)
                yield from _rule_mistakes(file, place, rule, whole, lists)


def _rule_mistakes(file: YamlFile, place: Where, rule: Rule, whole: Watchlist, lists: WordLists) -> Iterator[Mistake]:
    for field, conditions in (("requires", rule.requires), ("unless", rule.unless)):
        for condition in conditions:
            if condition.context not in whole.contexts:
                close = difflib.get_close_matches(condition.context, whole.contexts, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(whole.contexts)) or 'none'}"
                message = f"rule {rule.id}: there is no context {condition.context!r}; {hint}"
                yield file.mistake((*place, field), message)
    for number, source in enumerate(rule.regex):
        try:
            compile_regex(expand_regex(source, whole.words), rule.case_sensitive)
        except ValueError as error:
            yield file.mistake((*place, "regex", number), f"rule {rule.id}: {error}")
    for field, patterns in (("patterns", rule.patterns), ("lookalikes", rule.lookalikes)):
        yield from _pattern_mistakes(file, (*place, field), f"rule {rule.id}: ", patterns, lists)


def _pattern_mistakes(
    file: YamlFile, where: Where, prefix: str, patterns: Iterable[str], lists: WordLists, *, of_a_rule: bool = True
) -> Iterator[Mistake]:
    for pattern in patterns:
        try:
            compile_pattern(pattern, lists, of_a_rule=of_a_rule)
        except PatternError as error:
            yield file.mistake(where, f"{prefix}{error}")


def _read_pack(name: str) -> Part:
    file = yamlfile.load(Path(str(resources.files("pipeline") / "packs" / f"{name}.yaml")))
    return Part(file, (), file.validate(Pack))
