"""Files that others read: written whole or not at all, in the form that their name asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "markdown", ".txt": "text", ".json": "json"}


def form_of(path: Path) -> str:
    """The form of a digest that a file's name asks for; plain text when it asks for none."""
    return _BY_SUFFIX.get(path.suffix.lower(), "text")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file beside ``path`` to write to, which takes its place at the end, so that nobody ever reads a part of it.

    Raises:
        OSError: when that is impossible. Whatever is raised: what stood there before stays, and nothing is left beside.
    """
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all; its folder is made where there is none.

    Raises:
        OSError: when that is impossible.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write(text.encode())
