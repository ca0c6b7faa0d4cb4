"""What is wrong in a YAML file, in words for somebody who only wanted to change a value. Pure.

Knows what libyaml and pydantic say, and what it means. Every text is one line: what is wrong and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel

_SYNTAX = (
    ("mapping values are not allowed", "a colon stands where none can; check the indent, or put the value in quotes"),
    ("expected ',' or ']'", 'a "[" is not closed; add "]", and a comma between values'),
    ("expected ',' or '}'", 'a "{" is not closed; add "}", and a comma between values'),
    ("unexpected end of stream", "a quote is opened and never closed; close it"),
    (
        "expected key",
        "the line does not fit those above; check the indent, and put a value that holds quotes in quotes",
    ),
    ("expected '-' indicator", "the line does not fit the list above; check the indent and the -"),
    ("violates indentation", "a tab stands in the indent; use spaces"),
    ("could not find expected ':'", "a line without a colon; write key: value"),
    ("undefined alias", "a value begins with *; put it in quotes"),
    ("alphabetic or numeric", "a value begins with * or &; put it in quotes"),
    ("another document", "--- begins a second document; keep only one"),
    ("sequence entries are not allowed", "a list begins on the line of its key; begin it on the next line"),
    ("control characters", "holds a character that is no text; is it a binary file?"),
    ("special characters", "holds a character that is no text; is it a binary file?"),
    ("expected node content", "a value begins with a comma or a closing bracket, or is missing; put it in quotes"),
    ("unknown escape", "a backslash stands in double quotes; use single quotes"),
)


_BLOCK = "{given} is not a block of settings; write key: value, each on a line of its own and indented"
_LIST = "{given} is not a list; write [a, b], or lines that start with -"
_WHOLE = "{given} is not a whole number; write one, such as 20"
_YES_NO = "{given} is not a yes or no; write true or false"
_NUMBER = "{given} is not a number; write one, such as 20"
_EXPECTED: Mapping[str, str] = {
    "missing": "is missing; add it",
    "string_type": "{given} is not text; put it in quotes",
    "string_unicode": "{given} is not text; use other characters",
    "string_too_short": "is empty; write a value",
    "too_short": "is empty; give at least one",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _BLOCK,
    "mapping_type": _BLOCK,
    "model_type": _BLOCK,
    "model_attributes_type": _BLOCK,
    "greater_than": "{given} is too small; use more than {gt}",
    "greater_than_equal": "{given} is too small; use {ge} or more",
    "less_than": "{given} is too large; use less than {lt}",
    "less_than_equal": "{given} is too large; use {le} or less",
}


def syntax_error(error: yaml.YAMLError, text: str) -> tuple[int | None, str]:
    """The line of a syntax error, and what is wrong in plain words."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    if "nesting depth" in problem:
        return (mark.line + 1 if mark is not None else None), "is nested too deeply; check the brackets and the indent"
    is_unclosed = "expected ','" in problem or "end of stream" in problem
    if is_unclosed:
        mark = getattr(error, "context_mark", None) or mark
    offset = getattr(error, "position", None)
    line = mark.line if mark is not None else text.count("\n", 0, offset) if isinstance(offset, int) else None
    rows = text.splitlines() or [""]
    row = "" if line is None or line >= len(rows) else rows[line]
    if "cannot start any token" in problem and mark is not None:
        char = row[mark.column : mark.column + 1]
        indented_by_tab = "\t" in row[: len(row) - len(row.lstrip())]
        message = (
            "a tab stands in the indent; use spaces" if indented_by_tab else f"{char} begins a value; put it in quotes"
        )
    else:
        message = next((plain for part, plain in _SYNTAX if part in problem), f"{problem}; check the indent and quotes")
    return None if line is None else min(line, len(rows) - 1) + 1, f"not valid YAML: {message}"


def hint(name: str, known: Iterable[str]) -> str:
    """What to do about a name that is not ``known``."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(names[:8]) or "none is there"
    return f"did you mean {close[0]}?" if close else f"remove it, or write one of: {listed}"


def explain(model: type[BaseModel], where: tuple[str | int, ...], detail: dict[str, Any]) -> str:
    """What is wrong and what to do, in one line, for one pydantic error."""
    kind, context = detail["type"], detail.get("ctx", {})
    given = short(detail.get("input"))
    if kind == "extra_forbidden":
        known = _known_keys(model, where[:-1])
        close = difflib.get_close_matches(str(where[-1]).lower(), known, n=1)
        return f"unknown key; did you mean {close[0]}?" if close else f"unknown key; known keys: {', '.join(known)}"
    if kind == "value_error":
        return " ".join(str(context["error"]).split())
    if kind == "literal_error":
        return f"{given} is not one of {context['expected']}; choose one of them"
    if kind in _EXPECTED:
        return _EXPECTED[kind].format(given=given, **context)
    return f"{given}: {detail['msg'][:1].lower()}{detail['msg'][1:]}; change it"


def _known_keys(model: type[BaseModel], where: tuple[str | int, ...]) -> list[str]:
    """The keys that ``model`` knows at ``where``, found by following its fields; list positions change nothing."""
    models = [model]
    for part in where:
        owner = next((m for m in models if part in m.model_fields), None)
        if owner is not None:
            models = _models_in(owner.model_fields[str(part)].annotation)
    return [name for m in models for name in m.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models_in(inner)]


def short(value: Any) -> str:
    """``value`` as a message shows it, at most 60 characters."""
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
