"""Passwords of reviewers: hashes of Argon2id (RFC 9106) and how they are checked. A check takes a tenth of a second."""

from __future__ import annotations

import secrets
import unicodedata

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 8


def hashed(password: str) -> str:
    """A hash of ``password`` to keep in its place, another one each time."""
    return argon2.PasswordHasher().hash(_plain(password))


def is_hash(text: str) -> bool:
    """Whether ``text`` is a whole hash of Argon2id."""
    try:
        found = argon2.extract_parameters(text)
    except InvalidHashError:
        return False
    return found.type is argon2.Type.ID and found.salt_len >= 8 and found.hash_len >= 16


def is_right(password: str, its_hash: str) -> bool:
    """Whether ``its_hash`` is one of ``password``."""
    try:
        return argon2.PasswordHasher().verify(its_hash, _plain(password))
    except VerificationError:
        return False


def nobodys_hash(like: str) -> str:
    """The hash of no password that is known, as costly to check as the hash ``like``."""
    hasher = argon2.PasswordHasher.from_parameters(argon2.extract_parameters(like))
    return hasher.hash(secrets.token_hex())


def _plain(password: str) -> str:
    return unicodedata.normalize("NFC", password)  # keyboards differ in how they compose é
