"""Sixty days of a daemon that is killed and put to sleep at random, over the days on which clocks change."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest

from pipeline import reporting
from pipeline.config import Config, DigestSettings, ScheduleSettings
from pipeline.delivering import send_due
from pipeline.store import Store
from pipeline.targets import Target
from pipeline.times import day_bounds
from tests.test_reporting import Desk

MakeConfig = Callable[..., Config]
DAYS = 60


class KilledError(BaseException):
    """The process is gone; nothing in it can catch that."""


@dataclass
class Machine:
    """One that sleeps for minutes or for days, and is killed now and then in the middle of what it does."""

    now: datetime
    chance: random.Random

    def sleep(self) -> None:
        days = self.chance.random() < 0.02
        minutes = self.chance.uniform(600, 4500) if days else self.chance.expovariate(1 / 240)
        self.now += timedelta(minutes=minutes)

    @contextmanager
    def killed_at_times(self) -> Iterator[None]:
        """Before or after a message is put, before or after a file is written."""
        with (
            self._around("pipeline.store.digests.put_message"),
            self._around("pipeline.delivery.files.put"),
        ):
            try:
                yield
            except KilledError:
                return

    @contextmanager
    def _around(self, name: str) -> Iterator[None]:
        module, _, function = name.rpartition(".")
        real = getattr(__import__(module, fromlist=[function]), function)

        def dangerous(*args: Any, **options: Any) -> Any:
            moment = self.chance.random()
            if moment < 0.1:
                raise KilledError
            made = real(*args, **options)
            if moment > 0.9:
                raise KilledError
            return made

        with mock.patch(name, dangerous):
            yield


@pytest.mark.parametrize(
    ("zone", "begins", "at"),
    [
        ("Asia/Seoul", date(2026, 2, 10), time(7)),
        ("America/New_York", date(2026, 2, 10), time(2, 30)),  # there is no such time on 8 March
        ("America/New_York", date(2026, 10, 3), time(1, 30)),  # on 1 November there are two
        ("Australia/Lord_Howe", date(2026, 3, 7), time(1, 45)),  # the clock is put back by half an hour: two of these
        ("Australia/Lord_Howe", date(2026, 9, 5), time(2, 15)),  # and forward: none
        ("Australia/Lord_Howe", date(2026, 9, 5), time(0)),
    ],
)
def test_each_local_day_has_exactly_one_digest(
    make_config: MakeConfig, tmp_path: Path, zone: str, begins: date, at: time
) -> None:
    """No day is missing, none has two, each file is written, and each item is told in one digest."""
    config = replace(
        make_config({}),
        timezone=ZoneInfo(zone),
        schedule=ScheduleSettings.model_validate({"digest_at": f"{at:%H:%M}"}),
        digest=DigestSettings(deliver=(Target(file="{date}.json"),)),
    )
    machine = Machine(day_bounds(begins, config.timezone)[0], random.Random(f"{zone} {begins}"))
    end = day_bounds(begins + timedelta(days=DAYS), config.timezone)[0] + timedelta(hours=30)
    with Store(config.database) as store:
        desk, items = Desk(config, store), list[str]()
        desk.poll(machine.now)
    while machine.now < end:
        with machine.killed_at_times(), Store(config.database) as store:
            title = f"Unit 180 no {len(items)}"
            desk.store = store
            desk.item(machine.now, title)
            items.append(title)
            for day in reporting.due_days(config, store, machine.now):
                reporting.issue(config, store, day, machine.now)
            send_due(config, store, lambda: machine.now)
        machine.sleep()
    while True:  # the last ones, undisturbed
        with Store(config.database) as store:
            for day in reporting.due_days(config, store, end):
                reporting.issue(config, store, day, end)
            if not send_due(config, store, lambda: end + timedelta(days=1)):
                break
    with Store(config.database) as store:
        rows = list(store.db.table("digests").rows_where("is_complete", order_by="date"))
        sent = store.db.execute("SELECT m.about, d.state FROM messages m JOIN deliveries d ON d.message_id = m.id")
        assert sorted(sent.fetchall()) == [(row["date"], "sent") for row in rows]
    dates = [date.fromisoformat(row["date"]) for row in rows]
    assert dates == [begins + timedelta(days=number) for number in range(len(dates))]
    assert len(dates) >= DAYS
    told = []
    for row in rows:
        assert (tmp_path / f"{row['date']}.json").read_text(encoding="utf-8") == row["json"]
        told += [one["title"] for section in json.loads(row["json"])["sections"] for one in section["entries"]]
    assert sorted(told) == sorted(set(told))
    assert set(items[: len(told)]) == set(told)
