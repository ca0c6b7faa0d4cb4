"""``serve``: Datasette over the database."""

from __future__ import annotations

import socket
from pathlib import Path

import click
import uvicorn

from pipeline.cli.common import common_options, load_config, note, open_stored
from pipeline.config import Config
from pipeline.errors import ServeError, UsageError
from pipeline.folding import A_PASS
from pipeline.upkeep import keep_ready
from pipeline.web import make_datasette
from pipeline.web.gate import Reach


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True)
@click.option(
    "--name",
    "names",
    multiple=True,
    help="A name under which a proxy passes requests on; reading needs an account then.",
)
@common_options
def serve(*, host: str, port: int, names: tuple[str, ...], config_path: Path | None, db: Path | None) -> None:
    """Review in the browser: the pages of watchfloor and Datasette.

    Who signs in with an account of review: users: may give verdicts. On this machine reading needs no account; from
    elsewhere nothing is shown without one.

    \b
    Example:
      watchfloor serve --port 8001
      watchfloor serve --name review.example.org
    """
    config = load_config(config_path, db)
    reach = Reach(host, names)
    check_accounts(config, reach)
    with open_stored(config) as store:  # brings the schema up to date, and says now what is wrong with the file
        store.queue.follow(config.timezone)
        keep_ready(store, most=A_PASS)
        if store.queue.is_any_waiting() or store.search.is_any_waiting():
            note("older items are still to be sorted into the queue and the search; the next runs go on with them")
    check_free(host, port)
    app = make_datasette(config, reach=reach).app()
    shown = f"[{host}]" if ":" in host else host
    print(f"Serving {config.database} at http://{shown}:{port}/-/queue (stop with Ctrl-C)", flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", lifespan="on", ws="none", server_header=False)


def check_accounts(config: Config, reach: Reach) -> None:
    """Raise ``UsageError`` when others could reach the pages and nobody would be asked who they are."""
    if reach.is_public and not config.review.users:
        whence = f"through {reach.names[0]}" if reach.names else f"at {reach.host}"
        raise UsageError(
            f"{config.path}: review: users: names nobody, so whoever reaches these pages {whence} could read all;"
            " add an account (watchfloor review password says how), or serve only this machine: without --host, --name"
        )


def check_free(host: str, port: int) -> None:
    """Raise ``ServeError`` when nothing can listen on ``port`` of ``host``."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --host, --port"
        ) from None
