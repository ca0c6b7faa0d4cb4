"""Edits the list of feeds in config.yaml as a person would: only that feed's lines change. Reads and writes OPML 2.0.

Never polls: the address of a new feed is taken as given. Source: http://opml.org/spec2.opml
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

import yaml

from pipeline import config, yamlfile
from pipeline.config import FEED_ID, Config, FeedSource
from pipeline.errors import ConfigError, UsageError, WatchfloorError

_DEEPEST_FOLDER = 20


@dataclass(frozen=True, slots=True)
class Outline:
    """One feed of an OPML file: its address, its name, the folders it stands in."""

    url: str
    title: str
    folders: tuple[str, ...] = ()


def add(path: Path, outlines: Sequence[Outline], feed_id: str | None = None) -> list[str]:
    """Add feeds to the configuration at ``path`` and return their ids; addresses that stand there are left out.

    Raises:
        UsageError: for an address that cannot be polled, or an id that is invalid or taken.
        ConfigError: when the configuration is broken; the file is then left as it was.
    """
    before = config.load(path)
    taken = {feed.id for feed in before.feeds}
    addresses = {feed.url for feed in before.feeds}
    added: list[FeedSource] = []
    for outline in outlines:
        try:
            url = config.check_url(outline.url)
            absolute = config.absolute_url(url, path.parent)
        except ValueError as error:
            raise UsageError(str(error)) from None
        if "${" in url:  # a list from elsewhere must not send our secrets out
            raise UsageError(f"{url!r} names an environment variable; write it into {path.name} by hand")
        if absolute in addresses:
            continue
        new_id = feed_id or _free_id(outline, taken)
        if not FEED_ID.match(new_id):
            raise UsageError(f"the id {new_id!r} may hold only letters, digits, dot, hyphen and underscore; change it")
        if new_id in taken:
            raise UsageError(f"there is a feed {new_id!r} already; choose another --id")
        added.append(FeedSource(id=new_id, url=url, tags=outline.folders))
        taken.add(new_id)
        addresses.add(absolute)
    if added:
        text = yamlfile.read_text(path)
        in_place = tuple(feed.model_copy(update={"url": config.absolute_url(feed.url, path.parent)}) for feed in added)
        _save(path, _with(text, added), (*before.feeds, *in_place))
    return [feed.id for feed in added]


def remove(path: Path, feed_id: str) -> None:
    """Take the feed ``feed_id`` out of the configuration at ``path``; its stored items stay.

    Raises:
        UsageError: when there is no such feed.
        ConfigError: when the configuration is broken; the file is then left as it was.
    """
    before = config.load(path)
    position = next((at for at, feed in enumerate(before.feeds) if feed.id == feed_id), None)
    if position is None:
        raise UsageError(f"there is no feed {feed_id!r} in {path.name}; see: watchfloor feeds list")
    rest = tuple(feed for feed in before.feeds if feed.id != feed_id)
    _save(path, _without(yamlfile.read_text(path), position), rest)


def read_opml(path: Path) -> list[Outline]:
    """The feeds of an OPML file, in its order. ``feed:`` addresses are read as http.

    Raises:
        UsageError: when the file cannot be read or is not OPML.
    """
    try:
        root = _parse_without_entities(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; check its name") from None
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UsageError(f"{path}: is not well-formed XML ({error}); export it anew") from None
    body = root.find("body")
    if root.tag != "opml" or body is None:
        raise UsageError(f"{path}: is not an OPML file (no <opml> with a <body>); export it anew")
    try:
        return list(_outlines(body))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def write_opml(feeds: Iterable[FeedSource]) -> str:
    """``feeds`` as OPML 2.0; the tags of a feed become its category."""
    root = ElementTree.Element("opml", version="2.0")
    ElementTree.SubElement(ElementTree.SubElement(root, "head"), "title").text = "watchfloor feeds"
    body = ElementTree.SubElement(root, "body")
    for feed in feeds:
        attributes = {"type": "rss", "text": feed.id, "xmlUrl": feed.url}
        if feed.tags:
            attributes["category"] = ",".join(f"/{_tag(tag)}" for tag in feed.tags)
        ElementTree.SubElement(body, "outline", attributes)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _outlines(body: ElementTree.Element) -> Iterator[Outline]:
    waiting: list[tuple[ElementTree.Element, tuple[str, ...]]] = [(outline, ()) for outline in reversed(body)]
    while waiting:
        element, folders = waiting.pop()
        attributes = {name.lower(): value for name, value in element.attrib.items()}
        name = _tag(attributes.get("title") or attributes.get("text") or "")
        url = attributes.get("xmlurl", "").strip()
        if url.startswith("feed:"):
            url = "http:" + url[5:] if url.startswith("feed://") else url[5:]
        if url and element.tag == "outline":
            categories = (_tag(part) for part in attributes.get("category", "").split(","))
            yield Outline(url, name, tuple(dict.fromkeys([*folders, *(part for part in categories if part)])))
        inner = (*folders, name) if name and not url else folders
        if len(inner) > _DEEPEST_FOLDER:
            raise ValueError(f"its folders are nested more than {_DEEPEST_FOLDER} deep; flatten them")
        waiting += [(outline, inner) for outline in reversed(element)]


def _tag(text: str) -> str:
    """A folder's or feed's name on one line, without what a category or a configuration reads as something else."""
    shown = "".join(char if char.isprintable() else " " for char in text.replace(",", " ").replace("${", "$ {"))
    return " ".join(shown.split()).strip("/ ")


def _parse_without_entities(data: bytes) -> ElementTree.Element:
    """The root of an XML document; one that declares entities is refused, as they can expand without end."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*_: Any) -> None:
        raise ValueError("it declares entities, which OPML does not need")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.Parse(data, True)
    return builder.close()


def _free_id(outline: Outline, taken: set[str]) -> str:
    parts = urlsplit(outline.url)
    name = outline.title if FEED_ID.match(outline.title) else _slug(outline.title)
    name = name or _slug(f"{(parts.hostname or 'file').removeprefix('www.')} {parts.path}") or "feed"
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")


def _with(text: str, feeds: Sequence[FeedSource]) -> str:
    """The YAML ``text`` with ``feeds`` at the end of its list."""
    new_line = "\r\n" if "\r\n" in text else "\n"
    rows = text.splitlines()
    root, listed = _find(text)
    if listed is None:
        if root.flow_style:
            return _after_last(text, root, f"feeds: [{', '.join(map(_entry, feeds))}]")
        block = "".join(f"  - {_entry(feed)}{new_line}" for feed in feeds)
        return _insert_line(text, _last_line(rows, root), f"feeds:{new_line}{block}")
    if isinstance(listed, yaml.SequenceNode) and listed.flow_style:
        return _after_last(text, listed, ", ".join(map(_entry, feeds)))
    if isinstance(listed, yaml.SequenceNode):
        dash = re.sub(r"-.*", "- ", rows[_dash_line(rows, listed.value[0])])
        return _insert_line(
            text, _last_line(rows, listed), "".join(f"{dash}{_entry(feed)}{new_line}" for feed in feeds)
        )
    if listed.start_mark.index == listed.end_mark.index and not root.flow_style:  # feeds: with nothing after it
        key = next(key for key, _ in root.value if key.value == "feeds")
        block = "".join(f"  - {_entry(feed)}{new_line}" for feed in feeds)
        return _insert_line(text, key.start_mark.line, block)
    flow = f"[{', '.join(map(_entry, feeds))}]"  # feeds: null
    space = "" if text[listed.start_mark.index - 1].isspace() else " "
    return text[: listed.start_mark.index] + space + flow + text[listed.end_mark.index :]


def _without(text: str, position: int) -> str:
    """The YAML ``text`` without the element at ``position`` of its list of feeds."""
    _, listed = _find(text)
    assert isinstance(listed, yaml.SequenceNode)  # noqa: S101 - the configuration was loaded, and has this feed
    feed = listed.value[position]
    rows = text.splitlines(keepends=True)
    first, last = feed.start_mark.line, _last_line(rows, feed)
    if listed.flow_style:
        before = rows[first][: feed.start_mark.column].strip()
        after = rows[last][feed.end_mark.column :].strip().removeprefix(",").strip()
        if before or (after and not after.startswith("#")):
            if position + 1 < len(listed.value):
                return text[: feed.start_mark.index] + text[listed.value[position + 1].start_mark.index :]
            start = listed.value[position - 1].end_mark.index if position else feed.start_mark.index
            return text[:start] + text[feed.end_mark.index :]
    else:
        first = _dash_line(rows, feed)
    return "".join(rows[:first] + rows[last + 1 :])


def _find(text: str) -> tuple[yaml.MappingNode, yaml.Node | None]:
    """The configuration's root and its list of feeds, with their places in ``text``."""
    root = yaml.SafeLoader(text).get_single_node()
    assert isinstance(root, yaml.MappingNode)  # noqa: S101 - the configuration was loaded
    return root, next((value for key, value in root.value if key.value == "feeds"), None)


def _dash_line(rows: Sequence[str], element: yaml.Node) -> int:
    """The line (from 0) of the dash before ``element``, which may stand on a line of its own."""
    return next(line for line in range(element.start_mark.line, -1, -1) if re.match(r"\s*-(\s|\Z)", rows[line]))


def _last_line(rows: Sequence[str], node: yaml.Node) -> int:
    """The line (from 0) on which ``node`` ends; a block's own mark stands behind the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    line = int(node.end_mark.line)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        line -= 1
        while not rows[line].strip():
            line -= 1
    return line


def _insert_line(text: str, line: int, new: str) -> str:
    rows = text.splitlines(keepends=True)
    if not rows[line].endswith(("\n", "\r")):
        rows[line] += "\r\n" if "\r\n" in text else "\n"
    return "".join([*rows[: line + 1], new, *rows[line + 1 :]])


def _after_last(text: str, node: yaml.CollectionNode, new: str) -> str:
    """``new`` behind the last element of a list or block in brackets."""
    if not node.value:
        end = node.end_mark.index - 1
        return text[:end] + new + text[end:]
    last = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return f"{text[: last.end_mark.index]}, {new}{text[last.end_mark.index :]}"


def _entry(feed: FeedSource) -> str:
    plain_id = feed.id if yaml.safe_load(feed.id) == feed.id else json.dumps(feed.id)
    tags = [
        tag
        if re.fullmatch(r"[a-z][a-z0-9-]*", tag) and yaml.safe_load(tag) == tag
        else json.dumps(tag, ensure_ascii=False)
        for tag in feed.tags
    ]
    listed = f", tags: [{', '.join(tags)}]" if tags else ""
    return f"{{id: {plain_id}, url: {json.dumps(feed.url, ensure_ascii=False)}{listed}}}"


def _save(path: Path, text: str, expected: Sequence[FeedSource]) -> None:
    """Check that ``text`` says what it should, write it beside the file, then put it in the file's place."""
    try:
        after: Config | None = config.parse(text, path)
    except ConfigError:
        after = None
    if after is None or after.feeds != tuple(expected):
        raise UsageError(f"{path}: is written in a way that cannot be edited safely; edit its feeds by hand")
    target = path.resolve()  # a link stays a link
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        mark = b"\xef\xbb\xbf" if target.read_bytes().startswith(b"\xef\xbb\xbf") else b""
        partial.write_bytes(mark + text.encode())
        shutil.copymode(target, partial)
        partial.replace(target)
    except OSError as error:
        raise WatchfloorError(f"{path}: cannot be written: {error.strerror}; it is left as it was") from None
    finally:
        partial.unlink(missing_ok=True)
