"""Checks names and passwords, in threads, and as often as guessing is let through.

Two ways lead here: the form that begins a session, and HTTP Basic (RFC 7617), by which feed readers read our feeds.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from pipeline import passwords
from pipeline.reviewers import User
from pipeline.times import Clock
from pipeline.web.guesses import Guesses


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a name and a password: the account that they belong to, or None; ``wait`` is how long nothing is
    checked for this name or from this address."""

    user: User | None
    wait: timedelta = timedelta()


class Accounts:
    """The accounts of the configuration."""

    def __init__(self, users: tuple[User, ...], clock: Clock) -> None:
        self._users = {user.name.casefold(): user for user in users}
        self._clock = clock
        self._guesses = Guesses()
        # A check takes 64 MB and a tenth of a second: two at a time, beside the pages, which go on meanwhile.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._checking: dict[tuple[str, str, str], asyncio.Task[Checked]] = {}

    def __bool__(self) -> bool:
        return bool(self._users)

    async def check(self, name: str, password: str, address: str) -> Checked:
        """Whose ``name`` and ``password`` these are that came from ``address``.

        The same ones that come while they are being checked wait for that: they are one guess. A feed reader asks for
        all its feeds at once.
        """
        key = (name.strip().casefold()[:64], password, address)
        if key not in self._checking:
            self._checking[key] = asyncio.create_task(self._check(*key))
            self._checking[key].add_done_callback(lambda _: self._checking.pop(key))
        return await asyncio.shield(self._checking[key])

    async def _check(self, key: str, password: str, address: str) -> Checked:
        now = self._clock()
        wait = self._guesses.wait(key, address, now)
        if wait > timedelta():
            return Checked(None, wait)
        self._guesses.failed(key, address, now)
        user = await self._of(key, password)
        if user is not None:
            self._guesses.right(key, address)
        return Checked(user)

    async def check_basic(self, header: str | None, address: str) -> Checked:
        """Whose name and password an Authorization header holds; nobody's where it holds none."""
        scheme, _, given = (header or "").partition(" ")
        if scheme.lower() != "basic":
            return Checked(None)
        try:
            name, colon, password = base64.b64decode(given.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return Checked(None)
        return await self.check(name, password, address) if colon else Checked(None)

    async def _of(self, key: str, password: str) -> User | None:
        user = self._users.get(key)
        if not self._users:
            return None
        its_hash = user.password_hash if user else None
        is_right = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: passwords.is_right(password, its_hash or self._nobodys_hash)
        )
        return user if is_right else None

    @cached_property
    def _nobodys_hash(self) -> str:
        """Checked in place of an unknown name's, so that the time of the answer does not tell which names there are."""
        return passwords.nobodys_hash(next(iter(self._users.values())).password_hash)
