"""What a copy of the news says, without what its outlet put around it: datelines, credits, flags, notes of rights.

Pure. Removes only at the ends of a text, never inside; ``wording.toml`` is all that it knows, the rest stays.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any

_SUFFIX = re.compile(r"\s+(?:[|–—]|-|::|»)\s+([^|–—»\n]{2,40})\Z")
_OUTLET = re.compile(
    r"\b(?:news|times|post|daily|herald|journal|gazette|tribune|reuters|a[fp]p|bloomberg|bbc|cnn|nhk|online|magazine|today"
    r"|press|tv|radio|report|observer|wire|dpa|yonhap|kyodo|xinhua)\b|\.(?:com|net|org|info|co\b|[a-z]{2}\Z)"
    r"|뉴스|신문|일보|방송|新聞|新闻|日报|日報|网\Z|網\Z|社\Z|ニュース|通信",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?。！？…][\"'”’」』)）]*\s*\Z")
_LONG_LINE = 120
#: How far an end is looked for, so that a long text costs no more than a short one; and how many, one after another.
_REACH, _MOST = 400, 6


def table() -> dict[str, Any]:
    """What ``wording.toml`` holds."""
    return tomllib.loads((resources.files(__package__) / "wording.toml").read_text(encoding="utf-8"))


def _compiled() -> dict[str, list[re.Pattern[str]]]:
    entries = table()
    lists = {name: pattern.replace("\n ", "") for name, pattern in entries.pop("lists").items()}

    def pattern(source: str) -> str:
        source = source.replace("\n ", "")
        for name in reversed(lists):  # a list may name those before it
            source = source.replace(f"{{{name}}}", lists[name])
        return source

    ends = {"flags": "{}", "before": "{}", "after": r"(?:{})\s*\Z"}
    found: dict[str, list[re.Pattern[str]]] = {}
    for kind, end in ends.items():
        for entry in entries[kind]:
            source = pattern(entry["match"])
            flags = re.IGNORECASE if source.startswith("(?i)") else 0
            found.setdefault(kind, []).append(re.compile(end.replace("{}", source.removeprefix("(?i)")), flags))
    return found


_PATTERNS = _compiled()


def body_of(summary: str, content: str, most: int | None = None) -> str:
    """The longer of the two texts of an item, bare; or its first ``most`` characters, whose end may stay as it is."""
    text = (content if len(content) >= len(summary) else summary).strip()
    is_whole = most is None or len(text) <= min(most, _REACH)
    text = _without_start(text[:most], [*_PATTERNS["flags"], *_PATTERNS["before"]])
    return _without_end(text) if is_whole else text


def first_sentences(text: str) -> str:
    """``text`` from the first line that is long or ends as a sentence does; the whole text if there is none."""
    rest = text
    while rest:
        line, _, after = rest.partition("\n")
        if len(line) > _LONG_LINE or _SENTENCE.search(line):
            return rest
        rest = after
    return text


def bare_title(title: str, url: str | None = None) -> str:
    """``title`` without flags at its start and the name of its outlet, which ``url`` may show, at its end."""
    text = _without_start(title.strip(), _PATTERNS["flags"])
    suffix = _SUFFIX.search(text[-60:])
    if suffix is None:
        return text
    host = re.sub(r"\W", "", (url or "").split("/")[2].lower()) if (url or "").count("/") >= 2 else ""
    name = re.sub(r"\W|\bthe\b", "", suffix[1].lower())
    if not _OUTLET.search(suffix[1]) and not (name and name in host):
        return text
    return text[: len(text) - len(suffix[0])]


def _without_start(text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for _ in range(_MOST):
        for pattern in patterns:
            match = pattern.match(text[:_REACH])
            if match and 0 < match.end() < len(text):
                text = text[match.end() :].lstrip()
                break
        else:
            break
    return text


def _without_end(text: str) -> str:
    for _ in range(_MOST):
        tail = text[-_REACH:]
        for pattern in _PATTERNS["after"]:
            match = pattern.search(tail)
            if match and match.start() + len(text) > len(tail):
                text = text[: len(text) - len(tail) + match.start()].rstrip()
                break
        else:
            break
    return text
