"""``python -m benchmarks.fuzz [MINUTES] [SEED]``: real feeds mutated, fetched over loopback and read, until time is up.

Fails with the smallest input that it finds for whatever crashes, outlasts its deadline, stores what it must not, or
takes the process above 500 MB.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from pipeline.watchlist import load_pack
from tests.fuzzing import Answer, Subject, answers, check

LIMIT_MB = 500


def main() -> None:
    """Fuzz, and print what was seen."""
    minutes, start = float(sys.argv[1]) if sys.argv[1:] else 10.0, int(sys.argv[2]) if sys.argv[2:] else 0
    subject = Subject(load_pack("dprk-cyber").model_dump_json())
    ends = time.monotonic() + 60 * minutes
    seen: Counter[str] = Counter()
    slowest = 0.0

    def one(answer: Answer) -> None:
        nonlocal slowest
        if time.monotonic() > ends:
            return
        began = time.monotonic()
        fetched, reading = subject.poll(answer)
        slowest = max(slowest, time.monotonic() - began)
        seen["items" if reading is not None else fetched.outcome if fetched.outcome != "ok" else "no feed"] += 1
        if reading is not None:
            check(reading)
        assert memory() < LIMIT_MB, f"{memory():.0f} MB"

    phases = (Phase.generate, Phase.shrink)
    options = settings(
        max_examples=500, deadline=None, database=None, phases=phases, suppress_health_check=list(HealthCheck)
    )
    number = start
    while time.monotonic() < ends:
        seed(number)(options(given(answers())(one)))()
        number += 1
        print(f"seed {number}: {dict(seen)}, slowest {slowest:.1f} s, peak {memory():.0f} MB", flush=True)
    subject.close()


def memory() -> float:
    """The most that this process ever had in memory, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
