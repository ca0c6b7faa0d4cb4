"""What config.yaml is made of: blocks, and values that are more than a text: durations, times of day, zones."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

_DURATION = re.compile(r"([0-9]{1,9})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(value: Any) -> timedelta:
    """``30m`` as a ``timedelta``. Units: s, m, h, d. Raises ``ValueError`` for anything else."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write a number and s, m, h or d, such as 30m")
    duration = timedelta(seconds=int(match.group(1)) * _SECONDS[match.group(2)])
    if not timedelta(seconds=1) <= duration <= timedelta(days=366):
        raise ValueError(f"{value!r} is out of range; use 1s to 366d")
    return duration


def parse_time(value: Any) -> time:
    """``07:30`` as a ``time``. Raises ``ValueError`` for anything else."""
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    if match is None:
        minutes = value if isinstance(value, int) and not isinstance(value, bool) and 600 <= value < 1440 else 420
        # YAML 1.1 reads an unquoted 17:00 as the number 1020
        raise ValueError(f'{value!r} is not a time of day; write it in quotes: "{minutes // 60:02}:{minutes % 60:02}"')
    return time(int(match.group(1)), int(match.group(2)))


def _parse_zone(value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, TypeError, AttributeError, OSError):
        names = {name.rsplit("/", 1)[-1].lower(): name for name in sorted(zoneinfo.available_timezones())}
        city = str(value).rsplit("/", 1)[-1].lower().replace(" ", "_")
        close = difflib.get_close_matches(city, names, n=1, cutoff=0.75)
        example = f"did you mean {names[close[0]]}?" if close else "use a name such as Asia/Seoul or UTC"
        raise ValueError(f"unknown time zone {value!r}; {example}") from None


def _not_a_yes_or_no(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number; write one, such as 20")  # noqa: TRY004 - for pydantic
    return value


def _check_path(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError(f"{value!r} is not the name of a file; write one, such as db/watchfloor.db")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time)]
Zone = Annotated[ZoneInfo, BeforeValidator(_parse_zone)]
Whole = Annotated[int, BeforeValidator(_not_a_yes_or_no)]
Number = Annotated[float, BeforeValidator(_not_a_yes_or_no)]
FilePath = Annotated[str, AfterValidator(_check_path)]


class Section(BaseModel):
    """A block of config.yaml: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        """A key with nothing after it counts as absent: somebody commented out what stood there."""
        return {key: inner for key, inner in value.items() if inner is not None} if isinstance(value, dict) else value
