"""Feeds added to config.yaml and removed from it: nothing but their own lines changes, or nothing at all."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pipeline import config, yamlfile
from pipeline.config import FEED_ID, Config, FeedSource
from pipeline.errors import ConfigError, UsageError, WatchfloorError
from pipeline.feedlist import roundtrip
from pipeline.feedlist.opml import Outline, Skipped


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a list of feeds: the ids of the new ones, how many stood there already, and what was left out."""

    ids: tuple[str, ...]
    known: int
    skipped: tuple[Skipped, ...]


def check(loaded: Config, url: str, feed_id: str | None = None) -> bool:
    """True when a feed of this address and id can be added to the configuration; False when the address stands there.

    Raises:
        UsageError: for an address that cannot be polled, or an id that is invalid or taken.
    """
    _, absolute = _addresses(url, loaded.path)
    if any(feed.url == absolute for feed in loaded.feeds):
        return False
    _check_id(feed_id, {feed.id for feed in loaded.feeds})
    return True


def add(path: Path, outlines: Sequence[Outline], feed_id: str | None = None) -> list[str]:
    """Add feeds to the configuration at ``path`` and return their ids; addresses that stand there are left out.

    Raises:
        UsageError: for an address that cannot be polled, or an id that is invalid or taken.
        ConfigError: when the configuration is broken; the file is then left as it was.
    """
    for outline in outlines:
        _addresses(outline.url, path)
    return list(_add(path, outlines, feed_id).ids)


def add_all(path: Path, outlines: Iterable[Outline]) -> Added:
    """Add the feeds of a list from elsewhere; an address that cannot be polled is left out, and said.

    Raises:
        ConfigError: when the configuration is broken; the file is then left as it was.
    """
    return _add(path, outlines, None)


def remove(path: Path, feed_id: str) -> None:
    """Take the feed ``feed_id`` out of the configuration at ``path``; its stored items stay.

    Comments at the end of its lines and between them go with it. Those above and below stay: they may be headings.

    Raises:
        UsageError: when there is no such feed.
        ConfigError: when the configuration is broken; the file is then left as it was.
    """
    feeds = config.load(path).feeds
    ids = [feed.id for feed in feeds]
    if feed_id not in ids:
        close = difflib.get_close_matches(feed_id, ids, n=1)
        hint = f"did you mean {close[0]}? See" if close else "see"
        raise UsageError(f"there is no feed {feed_id!r} in {path.name}; {hint}: watchfloor feeds list")
    position = ids.index(feed_id)
    text = yamlfile.read_text(path)
    rest = (*feeds[:position], *feeds[position + 1 :])
    _save(path, text, roundtrip.removed(text, position), rest, gone=position)


def _add(path: Path, outlines: Iterable[Outline], feed_id: str | None) -> Added:
    before = config.load(path).feeds
    taken = {feed.id for feed in before}
    present = {feed.url for feed in before}
    wanted, known, skipped = _merged(path, outlines, present)
    numbers: Counter[str] = Counter()
    new = []
    for url, outline in wanted:
        new_id = _check_id(feed_id, taken) or _free_id(outline, taken, numbers)
        new.append(FeedSource(id=new_id, url=url, tags=outline.folders))
        taken.add(new_id)
    if new:
        text = yamlfile.read_text(path)
        in_place = (feed.model_copy(update={"url": config.absolute_url(feed.url, path.parent)}) for feed in new)
        _save(path, text, roundtrip.appended(text, new), (*before, *in_place))
    return Added(tuple(feed.id for feed in new), known, tuple(skipped))


def _merged(
    path: Path, outlines: Iterable[Outline], present: set[str]
) -> tuple[list[tuple[str, Outline]], int, list[Skipped]]:
    """The new feeds, each address once with the tags of all its outlines; how many are known; which cannot be used."""
    wanted: dict[str, tuple[str, Outline]] = {}
    known, skipped = 0, []
    for outline in outlines:
        try:
            url, absolute = _addresses(outline.url, path)
        except UsageError as error:
            skipped.append(Skipped(outline, str(error)))
            continue
        if absolute in present:
            known += 1
        elif absolute in wanted:
            known += 1
            url, first = wanted[absolute]
            tags = tuple(dict.fromkeys((*first.folders, *outline.folders)))
            wanted[absolute] = url, replace(first, folders=tags)
        else:
            wanted[absolute] = url, outline
    return list(wanted.values()), known, skipped


def _addresses(url: str, path: Path) -> tuple[str, str]:
    """``url`` as it is written into the configuration at ``path``, and the address that this means."""
    try:
        written = config.check_url(url)
        absolute = config.absolute_url(written, path.parent)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if "${" in written:  # a list from elsewhere must not send our secrets out
        raise UsageError(f"{written!r} names an environment variable; write it into {path.name} by hand")
    return written, absolute


def _check_id(feed_id: str | None, taken: set[str]) -> str | None:
    if feed_id is not None and not FEED_ID.match(feed_id):
        raise UsageError(f"the id {feed_id!r} may hold only letters, digits, dot, hyphen and underscore; change it")
    if feed_id in taken:
        raise UsageError(f"there is a feed {feed_id!r} already; choose another --id")
    return feed_id


def _free_id(outline: Outline, taken: set[str], numbers: Counter[str]) -> str:
    """An id made from the outline's title, else from its address. ``numbers`` remembers the last one of each name."""
    parts = urlsplit(outline.url)
    name = outline.title if FEED_ID.match(outline.title) else _slug(outline.title)
    name = name or _slug(f"{(parts.hostname or 'file').removeprefix('www.')} {parts.path}") or "feed"
    candidate = name
    while candidate in taken:
        numbers[name] += 1
        candidate = f"{name}-{numbers[name] + 1}"
    return candidate


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")


def _save(
    path: Path, before: str, texts: Iterator[str], feeds: Sequence[FeedSource], *, gone: int | None = None
) -> None:
    """Put the first of ``texts`` that says what it should in the file's place.

    That is: the feeds are ``feeds``, nothing else changed, and of the comments of ``before`` only those are missing
    that stood on lines of the feed ``gone`` alone.
    """
    old = yamlfile.parse(before, path)
    lines = [line for where, line in old.lines.items() if where[:2] == ("feeds", gone)]
    shared = {line for where, line in old.lines.items() if where and where[:2] != ("feeds", gone)}
    own: set[int] = set(range(min(lines), max(lines) + 1)) - shared if lines else set()
    kept = Counter(comment for line, comment in roundtrip.comments(before) if line not in own)

    def is_right(text: str) -> bool:
        try:
            after = config.parse(text, path)
        except ConfigError:
            return False
        same = after.feeds == tuple(feeds) and _rest(yamlfile.parse(text, path)) == _rest(old)
        return same and not kept - Counter(comment for _, comment in roundtrip.comments(text))

    right = next(filter(is_right, texts), None)
    if right is None:
        raise UsageError(f"{path}: is written in a way that cannot be edited safely; edit its feeds by hand")
    _replace(path, right)


def _rest(file: yamlfile.YamlFile) -> dict[str, object]:
    return {key: value for key, value in file.data.items() if key != "feeds"}


def _replace(path: Path, text: str) -> None:
    """Write ``text`` beside the file, then put it in the file's place."""
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
