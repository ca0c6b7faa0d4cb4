"""A desk for each case, and proof that nothing outside of this machine is asked."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.store import Store
from tests.cases.desk import Desk
from tests.feedserver import FeedServer


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    """A desk with its server; a connection that is forgotten open fails the test."""
    with FeedServer() as server:
        yield Desk(server, store)
        gc.collect(1)


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every address that a connection was begun to. The system connects as always, but to loopback only."""
    hosts: list[str] = []
    connect = socket.create_connection

    def spy(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        hosts.append(address[0])
        if address[0] not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError(111, "not in a test")
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", spy)
    yield hosts
    assert set(hosts) <= {"127.0.0.1", "::1"}
