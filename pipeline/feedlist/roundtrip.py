"""The feeds of a YAML text edited through ruamel.yaml's round trip, with everything else kept as it was written.

ruamel.yaml keeps comments and quotes but lays some things out anew, and drops comments inside of brackets. So what the
edit changes in its text is carried over into the original one, line by line, else token by token; only where neither
can be done is its whole text taken, with the comments that it dropped put above the feeds. Pure: text in, text out.
"""

from __future__ import annotations

import functools
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pipeline.config import FeedSource

Edit = Callable[[CommentedMap], None]

_LONG = 50  # feeds
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_TOKEN = re.compile(
    r"""(\s*+)((?<!\S)\#[^\r\n]*+|"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+'|[\[\]{},]|[^\s\[\]{},]++|\Z)""", re.DOTALL
)
_DASH = re.compile(r"""^["']?feeds\b[^\n]*\n(?: *(?:#.*)?\n)*( *)-( +(?=\S))?""", re.MULTILINE)
_COMMENT = re.compile(r"(?<!\S)#[^\r\n]*+")


def appended(text: str, feeds: Sequence[FeedSource]) -> Iterator[str]:
    """Texts with ``feeds`` at the end of the list, best layout first; whether one is right is for the caller to check.

    None when ruamel.yaml cannot read the text.
    """

    def edit(root: CommentedMap) -> None:
        listed = root.get("feeds")
        if not isinstance(listed, CommentedSeq):  # there is no such key, or nothing behind it
            root["feeds"] = listed = CommentedSeq()
        if root.fa.flow_style():
            listed.fa.set_flow_style()
        elif not listed:
            listed.fa.set_block_style()
        listed.extend(map(_entry, feeds))

    if window := _window(text, None):
        yield from window.edited(edit)
    yield from _edited(text, edit)


def removed(text: str, position: int) -> Iterator[str]:
    """Texts without the feed at ``position`` of the list, as ``appended`` gives them."""

    def edit(root: CommentedMap, at: int = position) -> None:
        listed = root["feeds"]
        del listed[at]
        if not listed and not listed.fa.flow_style():
            root["feeds"] = None

    if window := _window(text, position):
        yield from window.edited(functools.partial(edit, at=position - window.hidden))
    yield from _edited(text, edit)


def comments(text: str) -> list[tuple[int, str]]:
    """Every comment of a YAML ``text`` with its line, from 1. Raises ``yaml.YAMLError`` when it is not YAML."""
    between: list[tuple[int, int]] = []
    end = 0
    for token in yaml.scan(text, Loader=_LOADER):
        start = token.start_mark.index
        if text.find("#", end, start) >= 0:
            between.append((end, start))
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):  # a comment may follow the sign
            between.append((start, text.find("\n", start) % (len(text) + 1)))
        end = max(end, token.end_mark.index)
    found: list[tuple[int, str]] = []
    line, at = 1, 0
    for start, stop in [*between, (end, len(text))]:
        for match in _COMMENT.finditer(text, start, stop):
            line += text.count("\n", at, match.start())
            at = match.start()
            found.append((line, match[0]))
    return found


def _entry(feed: FeedSource) -> CommentedMap:
    entry = CommentedMap(id=_shortest(feed.id), url=DoubleQuotedScalarString(feed.url))
    entry.fa.set_flow_style()
    if feed.tags:
        entry["tags"] = CommentedSeq(
            _shortest(tag) if re.fullmatch(r"[a-z][a-z0-9-]*", tag) else DoubleQuotedScalarString(tag)
            for tag in feed.tags
        )
        entry["tags"].fa.set_flow_style()
    return entry


def _shortest(word: str) -> str:
    """``word`` without quotes, unless YAML 1.1, which reads the configuration, takes it for something else then."""
    try:
        is_plain = yaml.safe_load(word) == word
    except (ValueError, yaml.YAMLError):  # 0b_ is taken for a number, and is none
        is_plain = False
    return word if is_plain else DoubleQuotedScalarString(word)


@dataclass(frozen=True, slots=True)
class _Window:
    """A long list without the feeds that are far from the edit: reading thousands would take ruamel.yaml many seconds.

    The text is ``head``, ``before``, ``body``, ``after``, ``tail``; ruamel.yaml sees it without ``before``, which holds
    ``hidden`` feeds, and ``after``.
    """

    head: str
    before: str
    body: str
    after: str
    tail: str
    hidden: int

    def edited(self, edit: Edit) -> Iterator[str]:
        """Whole texts with the edit, as far as it stays within the body."""
        for text in _edited(self.head + self.body + self.tail, edit):
            end = len(text) - len(self.tail)
            if end >= len(self.head) and text.startswith(self.head) and text.endswith(self.tail):
                yield self.head + self.before + text[len(self.head) : end] + self.after + self.tail


def _window(text: str, position: int | None) -> _Window | None:
    """The window around the feed at ``position``, or at the end; None for a short list, or one in brackets."""
    root = yaml.compose(text, Loader=_LOADER)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    listed = next((value for key, value in pairs if key.value == "feeds"), None)
    if not isinstance(listed, yaml.SequenceNode) or listed.flow_style or len(listed.value) < _LONG:
        return None
    lines = _LINE.findall(text)
    last = len(listed.value) - 1
    first, end = max((last if position is None else position) - 2, 1), last + 1 if position is None else position + 3
    numbers = [listed.value[at].start_mark.line for at in (1, first, *([end, last] if end < last else []))]
    if not all(re.match(r"\s*-\s+\S", lines[number]) for number in numbers):
        return None
    cuts = [0, *numbers, *([] if end < last else [len(lines)] * 2), len(lines)]
    head, before, body, after, tail = ("".join(lines[a:b]) for a, b in itertools.pairwise(cuts))
    return _Window(head, before, body, after, tail, hidden=first - 1)


def _edited(text: str, edit: Edit) -> Iterator[str]:
    new_line = "\r\n" if "\r\n" in text else "\n"
    text += "" if text.endswith(("\n", "\r")) else new_line
    try:
        new, in_brackets = _dumped(text, edit)
        base = functools.cache(lambda: _dumped(text)[0])  # as long to make as the new one, and seldom needed
        for split in (_tokens, _lines) if in_brackets else (_lines, _tokens):
            old_parts, new_parts = split(text), split(new, new_line)
            if _is_one_step(_hunks(old_parts, new_parts)):
                yield from _merged(old_parts, old_parts, new_parts)
            yield from _merged(old_parts, split(base()), new_parts)
        yield _with_comments(new.replace("\n", new_line), text)
    except (YAMLError, yaml.YAMLError):
        return


def _dumped(text: str, edit: Edit | None = None) -> tuple[str, bool]:
    """What ruamel.yaml makes of ``text`` after ``edit``, and whether the feeds stand in brackets.

    Raises:
        YAMLError: when it cannot read the text.
    """
    tool = YAML()
    tool.preserve_quotes = True
    tool.width = 1_000_000
    text = re.sub(r"\r\n?", "\n", text).replace("\t", " ")  # it refuses tabs where others do not
    root = tool.load(text)
    if not isinstance(root, CommentedMap):
        raise YAMLError("no mapping")
    blocks = [value.lc.col for value in root.values() if isinstance(value, CommentedMap) and not value.fa.flow_style()]
    found = _DASH.search(text)
    before, after = (len(found[1]), len(found[2] or " ")) if found else (2, 1)
    tool.indent(mapping=min([col for col in blocks if col], default=2), sequence=before + 1 + after, offset=before)
    listed = root.get("feeds")
    in_brackets = any(isinstance(node, CommentedMap | CommentedSeq) and node.fa.flow_style() for node in (root, listed))
    if edit:
        edit(root)
    out = io.StringIO()
    tool.dump(root, out)
    return out.getvalue(), in_brackets


@dataclass(frozen=True, slots=True)
class _Part:
    """A line or token: ``raw`` as it is written, ``key`` what it is known by, a ``remark`` when it says nothing."""

    raw: str
    key: str
    remark: bool


def _lines(text: str, new_line: str = "") -> list[_Part]:
    lines = _LINE.findall(text)
    if new_line:
        lines = [line.rstrip("\r\n") + new_line for line in lines]
    keys = (" ".join(line.split()) for line in lines)
    return [_Part(line, key, not key or key.startswith("#")) for line, key in zip(lines, keys, strict=True)]


def _tokens(text: str, new_line: str = "") -> list[_Part]:
    parts = [(match[1], match[2]) for match in _TOKEN.finditer(text)]
    if new_line:
        parts = [(space.replace("\n", new_line), key) for space, key in parts]
    return [_Part(space + key, key, key.startswith("#") and ("\n" in space or not at)) for at, (space, key) in
            enumerate(parts)]  # fmt: skip


Hunk = tuple[int, int, int, int]  # old[a:b] became new[c:d]


def _hunks(old: Sequence[_Part], new: Sequence[_Part]) -> list[Hunk]:
    olds, news = [part.key for part in old], [part.key for part in new]
    most = min(len(olds), len(news))
    head = next((at for at in range(most) if olds[at] != news[at]), most)
    tail = next((at for at in range(most - head) if olds[-1 - at] != news[-1 - at]), most - head)
    middle = SequenceMatcher(None, olds[head : len(olds) - tail], news[head : len(news) - tail])
    return [(head + a, head + b, head + c, head + d) for how, a, b, c, d in middle.get_opcodes() if how != "equal"]


def _is_one_step(hunks: Sequence[Hunk]) -> bool:
    return len(hunks) == 1 and (hunks[0][0] == hunks[0][1] or hunks[0][2] == hunks[0][3])


def _merged(text: Sequence[_Part], base: Sequence[_Part], new: Sequence[_Part]) -> Iterator[str]:
    """``text`` with what changed from ``base`` to ``new``, in each way in which that change can be placed."""
    hunks = _hunks(base, new)
    shifted = [_shifted_left(hunk, base) for hunk in hunks]
    place = _places(text, base)
    ways = [hunks] if shifted == hunks else [hunks, shifted]
    if len(ways) > 1:  # best when what goes begins as an element does
        ways.sort(key=lambda way: base[way[0][0]].key[:1] not in ("-", "{", ","))
    for way in ways:
        for tight in (True, False):
            merged, at = list[_Part](), 0
            for hunk in way:
                where = _placed(hunk, text, place, tight=tight)
                if where is None or where[0] < at:
                    break
                merged += [*text[at : where[0]], *new[hunk[2] : hunk[3]]]
                at = where[1]
            else:
                yield "".join(part.raw for part in [*merged, *text[at:]])


def _places(text: Sequence[_Part], base: Sequence[_Part]) -> dict[int, int]:
    """Where the parts of ``base`` stand in ``text``, both ends included; without those that were laid out anew."""
    place, at, other = {-1: -1, len(base): len(text)}, 0, 0
    for a, b, c, d in [*_hunks(base, text), (len(base), len(base), len(text), len(text))]:
        place.update(zip(range(at, a), range(other, c), strict=True))
        at, other = b, d
    return place


def _placed(hunk: Hunk, text: Sequence[_Part], place: dict[int, int], *, tight: bool) -> tuple[int, int] | None:
    """Which parts of ``text`` a hunk of the base replaces: ``tight``, or up to the neighbours that stayed.

    No remark at their edges is among them, and what is new goes above remarks.
    """
    before, after = place.get(hunk[0] - 1), place.get(hunk[1])
    if hunk[0] == hunk[1]:
        at = before + 1 if before is not None else after
        while at and text[at - 1].remark:
            at -= 1
        return None if at is None else (at, at)
    start = place.get(hunk[0]) if tight else None if before is None else before + 1
    end = after if not tight else place[hunk[1] - 1] + 1 if hunk[1] - 1 in place else None
    if start is None or end is None:
        return None
    while start < end and text[start].remark:
        start += 1
    while start < end and text[end - 1].remark:
        end -= 1
    return start, end


def _shifted_left(hunk: Hunk, base: Sequence[_Part]) -> Hunk:
    """The same deletion begun as early as it can be: of ``a, b, a, c`` the first two are gone, not the next two."""
    a, b, c, d = hunk
    while c == d and a and base[a - 1].key == base[b - 1].key:
        a, b = a - 1, b - 1
    return a, b, c, d


def _with_comments(text: str, before: str) -> str:
    """``text`` with the comments that it lost of ``before`` put above its feeds, each on a line of its own."""
    lost = Counter(comment for _, comment in comments(before)) - Counter(comment for _, comment in comments(text))
    lines = _LINE.findall(text)
    at = next((at for at, line in enumerate(lines) if re.match(r"""\s*["']?feeds["']?\s*:""", line)), 0)
    new_line = "\r\n" if "\r\n" in text else "\n"
    return "".join([*lines[:at], *(f"{comment}{new_line}" for comment in lost.elements()), *lines[at:]])
