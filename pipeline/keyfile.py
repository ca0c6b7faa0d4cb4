"""Keys that outlive a program, each in a file beside the database that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pipeline.errors import StoreError

KEY_BYTES = 32


def load_key(database: Path, name: str, what: str, if_lost: str) -> bytes:
    """The key ``name`` of ``database``, 32 bytes, made at the first call. ``what`` and ``if_lost`` are for messages.

    Raises:
        StoreError: when the file cannot be made or read, or is no key.
    """
    path = database.with_name(f"{database.name}.{name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(KEY_BYTES))
        except FileExistsError:
            pass  # an earlier start made it
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check the permissions of the file and its folder") from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(f"{path}: is not the key of {what}; remove it, and {if_lost}")
    return key
