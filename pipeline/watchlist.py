"""The watch-list as data: what is watched and by which rules it is recognised.

Reads YAML into frozen values and checks everything that can be checked without text. Never tags: ``tag.py`` does.

A pack or a configuration gives:

``words``     named lists that a pattern may use as ``{name}``
``contexts``  named lists that a condition may ask for, in the notation of patterns too; one may hold another
``entities``  what is watched, each with its rules

A rule has an id and exactly one of ``phrases``, ``patterns`` or ``regex``: a list, or lists by language. Text is
compared after ``normalise``: case, hyphens, dashes, curly quotes, full-width letters and odd spaces make no difference.
A rule's conditions:

``requires``    contexts, all of which must stand in the item (``within: sentence``: in the sentence), and not as the
                whole mention itself; for "any of" define a joint context: ``[{a}, {b}]``
``unless``      contexts, none of which may stand in the mention's sentence (``within: item``: in the item)
``lookalikes``  patterns; a mention that shares a word with one of them is none (``Emma Lazarus``)
``after_full``  the rule counts only in an item where another rule of the entity found it
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline import yamlfile
from pipeline.errors import ConfigError, Mistake
from pipeline.patterns import PatternError, compile_pattern, phrase_words
from pipeline.yamlfile import Where, YamlFile

_ID = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")


def _checked_id(value: str) -> str:
    if not _ID.match(value):
        raise ValueError(f"the id {value!r} may hold only small letters, digits, dot, hyphen and underscore")
    return value


Id = Annotated[str, AfterValidator(_checked_id)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Frozen):
    """A named context that must (``requires``) or must not (``unless``) stand near a mention."""

    context: str
    within: Literal["sentence", "item"] = "item"


class Rule(_Frozen):
    """One way to recognise an entity."""

    id: Id
    phrases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    lookalikes: tuple[str, ...] = ()
    case_sensitive: bool = False  # for phrases and regex
    requires: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    after_full: bool = False  # only in an item where another rule of the entity found it
    score: float = Field(default=0.9, gt=0, le=1)  # how often a mention by this rule is right, as far as known

    @field_validator("phrases", "patterns", mode="before")
    @classmethod
    def _join_languages(cls, value: Any) -> Any:
        """Lists by language (``ko: [...]``) are one list; the language only helps the reader."""
        if isinstance(value, dict) and all(isinstance(part, list) for part in value.values()):
            return [text for part in value.values() for text in part]
        return value

    @field_validator("phrases")
    @classmethod
    def _check_phrases(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            phrase_words(value)
        return values

    @field_validator("regex")
    @classmethod
    def _check_regex(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                matches_nothing = re.compile(value).match("") is not None
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"invalid regular expression {value!r}: {error}") from None
            if matches_nothing:
                raise ValueError(f"the regular expression {value!r} matches the empty text; make it ask for something")
        return values

    @field_validator("requires", "unless", mode="before")
    @classmethod
    def _read_conditions(cls, value: Any, info: Any) -> Any:
        default = "item" if info.field_name == "requires" else "sentence"
        entries = value if isinstance(value, list) else [value]
        named = [{"context": entry} if isinstance(entry, str) else entry for entry in entries]
        return [{"within": default, **entry} if isinstance(entry, dict) else entry for entry in named]

    @model_validator(mode="after")
    def _check_kind(self) -> Rule:
        kinds = [name for name in ("phrases", "patterns", "regex") if getattr(self, name)]
        if len(kinds) != 1:
            raise ValueError(f"rule {self.id}: give exactly one of phrases, patterns or regex")
        if self.case_sensitive and self.patterns:
            raise ValueError(f"rule {self.id}: patterns know no case; remove case_sensitive or use phrases")
        return self


class Entity(_Frozen):
    """A thing watched."""

    id: Id
    name: str = Field(min_length=1)
    kind: Literal["organisation", "person", "place", "topic"]
    parent: str | None = None
    description: str = ""
    references: Mapping[str, str | int] = Field(default_factory=dict)  # ids elsewhere, such as ATT&CK's G0032
    rules: tuple[Rule, ...]

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, values: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if not values:
            raise ValueError("has no rule; add one")
        return values

    @model_validator(mode="before")
    @classmethod
    def _read_short_rules(cls, value: Any) -> Any:
        """A plain text among the rules is a rule of one phrase."""
        if isinstance(value, dict) and isinstance(value.get("rules"), list):
            rules = [
                {"id": f"{value.get('id')}.{number}", "phrases": [rule]} if isinstance(rule, str) else rule
                for number, rule in enumerate(value["rules"], 1)
            ]
            return {**value, "rules": rules}
        return value


class Pack(_Frozen):
    """The content of one watch-list file."""

    description: str = ""
    words: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    contexts: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    entities: tuple[Entity, ...] = ()


class Watchlist(_Frozen):
    """Everything that is watched, checked and ready to compile."""

    words: Mapping[str, tuple[str, ...]]
    contexts: Mapping[str, tuple[str, ...]]
    entities: tuple[Entity, ...]

    @property
    def lists(self) -> Mapping[str, tuple[str, ...]]:
        """Every list that a pattern may name: word lists and contexts."""
        return {**self.contexts, **self.words}

    @functools.cached_property
    def version(self) -> str:
        """Twelve hex digits that change when any rule changes; stored with every mention."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def pack_names() -> list[str]:
    """The packs that ship, sorted."""
    folder = resources.files("pipeline") / "packs"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_pack(name: str) -> Watchlist:
    """A pack that ships, by name. Raises ``ConfigError`` when the pack is broken."""
    return build([_read_pack(name)])


def from_config(file: YamlFile, where: Where) -> Watchlist:
    """The watch-list that the list at ``where`` of a configuration asks for.

    Each element is ``pack: NAME`` (a watch-list that ships), ``file: PATH`` (one of the user's, relative to the
    configuration) or an entity in place.

    Raises:
        ConfigError: naming file, line and key of every mistake.
    """
    parts: list[tuple[YamlFile, Where, Pack]] = []
    mistakes: list[Mistake] = []
    entries: Any = file.data
    for part in where:
        entries = entries[part]
    for index, entry in enumerate(entries):
        here = (*where, index)
        try:
            if not isinstance(entry, dict):
                mistakes.append(
                    file.mistake(here, "is not pack: NAME, file: PATH or an entity (id, name, kind, rules)")
                )
            elif set(entry) == {"pack"}:
                if entry["pack"] in pack_names():
                    parts.append(_read_pack(entry["pack"]))
                else:
                    known = ", ".join(pack_names())
                    mistakes.append(file.mistake((*here, "pack"), f"no pack {entry['pack']!r}; the packs are: {known}"))
            elif set(entry) == {"file"}:
                own = yamlfile.load(file.path.parent / str(entry["file"]))
                parts.append((own, (), own.validate(Pack)))
            elif len(entry) == 1 and not entry.keys() & Entity.model_fields.keys():
                message = "is not known here; write pack: NAME, file: PATH or an entity (id, name, kind, rules)"
                mistakes.append(file.mistake((*here, str(next(iter(entry)))), message))
            else:
                parts.append((file, here, Pack(entities=(file.validate(Entity, here),))))
        except ConfigError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return build(parts)


def build(parts: Iterable[tuple[YamlFile, Where, Pack]]) -> Watchlist:
    """Join packs and check what only shows when they stand together: names, patterns, parents, duplicates.

    Raises:
        ConfigError: naming file, line and rule of every mistake.
    """
    parts = list(parts)
    words = {name: terms for _, _, pack in parts for name, terms in pack.words.items()}
    contexts = {name: terms for _, _, pack in parts for name, terms in pack.contexts.items()}
    whole = Watchlist(
        words=words, contexts=contexts, entities=tuple(entity for _, _, pack in parts for entity in pack.entities)
    )
    known = {entity.id for entity in whole.entities}
    mistakes: list[Mistake] = []
    entity_ids: set[str] = set()
    rule_ids: set[str] = set()
    for file, where, pack in parts:
        for name in pack.contexts:
            mistakes += _pattern_mistakes(file, ("contexts", name), "", [f"{{{name}}}"], whole)
        for position, entity in enumerate(pack.entities):
            here = where or ("entities", position)
            if entity.id in entity_ids:
                mistakes.append(file.mistake((*here, "id"), f"the entity {entity.id} stands twice; rename one"))
            entity_ids.add(entity.id)
            if entity.parent is not None and entity.parent not in known:
                message = f"there is no entity {entity.parent}; add it or remove parent"
                mistakes.append(file.mistake((*here, "parent"), message))
            for number, rule in enumerate(entity.rules):
                place = (*here, "rules", number)
                if rule.id in rule_ids:
                    mistakes.append(file.mistake((*place, "id"), f"the rule {rule.id} stands twice; rename one"))
                rule_ids.add(rule.id)
                mistakes += _rule_mistakes(file, place, rule, whole)
    if mistakes:
        raise ConfigError(mistakes)
    return whole


def _rule_mistakes(file: YamlFile, place: Where, rule: Rule, whole: Watchlist) -> list[Mistake]:
    mistakes: list[Mistake] = []
    for field, conditions in (("requires", rule.requires), ("unless", rule.unless)):
        for condition in conditions:
            if condition.context not in whole.contexts:
                close = difflib.get_close_matches(condition.context, whole.contexts, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(whole.contexts)) or 'none'}"
                message = f"rule {rule.id}: there is no context {condition.context!r}; {hint}"
                mistakes.append(file.mistake((*place, field), message))
    for field, patterns in (("patterns", rule.patterns), ("lookalikes", rule.lookalikes)):
        mistakes += _pattern_mistakes(file, (*place, field), f"rule {rule.id}: ", patterns, whole)
    return mistakes


def _pattern_mistakes(
    file: YamlFile, where: Where, prefix: str, patterns: Iterable[str], whole: Watchlist
) -> list[Mistake]:
    mistakes: list[Mistake] = []
    for pattern in patterns:
        try:
            compile_pattern(pattern, whole.lists)
        except PatternError as error:
            mistakes.append(file.mistake(where, f"{prefix}{error}"))
    return mistakes


def _read_pack(name: str) -> tuple[YamlFile, Where, Pack]:
    file = yamlfile.load(Path(str(resources.files("pipeline") / "packs" / f"{name}.yaml")))
    return file, (), file.validate(Pack)
