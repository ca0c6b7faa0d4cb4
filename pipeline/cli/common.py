"""What the commands share: their common options, opening configuration and database, and printing."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import config
from pipeline.config import Config
from pipeline.errors import ConfigError, Mistake
from pipeline.store import Store

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CONFIG = Path("config.yaml")


def common_options(command: F) -> F:
    """``--config``, ``--db`` and ``--debug``, which every command takes; ``main`` itself acts on ``--debug``."""

    @functools.wraps(command)
    def without_debug(*args: Any, debug: bool, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    wrapped: Any = without_debug
    for option in (
        click.option("--debug", is_flag=True, help="Show tracebacks and more of what happens."),
        click.option("--db", type=click.Path(path_type=Path), help="The database; default: database: of config.yaml."),
        click.option("--config", "config_path", type=click.Path(path_type=Path), help="Default: ./config.yaml."),
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def load_config(path: Path | None, db: Path | None, *, required: bool = False) -> Config:
    """The configuration, with ``db`` in place of its database.

    Unless ``required``, a missing ./config.yaml is no mistake when ``db`` is given: defaults take its place.

    Raises:
        ConfigError: when it is missing or wrong.
    """
    if path is None and not DEFAULT_CONFIG.exists():
        if required or db is None:
            message = "there is no configuration here; make one with: watchfloor init (or name one with --config)"
            raise ConfigError([Mistake(DEFAULT_CONFIG, None, "", message)])
        loaded = config.default(Path.cwd())
    else:
        loaded = config.load(path or DEFAULT_CONFIG)
    return dataclasses.replace(loaded, database=db.absolute()) if db is not None else loaded


def open_stored(loaded: Config) -> Store:
    """The database of a command that only makes sense on stored items. Raises ``StoreError`` when there is none."""
    return Store(loaded.database, create=False)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on a terminal, lines of tab-separated values otherwise."""
    console = Console()
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    if not console.is_terminal:
        for line in [list(columns), *cells]:
            print("\t".join(" ".join(cell.split()) for cell in line))
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", expand=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 story``, ``2 stories``; many of one are called ``many``, or have an s at their end."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def program() -> str:
    """What to type for ``watchfloor`` here: its name where the shell finds it, else its path."""
    called = Path(sys.argv[0])
    if called.name != "watchfloor":
        return "watchfloor"
    return "watchfloor" if shutil.which("watchfloor") else str(from_here(called))


def from_here(path: Path) -> Path:
    """``path`` as short as it can be written from the working folder."""
    return path.absolute().relative_to(Path.cwd()) if path.absolute().is_relative_to(Path.cwd()) else path


def print_json(value: Any) -> None:
    """``value`` as one JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """A line for the person at the terminal, kept out of what a program would read."""
    print(text, file=sys.stderr)


class Day(click.ParamType):  # type: ignore[type-arg]  # older releases of click have no type argument
    """A day as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not a moment
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-11-23", param, ctx)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that a run ends between two transactions."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
