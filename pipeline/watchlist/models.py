"""The language of watch-lists, as values: frozen, checked one by one, and described for editors.

Text is compared after ``text.normalise``: case, hyphens, dashes, curly quotes, full-width letters and odd spaces make
no difference. The notation of patterns, contexts and look-alikes stands in ``patterns``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal

import re2
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline.patterns import WordLists, phrase_words

#: Counts up when the same rules find something else than before, so that stored mentions know by which they were made.
ENGINE = 2

_ID = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}\Z")


def _checked_id(value: str) -> str:
    if not _ID.match(value):
        raise ValueError(f"the id {value!r} may hold only small letters, digits, dot, hyphen and underscore")
    return value


def _join_languages(value: Any) -> Any:
    """Lists by language (``ko: [...]``) are one list; the language only helps the reader."""
    if isinstance(value, dict) and all(isinstance(part, list) for part in value.values()):
        return [text for part in value.values() for text in part]
    return value


def _check_phrases(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        phrase_words(value)
    return values


def compile_regex(source: str, case_sensitive: bool) -> Any:
    """``source`` as an expression of RE2, whose time grows with the text alone.

    Raises:
        ValueError: with the reason, in one line.
    """
    options = re2.Options()
    options.case_sensitive = case_sensitive
    options.log_errors = False
    try:
        regex = re2.compile(source, options)
        if regex.match("") is None:
            return regex
        reason = "it matches the empty text; make it ask for something"
    except UnicodeEncodeError:
        reason = "it holds a character that is no text"
    except re2.error as error:
        detail = error.args[0]
        reason = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
    if "perl operator" in reason or "invalid escape sequence: \\" in reason:
        reason += " (look-around and back-references are not known: expressions run in linear time)"
    raise ValueError(f"invalid regular expression {source!r:.60}: {reason:.200}")


Id = Annotated[str, AfterValidator(_checked_id)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_join_languages)]
Phrases = Annotated[Texts, AfterValidator(_check_phrases)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Condition(_Frozen):
    """A named context that must (``requires``) or must not (``unless``) stand near a mention."""

    context: str
    """The name of a context."""
    within: Literal["sentence", "item", "feed"] = "item"
    """Where: in the mention's sentence, anywhere in the item, or in the item or its feed's subject."""


class Exclusion(_Frozen):
    """Patterns that hold a rule back where they stand near its mention: ``unless`` without a name for the context."""

    rule: str
    within: Literal["sentence", "item"]
    patterns: tuple[str, ...]


#: What the context of a rule's own patterns is called.
_OWN_CONTEXT = {"sentence": "unless.{}", "item": "unless-item.{}"}


class Rule(_Frozen):
    """One way to recognise an entity: exactly one of phrases, patterns or regex, and the conditions it depends on."""

    id: Id
    """Stored with every mention that this rule finds."""
    phrases: Phrases = ()
    """Exact names, in any case, with a hyphen or a space: a list, or lists by language."""
    patterns: Texts = ()
    """Words with gaps and lists, such as "stole ...4 {amount} ...4 {coin}": a list, or lists by language."""
    regex: tuple[str, ...] = ()
    """Regular expressions in RE2's syntax, for scripts without spaces; {list} stands for a word list's entries."""
    lookalikes: tuple[str, ...] = ()
    """Patterns; a mention that shares a word with one of them is none: "Emma Lazarus"."""
    case_sensitive: bool = False
    """For phrases and regex: upper and lower case differ."""
    languages: tuple[str, ...] = ()
    """The rule counts only in items of these languages (ISO 639), or whose language cannot be told."""
    requires: tuple[Condition, ...] = ()
    """Contexts, all of which must stand in the item; for "any of" define a joint context: [{a}, {b}]."""
    unless: tuple[Condition, ...] = ()
    """Contexts, none of which may stand in the mention's sentence."""
    after_full: bool = False
    """The rule counts only in an item where another rule of the entity found it: "Kim" after "Kim Jong Un"."""
    last_resort: bool = False
    """The rule counts only in an item where no other rule of the entity found anything: for weak signs."""
    score: float = Field(default=0.9, gt=0, le=1)
    """The share of this rule's mentions that is expected to be right; `watchfloor evaluate` shows what it is."""

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not _LANGUAGE.match(value):
                raise ValueError(f"{value!r} is no language; write its code of two or three small letters, such as de")
        return values

    @field_validator("requires", "unless", mode="before")
    @classmethod
    def _read_conditions(cls, value: Any, info: ValidationInfo) -> Any:
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
        if self.after_full and self.last_resort:
            raise ValueError(f"rule {self.id}: after_full and last_resort exclude each other; remove one")
        if any(condition.within == "feed" for condition in self.unless):
            raise ValueError(f"rule {self.id}: unless knows within: sentence and within: item only")
        return self


class Entity(_Frozen):
    """A thing watched."""

    id: Id
    name: str = Field(min_length=1)
    kind: Literal["organisation", "person", "place", "topic"]
    parent: str | None = None
    """The id of the entity that this one belongs to."""
    description: str = ""
    aliases: Mapping[str, Phrases] = Field(default_factory=dict)
    """Names that mean this entity wherever they stand: a list, or lists by language. A rule of phrases, ID.alias."""
    references: Mapping[str, str | int] = Field(default_factory=dict)
    """Ids elsewhere, such as attack: G0032."""
    rules: tuple[Rule, ...] = Field(default=(), validate_default=True)
    """Ways to recognise it; a plain text is a rule of one phrase."""

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

    @field_validator("aliases", mode="before")
    @classmethod
    def _read_aliases(cls, value: Any) -> Any:
        return {"und": value} if isinstance(value, list) else value  # ISO 639: undetermined

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, values: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        if not values and not info.data.get("aliases", True):
            raise ValueError("has no rule; add one, or aliases")
        return values

    @property
    def every_rule(self) -> tuple[Rule, ...]:
        """The rules, and first the one that the aliases are, unless it stands among them with further conditions."""
        names = tuple(name for listed in self.aliases.values() for name in listed)
        key = f"{self.id}.alias"
        if not names or any(rule.id == key for rule in self.rules):
            return self.rules
        return (Rule(id=key, phrases=names, score=0.97), *self.rules)


class Pack(_Frozen):
    """The content of one watch-list file."""

    description: str = ""
    words: Mapping[str, Texts] = Field(default_factory=dict)
    """Named lists that a pattern may use as {name}."""
    contexts: Mapping[str, Texts] = Field(default_factory=dict)
    """Named lists that a condition may ask for, in the notation of patterns; one may hold another."""
    entities: tuple[Entity, ...] = ()
    """What is watched."""


class Watchlist(_Frozen):
    """Everything that is watched, checked and ready to compile."""

    words: Mapping[str, tuple[str, ...]]
    contexts: Mapping[str, tuple[str, ...]]
    entities: tuple[Entity, ...]
    subjects: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Feed → the contexts that everything in it counts as speaking of."""

    def without(self, ids: Collection[str]) -> Watchlist:
        """This watch-list without the rules and entities ``ids``; an entity that loses its last rule goes too."""
        if not ids:
            return self
        kept = []
        for entity in self.entities:
            rules = tuple(rule for rule in entity.rules if rule.id not in ids)
            aliases = {} if f"{entity.id}.alias" in ids else entity.aliases
            if entity.id not in ids and (rules or aliases):
                kept.append(entity.model_copy(update={"rules": rules, "aliases": aliases}))
        present = {entity.id for entity in kept}
        orphans = [e.model_copy(update={"parent": None}) if e.parent not in present else e for e in kept]
        return Watchlist(words=self.words, contexts=self.contexts, entities=tuple(orphans), subjects=self.subjects)

    def excluding(self, exclusions: Iterable[Exclusion]) -> Watchlist:
        """This watch-list with further patterns that hold rules back; those that name no rule of it change nothing.

        Each rule's patterns become a context of its own, whose name holds a dot, as no list of a file's does.
        """
        added: dict[str, dict[Condition, list[str]]] = {}
        for one in exclusions:
            condition = Condition(context=_OWN_CONTEXT[one.within].format(one.rule), within=one.within)
            added.setdefault(one.rule, {}).setdefault(condition, []).extend(one.patterns)
        if not added:
            return self

        def changed(rule: Rule) -> Rule:
            more = added.get(rule.id, {})
            return rule.model_copy(update={"unless": tuple(dict.fromkeys((*rule.unless, *more)))}) if more else rule

        entities = []
        contexts = dict(self.contexts)
        for entity in self.entities:
            own = [rule for rule in entity.every_rule if rule.id in added]
            if own:
                rules = entity.every_rule if f"{entity.id}.alias" in added else entity.rules
                entity = entity.model_copy(update={"rules": tuple(map(changed, rules))})  # noqa: PLW2901
            entities.append(entity)
            for condition, patterns in (pair for rule in own for pair in added[rule.id].items()):
                before = contexts.get(condition.context, ())
                contexts[condition.context] = tuple(dict.fromkeys((*before, *patterns)))
        return Watchlist(words=self.words, contexts=contexts, entities=tuple(entities), subjects=self.subjects)

    def rule(self, rule_id: str) -> tuple[str, Rule] | None:
        """The entity that a rule recognises, and the rule; None where it is not here."""
        pairs = ((entity.id, rule) for entity in self.entities for rule in entity.every_rule)
        return next((pair for pair in pairs if pair[1].id == rule_id), None)

    def only(self, entity_id: str) -> Watchlist:
        """As much of this watch-list as one entity's mentions depend on: quick to compile."""
        entities = [entity for entity in self.entities if entity.id == entity_id]
        rules = [rule for entity in entities for rule in entity.every_rule]
        asked = {condition.context for rule in rules for condition in (*rule.requires, *rule.unless)}
        return Watchlist(
            words={**self.contexts, **self.words},  # a pattern may name either
            contexts={name: terms for name, terms in self.contexts.items() if name in asked},
            entities=tuple(entity.model_copy(update={"parent": None}) for entity in entities),
            subjects=self.subjects,
        )

    def lists(self) -> WordLists:
        """Every list that a pattern may name: word lists and contexts."""
        return WordLists({**self.contexts, **self.words})

    @functools.cached_property
    def version(self) -> str:
        """Twelve hex digits that change when any rule changes; stored with every mention."""
        text = json.dumps([ENGINE, self.model_dump(mode="json")], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
