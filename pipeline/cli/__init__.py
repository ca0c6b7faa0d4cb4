"""The command ``watchfloor``: reads arguments, calls one function, prints what it gives. Decides nothing itself.

Each command is loaded when it is called, so that a light one starts fast.
"""

from __future__ import annotations

import importlib
import logging
import sqlite3
import sys

import click

from pipeline import __version__
from pipeline.errors import WatchfloorError

_COMMANDS = {
    "run": "pipeline.cli.run",
    "daemon": "pipeline.cli.run",
    "digest": "pipeline.cli.digest",
    "serve": "pipeline.cli.serve",
    "tag": "pipeline.cli.tag",
    "retag": "pipeline.cli.retag",
    "evaluate": "pipeline.cli.tag",
    "feeds": "pipeline.cli.feeds",
    "stories": "pipeline.cli.stories",
    "show": "pipeline.cli.show",
    "review": "pipeline.cli.review",
    "export": "pipeline.cli.export",
    "deliveries": "pipeline.cli.deliveries",
    "stats": "pipeline.cli.care",
    "doctor": "pipeline.cli.care",
    "init": "pipeline.cli.care",
    "demo": "pipeline.cli.demo",
}


class _Commands(click.Group):
    """Finds a command by its name without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[cmd_name]}.{cmd_name} is no command")
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="watchfloor")
def watchfloor() -> None:
    """Watch the news for what you care about: poll feeds, tag with proof, review, report.

    \b
    Example:
      watchfloor demo                 a first look, without a network
      watchfloor init && watchfloor run
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage or configuration."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.DEBUG if debug else logging.WARNING)
    for noisy in ("httpx", "httpcore", "hpack", "asyncio", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        status = watchfloor.main(arguments, prog_name="watchfloor", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        status = 2
    except click.Abort:
        status = 130
    except click.ClickException as error:
        path = getattr(getattr(error, "ctx", None), "command_path", "watchfloor")
        _complain(f"{' '.join(error.format_message().split())} (see: {path} --help)")
        status = 2 if isinstance(error, click.UsageError) else 1
    except WatchfloorError as error:
        if debug:
            raise
        _complain(str(error))
        status = error.exit_status
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left, as head does
        status = 0
    except sqlite3.Error as error:
        if debug:
            raise
        _complain(f"the database failed: {error}")
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _complain(text: str) -> None:
    for line in text.splitlines():
        print(f"error: {line}", file=sys.stderr)
