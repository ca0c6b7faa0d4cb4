"""Wall time, CPU time and memory of a command, as a whole tree of processes."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pass:
    """One measured pass."""

    wall: float
    cpu: float
    rss_mb: float
    pss_mb: float


def measure(command: list[str], folder: Path) -> Pass:
    """Run ``command`` to its end, sampling the memory of its processes ten times a second."""
    peaks = [0.0, 0.0]
    ended = threading.Event()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)

    def sample() -> None:
        while not ended.wait(0.1):
            sizes = [memory_of(pid) for pid in family(process.pid)]
            for number in (0, 1):
                peaks[number] = max(peaks[number], sum(size[number] for size in sizes))

    sampler = threading.Thread(target=sample)
    sampler.start()
    status = process.wait()
    wall = time.monotonic() - began
    ended.set()
    sampler.join()
    if status:
        sys.exit(f"error: {command} ended with {status}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Pass(wall, cpu, peaks[0], peaks[1])


def family(pid: int) -> list[int]:
    """``pid`` and its descendants."""
    members = [pid]
    for member in members:
        try:
            text = Path(f"/proc/{member}/task/{member}/children").read_text(encoding="ascii")
        except OSError:
            continue
        members.extend(int(child) for child in text.split())
    return members


def memory_of(pid: int) -> tuple[float, float]:
    """RSS and PSS of one process in MB; nothing when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0, 0.0
    sizes = {line.split(":")[0]: float(line.split()[1]) / 1024 for line in text.splitlines()[1:]}
    return sizes.get("Rss", 0.0), sizes.get("Pss", 0.0)
