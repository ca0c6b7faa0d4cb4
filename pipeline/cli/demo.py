"""``demo``: the whole pipeline on bundled feeds, without a network."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.common import common_options, stopped_by_signals
from pipeline.cli.run import run_with_bar, show_report
from pipeline.demo import DemoServer, demo_config
from pipeline.errors import UsageError
from pipeline.store import Store
from pipeline.times import utc_now

DEFAULT_DATABASE = Path("db") / "demo.db"


@click.command()
@common_options
def demo(*, config_path: Path | None, db: Path | None) -> None:
    """Run the pipeline on bundled sample feeds.

    It needs no network, and fills a database of its own: db/demo.db, made anew each time.

    \b
    Example:
      watchfloor demo
    """
    if db is not None and db.exists():
        raise UsageError(f"{db}: exists already; the demo makes a database of its own, so name a new file")
    show_demo(db or DEFAULT_DATABASE)


def show_demo(database: Path) -> None:
    """Run the demo into ``database``, which is made anew, and say what to open."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    with DemoServer(utc_now()) as server:
        config = demo_config(server, database)
        with Store(config.database) as store, stopped_by_signals() as stop:
            show_report(config, store, run_with_bar(config, store, stop, force=True), name_database=True)
