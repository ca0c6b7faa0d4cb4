"""Makes the digest of a day from the store, keeps it there, and delivers it, for the daemon and the command line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from pipeline.config import Config, DigestSettings
from pipeline.digest import Digest, build, render
from pipeline.errors import WatchfloorError
from pipeline.precision import below
from pipeline.store import Store
from pipeline.times import day_bounds

_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "markdown", ".txt": "text", ".json": "json"}


def make_digest(config: Config, store: Store, day: date, now: datetime) -> Digest:
    """Build the digest of the local ``day`` and keep it in the database; one of the same day takes its place."""
    start, end = day_bounds(day, config.timezone)
    weak = below(store.judgements.rules(), config.watchlist, config.review.floor)
    made = build(day, config.timezone, store.reports.day(start, end), config.watchlist.version, weak)
    store.reports.save_digest(
        day.isoformat(),
        now,
        html=render(made, "html"),
        markdown=render(made, "markdown"),
        as_json=render(made, "json"),
    )
    return made


def form_of(path: Path) -> str:
    """The format that a file's name asks for; plain text when it asks for none."""
    return _BY_SUFFIX.get(path.suffix.lower(), "text")


def write(made: Digest, path: Path, form: str) -> None:
    """Write the digest to ``path``, whole or not at all. Raises ``WatchfloorError`` when that is impossible."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(render(made, form), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise WatchfloorError(
            f"{path}: the digest cannot be written: {error.strerror}; it is kept in the database"
        ) from None


def deliver(made: Digest, settings: DigestSettings) -> list[Path]:
    """Write the digest to every file that the configuration names and return them."""
    paths = [Path(delivery.file.replace("{date}", made.day.isoformat())) for delivery in settings.deliver]
    for path in paths:
        write(made, path, form_of(path))
    return paths
