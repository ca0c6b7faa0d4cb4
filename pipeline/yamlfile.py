"""Reads a YAML file and remembers on which line each key stands, so that every mistake can name its place.

Never edits a file and never builds anything but plain values: tags are refused, aliases cannot grow without end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.errors import ConfigError, Mistake
from pipeline.plainly import explain, short, syntax_error

Key = str | int
Where = tuple[Key, ...]
Model = TypeVar("Model", bound=BaseModel)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times faster where it is built
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DEEPEST, _MOST_VALUES = 50, 200_000
_ENDLESS = re.compile(r"\S{300,}")  # a "word" that would hide the rest of its message
_YAML = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of one YAML file and the line (from 1) of every key and list element in it.

    ``mistakes`` are those that leave the rest readable; ``filled_in`` are the environment's values by ``${NAME}``.
    """

    path: Path
    data: Any
    lines: Mapping[Where, int]
    mistakes: tuple[Mistake, ...] = ()
    filled_in: Mapping[str, str] = field(default_factory=dict)

    def mistake(self, where: Where, message: str) -> Mistake:
        """A mistake at the key ``where``, placed on its own line or on that of its nearest ancestor."""
        place = where
        while place not in self.lines and place:
            place = place[:-1]
        for variable, value in self.filled_in.items():  # it may be a secret
            if value:
                message = message.replace(value, variable).replace(repr(value)[1:-1], variable)
        message = _ENDLESS.sub(lambda word: word[0][:60] + "…", message)
        return Mistake(self.path, self.lines.get(place), dotted(where), message)

    def validate(self, model: type[Model], where: Where = (), *, leave_out: str = "") -> Model:
        """The value at ``where`` as ``model``, without the key ``leave_out``.

        Raises:
            ConfigError: with one placed mistake for each thing that is wrong.
        """
        value = self.data
        for part in where:
            value = value[part]
        if leave_out and isinstance(value, dict):
            value = {key: inner for key, inner in value.items() if key != leave_out}
        try:
            return model.model_validate({} if value is None and not where else value)
        except ValidationError as error:
            mistakes = []
            for detail in error.errors(include_url=False):
                inner = tuple(detail["loc"])
                mistakes.append(self.mistake(where + inner, explain(model, inner, dict(detail))))
            raise ConfigError(mistakes) from None


def load(path: Path) -> YamlFile:
    """Read ``path``; ``${NAME}`` in a value is replaced from the environment.

    Raises:
        ConfigError: when the file cannot be read, is not YAML, repeats a key or names a missing variable.
    """
    file = parse(read_text(path), path)
    if file.mistakes:
        raise ConfigError(file.mistakes)
    return file


def read_text(path: Path) -> str:
    """The text of the file ``path``, its line ends as they are. Raises ``ConfigError`` when it cannot be read."""
    line: int | None = None
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = "is not UTF-8 text; save it as UTF-8 in your editor"
    except FileNotFoundError:
        message = "there is no such file; make one with: watchfloor init"
    except IsADirectoryError:
        message = "is a folder; name the file in it"
    except OSError as error:
        message = f"cannot be read: {error.strerror}; check its name and permissions"
    except ValueError:
        message = "is no name of a file; it holds a character that names cannot hold"
    raise ConfigError([Mistake(path, line, "", message)])


def parse(text: str, path: Path) -> YamlFile:
    """Read YAML ``text``; ``path`` only names it in messages.

    Raises:
        ConfigError: when it is not YAML. What is wrong but leaves the rest readable is in ``YamlFile.mistakes``.
    """
    lines: dict[Where, int] = {}
    try:
        mistakes = [Mistake(path, line, "", message) for line, message in _unsafe(text)]
        if mistakes:
            raise ConfigError(mistakes)
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            data = None
            if node is not None:
                numbering = _Numbering(path, loader, lines, mistakes)
                numbering.walk(node, ())
                if numbering.is_unreadable:
                    raise ConfigError(mistakes)
                data = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        line, message = syntax_error(error, text)
        raise ConfigError([Mistake(path, line, "", message)]) from None
    filled_in: dict[str, str] = {}
    file = YamlFile(path, data, lines)
    substituted = _substitute(data, (), file, mistakes, filled_in)
    return YamlFile(path, substituted, lines, tuple(mistakes), filled_in)


def dotted(where: Where) -> str:
    """``("feeds", 3, "url")`` as ``feeds[3].url``."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _unsafe(text: str) -> Iterator[tuple[int, str]]:
    """What must not be built: tags, endless nesting (libyaml's composer crashes on it), aliases that grow or loop."""
    sizes: dict[str, int] = {}
    counts = [0]
    opened: list[str | None] = []
    events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
    for event in events:
        line = event.start_mark.line + 1
        tag = getattr(event, "tag", None)
        if tag:
            yield line, f"tags such as {_short_tag(tag)} are not allowed; remove it, and put the value in quotes"
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(event.anchor)
            counts.append(1)
            if len(opened) > _DEEPEST:
                yield line, "is nested too deeply; check the brackets and the indent"
                return
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = counts.pop(), opened.pop()
            counts[-1] += size
            if anchor:
                sizes[anchor] = size
        elif isinstance(event, yaml.AliasEvent) and event.anchor in opened:
            yield line, f"*{event.anchor} stands inside of what it stands for; write the value out"
            return
        elif isinstance(event, yaml.AliasEvent):
            counts[-1] += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            counts[-1] += 1
            if event.anchor:
                sizes[event.anchor] = 1
        if counts[-1] > _MOST_VALUES:
            yield line, "the file holds too many values; make it smaller, or use fewer * aliases"
            return


def _short_tag(tag: str) -> str:
    return f"!!{tag.removeprefix(_YAML)}" if tag.startswith(_YAML) else tag


class _Numbering:
    """Notes the line of every key and element, and what is wrong with them as YAML. Makes every key a text."""

    def __init__(self, path: Path, loader: Any, lines: dict[Where, int], mistakes: list[Mistake]) -> None:
        self._path = path
        self._loader = loader
        self._lines = lines
        self._mistakes = mistakes
        self.is_unreadable = False

    def walk(self, node: yaml.Node, where: Where) -> None:
        """Number ``node``, which stands at ``where``, and everything in it."""
        self._lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            self._walk_mapping(node, where)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.walk(value, (*where, index))
        elif node.tag != f"{_YAML}str":
            try:
                self._loader.construct_object(node)
            except (ValueError, yaml.YAMLError):  # 2026-13-45, a number without end, a lone =
                self._refuse(node, where, f"{short(node.value)} is no date or number; put it in quotes")

    def _walk_mapping(self, node: yaml.MappingNode, where: Where, *, is_merged: bool = False) -> None:
        seen: set[str] = set()
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, where, "a key is a list or a block; write it as plain text")
                continue
            if key.tag == f"{_YAML}merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            key.tag = f"{_YAML}str"
            inner = (*where, key.value)
            if key.value in seen:
                line = key.start_mark.line + 1
                self._mistakes.append(Mistake(self._path, line, dotted(inner), "stands twice; keep one of them"))
            seen.add(key.value)
            if not is_merged or inner not in self._lines:
                self._lines[inner] = key.start_mark.line + 1
            self.walk(value, inner)
        for other in merged:
            if isinstance(other, yaml.MappingNode):
                self._walk_mapping(other, where, is_merged=True)
            else:
                self._refuse(other, (*where, "<<"), "stands for no block of key: value; write <<: *name of one")

    def _refuse(self, node: yaml.Node, where: Where, message: str) -> None:
        self._mistakes.append(Mistake(self._path, node.start_mark.line + 1, dotted(where), message))
        self.is_unreadable = True


def _substitute(value: Any, where: Where, file: YamlFile, mistakes: list[Mistake], filled_in: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(inner, (*where, key), file, mistakes, filled_in) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substitute(inner, (*where, at), file, mistakes, filled_in) for at, inner in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            message = f"the environment variable {name} is not set; export {name}=… before starting"
            mistakes.append(file.mistake(where, message))
        else:
            filled_in[match.group()] = os.environ[name]
        return os.environ.get(name, "")

    return _VARIABLE.sub(variable, value)
