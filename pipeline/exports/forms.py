"""The forms by their names. Each is loaded when it is asked for: some need an extra."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import BinaryIO

from pipeline.errors import WatchfloorError
from pipeline.exports.about import About
from pipeline.models import ItemRow

Writer = Callable[[Iterable[ItemRow], BinaryIO, About], None]

#: The forms; where one needs an extra of ours, which.
FORMS: dict[str, str | None] = {
    "jsonl": None, "csv": None, "parquet": "parquet", "stix": "stix", "misp": None, "atom": None,
}  # fmt: skip
#: Those that no terminal can show.
BINARY = frozenset({"parquet"})
_MODULES = {"csv": "spreadsheet"}


def writer(form: str) -> Writer:
    """What writes ``form``, one of ``FORMS``.

    Raises:
        WatchfloorError: when it needs a package that is not installed.
    """
    try:
        found: Writer = import_module(f"pipeline.exports.{_MODULES.get(form, form)}").write
    except ImportError as error:
        if FORMS[form] is None:
            raise
        raise WatchfloorError(
            f"{form} needs the package {error.name}; install it with: pip install 'watchfloor[{FORMS[form]}]'"
        ) from None
    return found
