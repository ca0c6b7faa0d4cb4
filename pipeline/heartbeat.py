"""Whether the daemon runs, by the moment it was last seen. Pure, but for ``runs``, which asks the system."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipeline.health import length

#: The daemon writes that it is there once in ``BEAT_SECONDS``.
BEAT_SECONDS = 60
_PATIENCE = timedelta(minutes=3)
#: Clocks of two machines that share the file may differ by so much.
_SLACK = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Beat:
    """What the daemon wrote last."""

    pid: int
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the daemon stands: ``state``, and a sentence of it with what to do."""

    state: Literal["alive", "silent", "ended", "never", "clock"]
    sentence: str


def runs(pid: int) -> bool:
    """Whether a process of this machine has the number ``pid``."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def pulse(
    beat: Beat | None, now: datetime, is_running: Callable[[int], bool], local: Callable[[datetime], str]
) -> Pulse:
    """How the daemon stands at ``now``; ``local`` writes a moment as the reader's time."""
    if beat is None:
        return Pulse("never", "No daemon has run on this database yet. Start it with: watchfloor daemon")
    seen = f"seen {_ago(now - beat.seen_at)}"
    if beat.seen_at > now + _SLACK:
        when = local(beat.seen_at)
        return Pulse("clock", f"The daemon was last seen at {when}, which is yet to come. Set this machine's clock.")
    if not is_running(beat.pid):
        text = f"No daemon: last {seen}, and its process {beat.pid} is not on this machine"
        return Pulse("ended", f"{text}. Start it with: watchfloor daemon")
    if now - beat.seen_at > _PATIENCE:
        text = f"The daemon does not answer: last {seen}, though its process {beat.pid} is there"
        return Pulse("silent", f"{text}. Look at its log, and start it anew.")
    return Pulse("alive", f"The daemon is alive: {seen}, running since {local(beat.started_at)}.")


def _ago(time: timedelta) -> str:
    seconds = max(0, round(time.total_seconds()))
    return f"{seconds} s ago" if seconds < 90 else f"{length(seconds)} ago"
