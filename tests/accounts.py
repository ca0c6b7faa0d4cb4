"""Three who may sign in to the pages of a test: rex reads, ana reviews, ada administers; all with one password."""

from __future__ import annotations

import re
from dataclasses import replace

import argon2
import httpx

from pipeline.config import Config
from pipeline.reviewers import User

PASSWORD = "correct horse"
#: Cheap to check: what a real one costs, a tenth of a second and 64 MB, would slow down every test that signs in.
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
USERS = (
    User(name="rex", role="reader", password_hash=HASH),
    User(name="ana", role="reviewer", password_hash=HASH),
    User(name="ada", role="admin", password_hash=HASH),
)


def with_accounts(config: Config) -> Config:
    """``config`` with the three accounts."""
    return replace(config, review=config.review.model_copy(update={"users": USERS}))


def token(client: httpx.Client) -> str:
    """The token against cross-site requests, as a page gives it, for a form's csrftoken or the header x-csrftoken."""
    found = re.search(r'name="csrftoken" (?:value|content)="([^"]+)"', client.get("/-/sign-in?next=/-/stories").text)
    found = found or re.search(r'name="csrftoken" (?:value|content)="([^"]+)"', client.get("/-/stories").text)
    assert found is not None
    return found[1]


def sign_in(client: httpx.Client, name: str = "ana", password: str = PASSWORD, **fields: str) -> httpx.Response:
    """Send the form; the client keeps the session's cookie."""
    form = {"csrftoken": token(client), "name": name, "password": password, **fields}
    return client.post("/-/sign-in", data=form)
