"""The database's schema, as the steps that built it. Append only: a step that was released never changes.

Each step is a file of SQL beside this module, in the order of their names. sqlite-utils records each in the transaction
that makes it. ``db/schema.sql`` is a snapshot that a test keeps true.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

from sqlite_utils import Database, Migrations

migrations = Migrations("watchfloor")


def _step(script: str) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        """Each statement of the script, inside the migration's transaction (``executescript`` would commit it)."""
        for statement in script.removesuffix(";\n").split(";\n\n"):
            db.execute(statement)

    return run


for _file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
    if _file.name.endswith(".sql"):
        _, _, _script = _file.read_text(encoding="utf-8").partition("\n\n")  # after the line that says what it is for
        migrations(name=_file.name.removesuffix(".sql"))(_step(_script))
