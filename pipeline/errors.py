"""The errors that watchfloor raises on purpose, one tree.

WatchfloorError           exit status 1
├── UsageError            exit status 2: the command was called wrongly
├── OvertakenError        somebody else decided meanwhile
├── ConfigError           exit status 2: config.yaml or a watch-list; names file, line and key
├── FetchError            one feed could not be fetched
├── ParseError            one body could not be read as a feed
├── StoreError            the database cannot be used
├── DeliveryError         a digest or an alert was not taken by its target
└── ServeError            a page or demo server cannot start

The text of each is the one line that a user reads: what is wrong and what to do.
Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.models import Weight


class WatchfloorError(Exception):
    """Base of every expected error; ``exit_status`` is what the command line returns."""

    exit_status = 1


class UsageError(WatchfloorError):
    """The command was called with arguments that cannot work."""

    exit_status = 2


class OvertakenError(WatchfloorError):
    """Somebody else decided on a story since its reader looked; ``standing`` is item → the verdict that stands now."""

    def __init__(self, reason: str, standing: Mapping[int, int]) -> None:
        super().__init__(reason)
        self.standing = standing


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a YAML file: where it stands and what to do about it."""

    path: Path
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line is not None else str(self.path)
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(WatchfloorError):
    """The configuration or a watch-list is wrong; ``mistakes`` holds every mistake found."""

    exit_status = 2

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class FetchError(WatchfloorError):
    """One feed could not be fetched; the text is kept as its last error, ``weight`` decides when to try again."""

    def __init__(self, reason: str, weight: Weight = "hard") -> None:
        super().__init__(reason)
        self.weight = weight


class ParseError(WatchfloorError):
    """One body could not be read as a feed; the text is kept as the feed's last error."""


class StoreError(WatchfloorError):
    """The database cannot be opened, read or written."""


class DeliveryError(WatchfloorError):
    """A target did not take a message; ``is_final``: and never will, however often it is tried."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class ServeError(WatchfloorError):
    """A server of ours cannot start."""
