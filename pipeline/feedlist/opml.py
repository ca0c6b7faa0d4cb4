"""OPML: feeds with the folders they stand in, read in any version and encoding, written as 2.0.

Source: http://opml.org/spec2.opml
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from pipeline.config import FeedSource
from pipeline.errors import UsageError

_DEEPEST_FOLDER = 20
#: Ours, for tags that neither a folder's name nor a category can hold.
_NAMESPACE = "https://watchfloor.invalid/opml"
_TAGS = "watchfloor:tags"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
)
_ENCODING = re.compile(rb"""\s*<\?xml[^>]{1,300}?encoding\s*=\s*["']([\w.:+-]{1,40})""")


@dataclass(frozen=True, slots=True)
class Outline:
    """One feed of an OPML file: its address, its name, the folders it stands in, the line where it is written."""

    url: str
    title: str
    folders: tuple[str, ...] = ()
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A feed that was left out, and why."""

    outline: Outline
    reason: str


def read_opml(path: Path) -> list[Outline]:
    """The feeds of an OPML file, in its order. ``feed:`` addresses are read as http.

    Raises:
        UsageError: when the file cannot be read or is not OPML.
    """
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; check its name") from None
    except (UnicodeDecodeError, LookupError) as error:
        raise UsageError(f"{path}: is not written in the encoding that it names ({error}); export it anew") from None
    reader = _Reader()
    try:
        reader.read(text)
    except expat.ExpatError as error:
        raise UsageError(f"{path}: is not well-formed XML ({error}); export it anew") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    if not reader.has_body:
        raise UsageError(f"{path}: is not an OPML file (no <opml> with a <body>); export it anew")
    return reader.found


def write_opml(feeds: Iterable[FeedSource]) -> str:
    """``feeds`` as OPML 2.0: a folder for each first tag, all tags of a feed as its category.

    ``read_opml`` gives the same ids, addresses and tags again. The same feeds give the same text.
    """
    root = ElementTree.Element("opml", version="2.0")
    ElementTree.SubElement(ElementTree.SubElement(root, "head"), "title").text = "watchfloor feeds"
    body = ElementTree.SubElement(root, "body")
    folders: dict[str, ElementTree.Element] = {}
    for feed in feeds:
        shown = [name for tag in feed.tags if (name := _name(tag))]
        inside = body
        if shown:
            if shown[0] not in folders:
                folders[shown[0]] = ElementTree.SubElement(body, "outline", text=shown[0], title=shown[0])
            inside = folders[shown[0]]
        attributes = {"type": "rss", "text": feed.id, "title": feed.id, "xmlUrl": feed.url}
        if shown:
            attributes["category"] = ",".join(f"/{name}" for name in shown)
        if tuple(shown) != feed.tags or len(set(shown)) < len(shown):
            attributes[_TAGS] = json.dumps(feed.tags)
            root.set("xmlns:watchfloor", _NAMESPACE)
        ElementTree.SubElement(inside, "outline", attributes)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


class _Reader:
    """Collects the outlines with an address while expat reads; builds no tree, so any depth is the same to it."""

    def __init__(self) -> None:
        self.found: list[Outline] = []
        self.has_body = False
        self._folders: list[tuple[str, ...]] = []  # those of each open element's children
        self._path: list[str] = []
        # names are kept as they are written: a prefix other than ours is somebody else's
        self._parser = expat.ParserCreate()
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, text: str) -> None:
        """Raises ``ExpatError`` for what is no XML, ``ValueError`` for entities and folders without end."""
        self._parser.Parse(text, True)

    def _refuse(self, *_: Any) -> None:  # they can expand without end
        raise ValueError("it declares entities, which OPML does not need; export it anew")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        folders = self._folders[-1] if self._folders else ()
        self._path.append(tag.lower())
        self.has_body = self.has_body or self._path == ["opml", "body"]
        if self._path[:2] == ["opml", "body"] and tag.lower() == "outline":
            folders = self._outline({name.lower(): value for name, value in attributes.items()}, folders)
        self._folders.append(folders)

    def _end(self, tag: str) -> None:
        self._folders.pop()
        self._path.pop()

    def _outline(self, attributes: dict[str, str], folders: tuple[str, ...]) -> tuple[str, ...]:
        """Takes note of an outline that is a feed; gives the folders that the ones inside of it stand in."""
        name = _name(attributes.get("title") or attributes.get("text") or "")
        url = attributes.get("xmlurl", "").strip()
        if not url and attributes.get("type", "").lower() in ("rss", "atom"):
            url = attributes.get("url", "").strip()
        if url[:5].lower() == "feed:":
            url = f"http:{url[5:]}" if url.startswith("//", 5) else url[5:]
        if url:
            tags = _own_tags(attributes.get(_TAGS))
            if tags is None:
                categories = map(_name, attributes.get("category", "").split(","))
                tags = tuple(dict.fromkeys([*folders, *filter(None, categories)]))
            self.found.append(Outline(url, name, tags, self._parser.CurrentLineNumber))
            return folders
        inner = (*folders, name) if name else folders
        if len(inner) > _DEEPEST_FOLDER:
            raise ValueError(f"its folders are nested more than {_DEEPEST_FOLDER} deep; flatten them")
        return inner


def _own_tags(value: str | None) -> tuple[str, ...] | None:
    try:
        tags = json.loads(value or "")
    except (ValueError, RecursionError):
        return None
    usable = isinstance(tags, list) and all(isinstance(tag, str) and "${" not in tag for tag in tags)
    return tuple(tags) if usable else None


def _name(text: str) -> str:
    """A folder's or feed's name on one line, without what a category or a configuration reads as something else."""
    shown = "".join(char if char.isprintable() else " " for char in text.replace(",", " ").replace("${", "$ {"))
    return " ".join(shown.split()).strip("/ ")


def _decoded(data: bytes) -> str:
    """Raises ``UnicodeDecodeError`` or ``LookupError`` when it is not what its mark or its declaration says."""
    declared = _ENCODING.match(data[:1000])
    by_mark = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    return data.decode(by_mark or (declared[1].decode() if declared else "utf-8"))
