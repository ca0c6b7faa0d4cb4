"""A short run of the fuzzer; ``make fuzz`` runs it for ten minutes. What it found is pinned where it was mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.watchlist import load_pack
from tests.fuzzing import Answer, Subject, answers, check


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    one = Subject(load_pack("dprk-cyber").model_dump_json())
    yield one
    one.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=answers())
def test_no_answer_hurts(subject: Subject, answer: Answer) -> None:
    """Whatever a server sends becomes items, or an error in one line, in bounded time; nothing harmful is stored."""
    _, reading = subject.poll(answer)
    if reading is not None:
        check(reading)
