"""``review:`` of config.yaml: who may sign in to the pages, what comes first in the queue, how right a rule must be.

Pure. What stands under ``users`` grants access, so it is checked for more than its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pipeline.errors import Mistake
from pipeline.values import Number, Section
from pipeline.yamlfile import YamlFile

_FROM_ENVIRONMENT = (
    'stands in the file; secrets come from the environment: write "${WATCHFLOOR_HASH_NAME}" here, and set that'
)


class User(Section):
    """Somebody who may sign in to the pages."""

    name: str
    role: Literal["reader", "reviewer", "admin"] = "reviewer"
    password_hash: Annotated[str, Field(repr=False)]  # of Argon2id, from: watchfloor review password

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", value):
            raise ValueError(
                f"the name {value!r} may hold only letters, digits, dot, hyphen, underscore and @; change it"
            )
        return value

    @field_validator("password_hash")
    @classmethod
    def _check_hash(cls, value: str) -> str:
        from pipeline import passwords  # noqa: PLC0415 - most commands run without accounts, and start sooner so

        if not passwords.is_hash(value):
            raise ValueError(
                "is no hash of a password, or not a whole one; make one with: watchfloor review password"
                " (in a shell it stands in single quotes, for its $)"
            )
        return value


class ReviewSettings(Section):
    """Who reviews, what comes first in the queue, and how right a rule must be."""

    users: tuple[User, ...] = ()
    # entity → how much more (2) or less (0.5) its stories matter than others
    priority: dict[str, Annotated[Number, Field(ge=0.01, le=100)]] = Field(default_factory=dict)
    floor: Number = Field(default=0.8, gt=0, lt=1)  # rules of which surely fewer mentions are right are flagged


def wrong_users(file: YamlFile) -> Iterator[Mistake]:
    """Names that stand twice, and hashes in the file itself, where everybody who may read it could guess at them."""
    review = file.data.get("review")
    users = review.get("users") if isinstance(review, dict) else None
    seen: set[str] = set()
    for index, user in enumerate(users if isinstance(users, list) else []):
        if not isinstance(user, dict):
            continue
        where = ("review", "users", index)
        name, its_hash = user.get("name"), user.get("password_hash")
        if isinstance(name, str):
            if name.casefold() in seen:
                yield file.mistake((*where, "name"), f"the name {name!r} stands twice; rename one")
            seen.add(name.casefold())
        if isinstance(its_hash, str) and its_hash not in file.filled_in.values():
            yield file.mistake((*where, "password_hash"), _FROM_ENVIRONMENT)
