"""``run`` and ``daemon``: polling, once or until told to stop."""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline import run as pipeline_run
from pipeline.clean import display_title
from pipeline.cli.common import (
    common_options,
    from_here,
    load_config,
    note,
    print_json,
    program,
    show_table,
    stopped_by_signals,
)
from pipeline.config import Config
from pipeline.models import Outcome, RunReport
from pipeline.store import Store
from pipeline.tools import tools_for


@click.command(no_args_is_help=False)
@click.option("--feed", "only", multiple=True, metavar="ID", help="Only this feed; may be given several times.")
@click.option("--force", is_flag=True, help="Poll all feeds, due or not; only a server's Retry-After is still obeyed.")
@click.option("--or-demo", is_flag=True, help="When not one feed can be reached, go on with the demo.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def run(
    *, only: tuple[str, ...], force: bool, or_demo: bool, as_json: bool, config_path: Path | None, db: Path | None
) -> None:
    """Poll the feeds that are due once, tag and store what they bring.

    A feed that fails never fails the run; a run in which every feed failed exits with 1.

    \b
    Example:
      watchfloor run --force
      watchfloor run --feed 38north --json
    """
    config = load_config(config_path, db, required=True)
    with Store(config.database) as store, stopped_by_signals() as stop:
        report = run_with_bar(config, store, stop, only=only, force=force, quiet=as_json)
        if any(feed.full_text for feed in config.feeds):
            from pipeline.pages import fetch_pages  # noqa: PLC0415 - most configurations read no pages

            began = time.monotonic()
            taken = fetch_pages(config, store, tools_for(config), stop)
            seconds = round(report.seconds + time.monotonic() - began, 3)
            report = dataclasses.replace(report, pages=taken, seconds=seconds)
        if as_json:
            print_json(dataclasses.asdict(report))
        else:
            show_report(config, store, report)
        if stop.is_set():
            note("stopped before every feed was polled; what was polled is stored, and the next run goes on")
            raise click.exceptions.Exit(1)
    if report.feeds_polled and report.feeds_failed == report.feeds_polled:
        note(f"not one of {report.feeds_polled} feeds could be reached; see: watchfloor feeds list")
        if not or_demo:
            raise click.exceptions.Exit(1)
        note("going on with the demo, which needs no network")
        from pipeline.cli.demo import show_demo  # noqa: PLC0415 - the demo itself shows its run with this module

        show_demo(config.path.parent / "db" / "demo.db")


@click.command()
@common_options
def daemon(*, config_path: Path | None, db: Path | None) -> None:
    """Poll on schedule and make the daily digest.

    Goes on until it is told to stop (SIGTERM, SIGINT).

    \b
    Example:
      watchfloor daemon --config config.yaml
    """
    from pipeline import daemon as pipeline_daemon  # noqa: PLC0415 - run needs no scheduler

    pipeline_daemon.serve(load_config(config_path, db, required=True))


def run_with_bar(
    config: Config,
    store: Store,
    stop: threading.Event,
    *,
    only: tuple[str, ...] = (),
    force: bool = False,
    quiet: bool = False,
) -> RunReport:
    """One run with a progress bar on standard error, when that is a terminal."""
    console, tools = Console(stderr=True), tools_for(config)
    if quiet or not console.is_terminal:
        return pipeline_run.run(config, store, tools, pipeline_run.Silent(), stop, only=only, force=force)
    bar = Progress(
        TextColumn("polling"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[feed]}"),
        console=console,
        transient=True,
    )
    with bar:
        return pipeline_run.run(config, store, tools, _Bar(bar), stop, only=only, force=force)


class _Bar:
    """A run's progress on rich's bar."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("polling", total=None, feed="")

    def begin(self, feeds: int) -> None:
        self._bar.update(self._task, total=feeds)

    def advance(self, feed_id: str, outcome: Outcome) -> None:
        self._bar.update(self._task, advance=1, feed=feed_id if outcome != "error" else f"{feed_id}: failed")


def show_report(config: Config, store: Store, report: RunReport, *, name_database: bool = False) -> None:
    """What was tagged, by entity, with the newest headlines; what failed; what to open next."""
    if not report.feeds_polled:
        _show_nothing_due(config, store)
        return
    rows = []
    for entity in store.reports.entities_seen(headlines=2):
        titles = list(dict.fromkeys(display_title(item) for item in entity["newest"]))  # copies of a story share one
        rows += [(entity["name"], entity["items"], titles[0]), *(("", "", title) for title in titles[1:])]
    if rows:
        show_table("Tagged so far", ("entity", "items", "newest headlines"), rows)
    pages = f"; {report.pages} pages read in full" if report.pages else ""
    print(
        f"{report.feeds_polled} feeds polled: {report.feeds_ok} ok, {report.feeds_not_modified} not modified, "
        f"{report.feeds_failed} failed; {report.items_new} items new, {report.items_updated} updated, "
        f"{report.mentions} mentions{pages}; {report.seconds:.1f} s"
    )
    if report.feeds_failed < report.feeds_polled:
        _show_next_steps(config, name_database=name_database, failed=bool(report.feeds_failed))


def _show_next_steps(config: Config, *, name_database: bool, failed: bool) -> None:
    """What to open next, as commands that work from here."""
    name, database = program(), f" --db {from_here(config.database)}" if name_database else ""
    print("Open next:")
    print(f"  {name} serve{database}    then review at http://127.0.0.1:8001/-/queue")
    print(f"  {name} digest{database} --output digest.html")
    print(f"  {name} stories list{database}    what reached us more than once")
    print(f"  {name} review list{database}")
    if failed:
        print(f"  {name} feeds list{database}    why feeds failed")


def _show_nothing_due(config: Config, store: Store) -> None:
    if not config.feeds:
        print(f"There are no feeds in {config.path}; add one with: watchfloor feeds add URL")
        return
    times = [feed.next_poll_at for feed in store.polls.feeds() if feed.next_poll_at is not None]
    when = f"; the next is due at {min(times).astimezone(config.timezone):%Y-%m-%d %H:%M %Z}" if times else ""
    print(f"No feed is due{when}. Poll all now with: watchfloor run --force", file=sys.stdout)
