"""``export``: tagged items in the forms that other programs read, streamed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click

from pipeline import __version__
from pipeline.cli.common import Day, common_options, load_config, note, open_stored
from pipeline.config import Config
from pipeline.errors import UsageError, WatchfloorError
from pipeline.exports import BINARY, FORMS, About, writer
from pipeline.filters import VERDICTS
from pipeline.models import Wanted
from pipeline.plainly import hint
from pipeline.store import Store
from pipeline.times import day_bounds, to_iso
from pipeline.wholefile import whole


@click.command()
@click.option("--format", "form", type=click.Choice(list(FORMS)), required=True)
@click.option("--since", type=Day(), help="Only items first seen on this local day or later.")
@click.option("--until", type=Day(), help="Only items first seen on this local day or earlier.")
@click.option("--entity", "entities", multiple=True, help="Only items that mention it; may be given several times.")
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only items whose story stands so; none: undecided.")
@click.option("--filter", "saved", help="Only items that meet this saved filter (filters: of config.yaml).")
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of to standard output.")
@common_options
def export(
    *,
    form: str,
    since: date | None,
    until: date | None,
    entities: tuple[str, ...],
    verdict: str | None,
    saved: str | None,
    output: Path | None,
    config_path: Path | None,
    db: Path | None,
) -> None:
    """Tagged items with their mentions and the verdict that stands.

    jsonl and parquet hold everything, csv has a line for each item; stix and misp are for threat-intelligence
    platforms, atom for feed readers.

    \b
    Example:
      watchfloor export --format csv --entity crypto-theft --output thefts.csv
      watchfloor export --format stix --since 2026-11-01 --verdict relevant --output november.json
    """
    config = load_config(config_path, db)
    write = writer(form)
    with open_stored(config) as store:
        wanted = _wanted(config, store, since, until, entities, verdict, saved)
        about = _about(config, store, wanted, saved)
        with _opened(output, form) as file:
            write(store.exporting.items(wanted), file, about)
    if output is not None:
        note(f"wrote {output}")


def _wanted(
    config: Config,
    store: Store,
    since: date | None,
    until: date | None,
    entities: Sequence[str],
    verdict: str | None,
    saved: str | None,
) -> Wanted:
    """What the options ask for. Raises ``UsageError`` for an entity or a filter that is not there."""
    found = Wanted()
    if saved is not None:
        by_id = {one.id: one for one in config.filters}
        if saved not in by_id:
            raise UsageError(f"there is no filter {saved!r} in {config.path.name}; {hint(saved, by_id)}")
        found = by_id[saved].wanted
    if since and until and since > until:
        raise UsageError(f"--since {since} is later than --until {until}; nothing is between them")
    known = {*store.exporting.entities(), *(entity.id for entity in config.watchlist.entities)}
    for entity in entities:
        if entity not in known:
            raise UsageError(f"there is no entity {entity!r}; {hint(entity, known)}")
    return replace(
        found,
        since=_bounds(since, config)[0] if since else None,
        until=_bounds(until, config)[1] if until else None,
        entities=tuple(entities) or found.entities,
        verdict=verdict or found.verdict,
    )


def _bounds(day: date, config: Config) -> tuple[datetime, datetime]:
    try:
        return day_bounds(day, config.timezone)
    except OverflowError:
        raise UsageError(f"{day} is at the end of the calendar; write a day nearer to now") from None


def _about(config: Config, store: Store, wanted: Wanted, saved: str | None) -> About:
    plain: dict[str, Any] = {
        key: to_iso(value) if isinstance(value, datetime) else value for key, value in asdict(wanted).items() if value
    }
    asked = ", ".join(
        [
            *([f"filter {saved}"] if saved else []),
            *wanted.entities,
            *([f"verdict {wanted.verdict}"] if wanted.verdict else []),
            *([f"since {wanted.since.astimezone(config.timezone).date()}"] if wanted.since else []),
            *([f"until {wanted.until.astimezone(config.timezone).date() - timedelta(days=1)}"] if wanted.until else []),
        ]
    )
    updated = store.exporting.updated_at() or datetime.fromtimestamp(0, UTC)
    since, listed = store.exporting.watched() or (updated, updated)
    return About(
        title=f"watchfloor: {asked or 'all tagged items'}",
        address="",
        entities=store.exporting.entities(),
        since=since,
        listed=listed,
        updated=updated,
        program=f"watchfloor {__version__}",
        wanted=plain,
    )


@contextlib.contextmanager
def _opened(output: Path | None, form: str) -> Iterator[BinaryIO]:
    """Standard output, or a file that is there only when it is whole; a pipe or a device stays what it is."""
    if output is None:
        if form in BINARY and sys.stdout.isatty():
            raise UsageError(f"{form} is nothing for a terminal; name a file with --output")
        try:
            yield sys.stdout.buffer
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise WatchfloorError(f"standard output: cannot be written: {error.strerror or error}") from None
        return
    is_file = not output.exists() or output.is_file() or output.is_dir()
    try:
        with whole(output) if is_file else output.open("wb") as file:
            yield file
    except OSError as error:
        raise WatchfloorError(f"{output}: cannot be written: {error.strerror or error}; name another file") from None
