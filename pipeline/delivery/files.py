"""Digests and alerts as files: a digest is written whole, an alert is a line more."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.errors import DeliveryError
from pipeline.models import Message
from pipeline.wholefile import form_of, write_whole

#: How far back an alert's own line is looked for: it stands at the end, if a crash came after it was written.
_LOOKED_AT = 256_000


def put(message: Message, path: Path) -> None:
    """Write a digest to ``path``, in the form of its name; add an alert there as a line of JSON, once.

    Raises:
        DeliveryError: when it cannot be written.
    """
    path = _of_day(message, path)
    try:
        if message.kind == "digest":
            write_whole(path, _form(message, form_of(path)))
        else:
            _append(path, message)
    except OSError as error:
        raise DeliveryError(f"{path}: cannot be written: {_remedy(error)}") from None


def described(message: Message, path: Path) -> str:
    """Where ``put`` would write what."""
    path = _of_day(message, path)
    form = form_of(path) if message.kind == "digest" else "JSON lines"
    size = len(_form(message, form_of(path) if message.kind == "digest" else "json").encode())
    return f"{path}, {form}, {size / 1000:.0f} kB"


def _of_day(message: Message, path: Path) -> Path:
    return Path(str(path).replace("{date}", message.about if message.kind == "digest" else f"{message.created_at:%F}"))


def _form(message: Message, form: str) -> str:
    text: str = getattr(message, form)
    return text


def _append(path: Path, message: Message) -> None:
    line = json.dumps({"message": message.id, **json.loads(message.json)}, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        end = file.seek(0, 2)
        file.seek(max(end - _LOOKED_AT, 0))
        before = file.read().split(b"\n")
        if line.encode() in before[:-1]:
            return
        if before[-1]:  # what a crash left of a line
            file.truncate(end - len(before[-1]))
        file.write(line.encode() + b"\n")


def _remedy(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if isinstance(error, PermissionError):
        return f"{reason}; let the user that runs watchfloor write there, or name another folder"
    return f"{reason}; mend that, or name another folder in the configuration"
