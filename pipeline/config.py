"""config.yaml → ``Config``: everything that a user may set, checked before anything runs.

Every mistake becomes one line that names the file, the line, the key and the remedy. Reads files, never the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from pipeline import __version__, watchlist, yamlfile
from pipeline.alerts.settings import AlertSettings
from pipeline.errors import ConfigError, Mistake
from pipeline.filters import SavedFilter
from pipeline.plainly import hint
from pipeline.reviewers import ReviewSettings, wrong_users
from pipeline.targets import MailSettings, Target, wrong_targets
from pipeline.values import Duration, FilePath, Number, Section, TimeOfDay, Whole, Zone
from pipeline.watchlist import DEFAULT_PACK, Watchlist
from pipeline.yamlfile import Where, YamlFile

FEED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class FetchSettings(Section):
    """How feeds are fetched."""

    user_agent: str = f"watchfloor/{__version__} (feed reader; no contact configured)"
    concurrency: Whole = Field(default=64, ge=1, le=512)  # feeds in hand at once
    per_host: Whole = Field(default=2, ge=1, le=64)  # of these, at most so many of one host
    # seconds between two requests to one host, unless it is one's own
    spacing: Number = Field(default=1, ge=0, le=3600)
    timeout: Number = Field(default=20, gt=0, le=3600)  # seconds that one fetch may take in all, redirects included
    max_bytes: Whole = Field(default=20_000_000, ge=1000)  # of one body, after decompression
    allow_private_addresses: bool = False  # loopback, private and link-local networks

    @field_validator("user_agent")
    @classmethod
    def _check_user_agent(cls, value: str) -> str:
        if not value.strip() or not value.isprintable() or not value.isascii():
            raise ValueError("must be one line of plain ASCII text, such as: example-newsroom (+https://example.org)")
        return value


class ScheduleSettings(Section):
    """When feeds are polled and the digest is made."""

    interval: Duration = timedelta(minutes=30)
    min_interval: Duration = timedelta(minutes=15)
    max_interval: Duration = timedelta(hours=24)
    digest_at: TimeOfDay = time(7, 0)


class FeedSource(Section):
    """One feed, as configured."""

    id: str
    url: str
    full_text: bool = False
    tags: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()  # contexts of the watch-list that all its items count as speaking of

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not FEED_ID.match(value):
            raise ValueError(f"the id {value!r} may hold only letters, digits, dot, hyphen and underscore; change it")
        return value

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_url(value)


class DigestSettings(Section):
    """Where the digest goes."""

    deliver: tuple[Target, ...] = ()


class StoriesSettings(Section):
    """Which copies of one piece of news are one story."""

    window: Duration = timedelta(days=7)  # copies further apart are two

    @field_validator("window")
    @classmethod
    def _check_window(cls, value: timedelta) -> timedelta:
        if value > timedelta(days=60):
            raise ValueError("is too long; use 60d or less")
        return value


class WebSubSettings(Section):
    """Where hubs reach the daemon, to push what feeds have new. Off without ``public_url``, which ends in a slash."""

    public_url: str | None = None
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Whole = Field(default=8002, ge=1, le=65535)
    lease: Duration = timedelta(days=7)  # what hubs are asked for; they may give another

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        if not re.match(r"(?i)https?://[^?#@\\\s]+\Z", value) or not value.isascii():
            raise ValueError(f"{value!r} cannot be called by a hub; write http(s)://host/path/ without ?, # and @")
        return check_url(value).rstrip("/") + "/"


class _ConfigFile(Section):
    """The keys of config.yaml."""

    database: FilePath = "db/watchfloor.db"
    timezone: Zone = ZoneInfo("UTC")
    fetch: FetchSettings = FetchSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    feeds: tuple[FeedSource, ...] = ()
    watchlist: tuple[Any, ...] = ({"pack": DEFAULT_PACK},)
    stories: StoriesSettings = StoriesSettings()
    digest: DigestSettings = DigestSettings()
    mail: MailSettings = MailSettings()
    alerts: tuple[AlertSettings, ...] = ()
    filters: tuple[SavedFilter, ...] = ()
    websub: WebSubSettings = WebSubSettings()
    review: ReviewSettings = ReviewSettings()


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that holds together. Paths are absolute."""

    path: Path
    database: Path
    timezone: ZoneInfo
    fetch: FetchSettings
    schedule: ScheduleSettings
    feeds: tuple[FeedSource, ...]
    watchlist: Watchlist
    stories: StoriesSettings
    digest: DigestSettings
    mail: MailSettings
    alerts: tuple[AlertSettings, ...]
    filters: tuple[SavedFilter, ...]
    websub: WebSubSettings
    review: ReviewSettings


def check_url(value: str) -> str:
    """``value`` when it is an address that can be polled: http, https or file. Raises ``ValueError`` otherwise."""
    address = value.strip()
    if not address.isprintable():
        raise ValueError(f"{address!r} is not an address: it holds a control character; type it anew")
    if address.lower().startswith("file:"):
        _file_path(address)
        return address
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"{address!r} is not an address ({error}); copy it anew from the browser") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{address!r} is not an address that can be polled; write http://…, https://… or file:…")
    if " " in address:
        raise ValueError(f"{address!r} is not an address: it holds a space; write %20 in its place")
    labels = [] if ":" in host else host.removesuffix(".").split(".")
    if port == 0 or not all(0 < len(label) < 64 for label in labels):
        raise ValueError(f"{address!r} is not an address: no host is called {parts.netloc!r}; copy it anew")
    return address


def absolute_url(url: str, folder: Path) -> str:
    """``url``; a relative ``file:`` address counts from ``folder``. Raises ``ValueError`` for a broken one."""
    return (folder.absolute() / _file_path(url)).as_uri() if url.lower().startswith("file:") else url


def _file_path(url: str) -> str:
    """The path of a ``file:`` address. Spaces, ``#`` and ``?`` are part of it, written plainly or as %20, %23, %3F."""
    rest = url[len("file:") :]
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise ValueError(f"{url!r} names a computer, {host!r}; write file:{host}{slash}{rest} for a relative path")
        rest = slash + rest
    path = os.fsdecode(unquote_to_bytes(rest))
    if not path or "\0" in path:
        raise ValueError(f"{url!r} names no file; write file:folder/name.xml")
    return path


def load(path: Path) -> Config:
    """Read and check the configuration at ``path``.

    Raises:
        ConfigError: with one mistake for each thing that is wrong, in the order of the lines.
    """
    return parse(yamlfile.read_text(path), path)


def parse(text: str, path: Path) -> Config:
    """Check the configuration ``text`` as if it stood at ``path``. Raises ``ConfigError`` as ``load`` does."""
    file = yamlfile.parse(text, path)
    if file.data is None:
        raise ConfigError([Mistake(path, 1, "", "is empty; write what to watch, or start anew with: watchfloor init")])
    if not isinstance(file.data, dict):
        raise ConfigError([file.mistake((), "is not a configuration; write lines of key: value")])
    mistakes = list(file.mistakes)
    known = {(mistake.line, mistake.key) for mistake in mistakes}
    raw = watched = None
    try:
        raw = file.validate(_ConfigFile)
    except ConfigError as error:
        mistakes += [mistake for mistake in error.mistakes if (mistake.line, mistake.key) not in known]
    try:
        own = isinstance(file.data.get("watchlist"), list)
        subjects = {feed.id: feed.subject for feed in raw.feeds if feed.subject} if raw is not None else {}
        watched = (
            watchlist.from_config(file, ("watchlist",), subjects)
            if own
            else watchlist.load_pack(DEFAULT_PACK, subjects)
        )
    except ConfigError as error:
        mistakes += [mistake for mistake in error.mistakes if (mistake.line, mistake.key) not in known]
    mistakes += _repeated_ids(file)
    mistakes += [found for found in wrong_users(file) if (found.line, found.key) not in known]
    if raw is not None and watched is not None:
        mistakes += _unknown_subjects(file, raw.feeds, watched)
        mistakes += _unknown_entities(file, raw, watched)
        mistakes += _unknown_feeds(file, raw)
        mistakes += _repeated_names(file)
        found = wrong_targets(file, _targets(raw), raw.mail)
        mistakes += [one for one in found if (one.line, one.key) not in known]
    if raw is not None and raw.schedule.min_interval > raw.schedule.max_interval:
        mistakes.append(file.mistake(("schedule", "min_interval"), "is longer than max_interval; make it shorter"))
    if mistakes or raw is None or watched is None:
        # those of a watch-list file come after those of the configuration
        raise ConfigError(sorted(mistakes, key=lambda found: (found.path != path, str(found.path), found.line or 0)))
    return _assemble(path, raw, watched)


def default(folder: Path) -> Config:
    """The configuration of an empty config.yaml in ``folder``."""
    return _assemble(folder / "config.yaml", _ConfigFile(), watchlist.load_pack(DEFAULT_PACK))


def template() -> str:
    """The commented config.yaml to start from: in a wheel beside this module, in a checkout at its top."""
    beside = Path(__file__).with_name("config.yaml")
    return (beside if beside.exists() else beside.parent.parent / "config.yaml").read_text(encoding="utf-8")


def _assemble(path: Path, raw: _ConfigFile, watched: Watchlist) -> Config:
    folder = path.absolute().parent
    return Config(
        path=path.absolute(),
        database=folder / raw.database,
        timezone=raw.timezone,
        fetch=raw.fetch,
        schedule=raw.schedule,
        feeds=tuple(feed.model_copy(update={"url": absolute_url(feed.url, folder)}) for feed in raw.feeds),
        watchlist=watched,
        stories=raw.stories,
        digest=raw.digest,
        mail=raw.mail,
        alerts=raw.alerts,
        filters=raw.filters,
        websub=raw.websub,
        review=raw.review,
    )


def _unknown_subjects(file: YamlFile, feeds: Iterable[FeedSource], watched: Watchlist) -> Iterator[Mistake]:
    for index, feed in enumerate(feeds):
        for name in feed.subject:
            if name not in watched.contexts:
                message = f"there is no context {name!r} in the watch-list; {hint(name, sorted(watched.contexts))}"
                yield file.mistake(("feeds", index, "subject"), message)


def _unknown_entities(file: YamlFile, raw: _ConfigFile, watched: Watchlist) -> Iterator[Mistake]:
    known = [entity.id for entity in watched.entities]
    named: list[tuple[Where, str]] = [(("review", "priority", name), name) for name in raw.review.priority]
    named += [
        (("alerts", index, "entities"), name) for index, alert in enumerate(raw.alerts) for name in alert.entities
    ]
    named += [(("filters", index, "entity"), saved.entity) for index, saved in enumerate(raw.filters) if saved.entity]
    for where, name in named:
        if name not in known:
            yield file.mistake(where, f"there is no entity {name!r} in the watch-list; {hint(name, known)}")


def _unknown_feeds(file: YamlFile, raw: _ConfigFile) -> Iterator[Mistake]:
    known = [feed.id for feed in raw.feeds]
    for index, saved in enumerate(raw.filters):
        if saved.feed and saved.feed not in known:
            where = ("filters", index, "feed")
            yield file.mistake(where, f"there is no feed {saved.feed!r}; {hint(saved.feed, known)}")


def _targets(raw: _ConfigFile) -> list[tuple[Where, tuple[Target, ...]]]:
    """Each list of targets with its place."""
    alerts: list[tuple[Where, tuple[Target, ...]]] = [
        (("alerts", index, "deliver"), alert.deliver) for index, alert in enumerate(raw.alerts)
    ]
    return [(("digest", "deliver"), raw.digest.deliver), *alerts]


def _repeated_names(file: YamlFile) -> Iterator[Mistake]:
    """Of alerts, and of saved filters."""
    for section, key in (("alerts", "name"), ("filters", "id")):
        seen: set[str] = set()
        for index, entry in enumerate(file.data.get(section) or ()):
            if entry[key] in seen:
                yield file.mistake((section, index, key), f"the {key} {entry[key]!r} stands twice; rename one")
            seen.add(entry[key])


def _repeated_ids(file: YamlFile) -> list[Mistake]:
    """Looked for in the plain data, so that they are found beside other mistakes."""
    feeds = file.data.get("feeds")
    mistakes = []
    seen: dict[str, int] = {}
    for index, feed in enumerate(feeds if isinstance(feeds, list) else []):
        feed_id = feed.get("id") if isinstance(feed, dict) else None
        if not isinstance(feed_id, str):
            continue
        if feed_id in seen:
            first = file.lines.get(("feeds", seen[feed_id], "id"))
            message = f"the id {feed_id!r} stands twice (first on line {first}); rename one"
            mistakes.append(file.mistake(("feeds", index, "id"), message))
        seen.setdefault(feed_id, index)
    return mistakes
