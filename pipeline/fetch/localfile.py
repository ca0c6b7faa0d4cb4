"""A local file as a feed, which only the configuration can name. Opens no connection."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from pipeline.errors import FetchError


def read_file(url: str, known_etag: str | None, max_bytes: int) -> tuple[str, bytes | None]:
    """The file at a ``file:`` address: its size and times of change as an ETag, and its bytes.

    None in place of the bytes when its ETag is ``known_etag``.

    Raises:
        FetchError: when it cannot be read, is no file, or is larger than ``max_bytes``.
    """
    path = Path(os.fsdecode(unquote_to_bytes(urlsplit(url).path)))
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a folder; or a pipe, which could keep us waiting for ever
            raise FetchError(f"{path} is not a file; check the file: address")
        etag = f'"{found.st_mtime_ns:x}-{found.st_ctime_ns:x}-{found.st_size:x}"'
        if etag == known_etag:
            return etag, None
        with path.open("rb") as file:
            body = file.read(max_bytes + 1)
    except OSError as error:
        raise FetchError(f"{path}: {error.strerror}; check the file: address") from None
    except ValueError as error:  # a NUL in the name
        raise FetchError(f"{url} names no file ({error}); check the file: address") from None
    if len(body) > max_bytes:
        raise FetchError(f"{path} is larger than fetch.max_bytes ({max_bytes:,} bytes)")
    return etag, body
