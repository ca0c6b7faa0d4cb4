"""``serve``: Datasette over the database."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import click
import uvicorn

from pipeline.cli.common import common_options, load_config, note, open_stored
from pipeline.errors import ServeError
from pipeline.web import DATABASE, make_datasette


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True)
@common_options
def serve(*, host: str, port: int, config_path: Path | None, db: Path | None) -> None:
    """Browse and search the stored items with Datasette, read only.

    \b
    Example:
      watchfloor serve --port 8001
    """
    config = load_config(config_path, db)
    with open_stored(config):
        pass  # brings the schema up to date, and says now what is wrong with the file
    check_free(host, port)
    if not _is_loopback(host):
        note(f"warning: whoever reaches {host}:{port} can read everything; there are no accounts yet")
    shown = f"[{host}]" if ":" in host else host
    print(f"Serving {config.database} at http://{shown}:{port}/{DATABASE} (stop with Ctrl-C)", flush=True)
    app = make_datasette(config.database, config.timezone).app()
    uvicorn.run(app, host=host, port=port, log_level="warning", lifespan="on")


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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
