"""``feeds add``, ``remove``, ``import`` and ``export``: the list of feeds in config.yaml, edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from pipeline import config, discover, feedlist
from pipeline.cli.common import DEFAULT_CONFIG, common_options, load_config, note, show_table
from pipeline.config import Config
from pipeline.discover import Candidate
from pipeline.errors import ParseError, UsageError, WatchfloorError
from pipeline.feedlist import Outline
from pipeline.fetch import Fetcher
from pipeline.models import Feed, Fetched, ParsedFeed
from pipeline.parse import parse
from pipeline.tools import tools_for

#: Addresses of one page that are asked, at most, one after the other.
_MOST_ASKED = 10
#: A server that answers so may hold a feed all the same; it just does not show it to us, or not now.
_NOT_SHOWN = frozenset({401, 403, 407, 408, 425, 429})


@click.command()
@click.argument("url")
@click.option("--id", "feed_id", help="Its id; default: made from the address.")
@click.option("--as-is", is_flag=True, help="Add URL as it is given, without looking at it.")
@common_options
def add(*, url: str, feed_id: str | None, as_is: bool, config_path: Path | None, db: Path | None) -> None:
    """Add the feed at URL to config.yaml, keeping its comments.

    URL is looked at first. Of a web page the feeds are found: one is added, several are listed to choose from. An
    address that cannot be reached now is added as it is given.

    \b
    Example:
      watchfloor feeds add https://www.38north.org/feed/ --id 38north
      watchfloor feeds add https://www.38north.org/
    """
    path = config_path or DEFAULT_CONFIG
    loaded = load_config(config_path, db, required=True)
    if as_is or not feedlist.check(loaded, url, feed_id):
        _put(path, url, feed_id)
        return
    looking = _Looking(loaded)
    try:
        looked = looking.at(url)
        if looked.feed is not None:
            _put(path, looked.address, feed_id)
        elif looked.fetched.outcome == "ok":
            _choose(path, url, feed_id, looking.around(looked), looked.error)
        elif _may_be_there(looked.fetched):
            note(f"warning: {url} cannot be looked at now ({looked.error}); it is added as it is given")
            _put(path, url, feed_id)
        else:
            raise WatchfloorError(f"{url}: {looked.error}; nothing is added (--as-is adds it all the same)")
    finally:
        looking.close()


@click.command()
@click.argument("feed_id", metavar="ID")
@common_options
def remove(*, feed_id: str, config_path: Path | None, db: Path | None) -> None:
    """Take the feed ID out of config.yaml. Its stored items stay.

    \b
    Example:
      watchfloor feeds remove 38north
    """
    path = config_path or DEFAULT_CONFIG
    feedlist.remove(path, feed_id)
    print(f"removed {feed_id} from {path}; its stored items stay")


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.opml")
@common_options
def import_opml(*, file: Path, config_path: Path | None, db: Path | None) -> None:
    """Add the feeds of an OPML file to config.yaml; its folders and categories become tags.

    None is looked at. One whose address cannot be polled is left out and named.

    \b
    Example:
      watchfloor feeds import subscriptions.opml
    """
    path = config_path or DEFAULT_CONFIG
    outlines = feedlist.read_opml(file)
    added = feedlist.add_all(path, outlines)
    for skipped in added.skipped:
        name = f"{skipped.outline.title}: " if skipped.outline.title else ""
        note(f"{file}:{skipped.outline.line}: {name}{skipped.reason}; left out")
    left_out = f", {len(added.skipped)} were left out" if added.skipped else ""
    print(f"added {len(added.ids)} of {len(outlines)} feeds to {path}; {added.known} stood there already{left_out}")
    if outlines and len(added.skipped) == len(outlines):
        raise click.exceptions.Exit(1)


@click.command(name="export")
@click.argument("file", type=click.Path(path_type=Path), required=False, metavar="[FILE.opml]")
@common_options
def export_opml(*, file: Path | None, config_path: Path | None, db: Path | None) -> None:
    """Write the feeds of config.yaml as OPML 2.0, in a folder for each first tag.

    \b
    Example:
      watchfloor feeds export feeds.opml
    """
    text = feedlist.write_opml(load_config(config_path, db, required=True).feeds)
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from None
    note(f"wrote {file}")


#: What ``feeds`` takes from here.
COMMANDS = (add, remove, import_opml, export_opml)


@dataclass(frozen=True, slots=True)
class _Looked:
    """An address that was fetched, and the feed there or why it is none."""

    url: str
    fetched: Fetched
    feed: ParsedFeed | None
    error: str

    @property
    def address(self) -> str:
        """The address to keep: where a permanent redirect leads, else the one that was asked."""
        return self.fetched.permanent_url or self.url

    @property
    def newest(self) -> datetime | None:
        """The date of the newest item that has one."""
        items = self.feed.items if self.feed else ()
        return max((item.published_at for item in items if item.published_at), default=None)


class _Looking:
    """Looks at addresses as a poll would, one after the other, and stores nothing."""

    def __init__(self, loaded: Config) -> None:
        self._folder = loaded.path.parent
        self._fetcher: Fetcher = tools_for(loaded).fetcher()

    def close(self) -> None:
        self._fetcher.close()

    def at(self, url: str) -> _Looked:
        absolute = config.absolute_url(config.check_url(url), self._folder)
        fetched = self._fetcher.fetch(Feed("add", absolute, absolute))
        if fetched.outcome != "ok":
            return _Looked(url, fetched, None, fetched.error or fetched.outcome)
        try:
            return _Looked(url, fetched, parse(fetched.body, fetched.url, fetched.content_type), "")
        except ParseError as error:
            return _Looked(url, fetched, None, str(error))

    def around(self, page: _Looked) -> list[tuple[Candidate, _Looked]]:
        """The feeds that ``page`` names, else those in the usual places of its site; each one once."""
        if page.fetched.url[:5].lower() == "file:":
            return []
        seen: set[str] = set()
        named = discover.candidates(page.fetched.body, page.fetched.url, page.fetched.content_type)
        return self._feeds(named, seen) or self._feeds(discover.guesses(page.fetched.url), seen)

    def _feeds(self, candidates: list[Candidate], seen: set[str]) -> list[tuple[Candidate, _Looked]]:
        found: list[tuple[Candidate, _Looked]] = []
        for candidate in candidates[:_MOST_ASKED]:
            if candidate.of_comments and len(found) == 1:
                break  # the one feed that is wanted is there
            looked = self.at(candidate.url)
            if looked.feed is not None and looked.fetched.url not in seen:
                found.append((candidate, looked))
                seen.add(looked.fetched.url)
        return found


def _may_be_there(fetched: Fetched) -> bool:
    """False when the server said that there is nothing of use at the address."""
    return fetched.status is None or fetched.status in _NOT_SHOWN or fetched.status >= 500


def _choose(path: Path, url: str, feed_id: str | None, found: list[tuple[Candidate, _Looked]], reason: str) -> None:
    """Add the one feed that a page has, or show those to choose from."""
    if not found:
        raise WatchfloorError(f"{url}: {reason}; no feed was found there either, nothing is added (see --as-is)")
    if len(found) == 1:
        address = found[0][1].address
        note(f"{url} is a web page; its feed is {address}")
        _put(path, address, feed_id)
        return
    rows = []
    for candidate, looked in found:
        newest = looked.newest.date().isoformat() if looked.newest else ""
        items = len(looked.feed.items) if looked.feed else 0
        rows.append((looked.address, (looked.feed and looked.feed.title) or candidate.title, items, newest))
    show_table("", ("address", "title", "items", "newest"), rows)
    chosen = f" --id {feed_id}" if feed_id else ""
    note(f"{url} has {len(found)} feeds; nothing is added yet, choose: watchfloor feeds add ADDRESS{chosen}")


def _put(path: Path, url: str, feed_id: str | None) -> None:
    added = feedlist.add(path, [Outline(url, "")], feed_id)
    if added:
        print(f"added {added[0]} to {path}; test it with: watchfloor feeds check {added[0]}")
    else:
        print(f"{url} stands in {path} already")
