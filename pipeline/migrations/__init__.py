"""The database's schema, as the steps that built it. Append only: a step that was released never changes.

Each step is a file beside this module, in the order of their names: of SQL, or, where SQL cannot say it, a module with
``step(db)``. sqlite-utils records each in the transaction that makes it. ``db/schema.sql`` is a snapshot that a test
keeps true.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, resources

from sqlite_utils import Database, Migrations

migrations = Migrations("watchfloor")


def _step(script: str) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        """Each statement of the script, inside the migration's transaction (``executescript`` would commit it)."""
        for statement in script.removesuffix(";\n").split(";\n\n"):
            db.execute(statement)

    return run


def _python_step(name: str) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        import_module(f"{__name__}.{name}").step(db)  # only where it has to run

    return run


for _file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
    _name, _, _kind = _file.name.rpartition(".")
    if _kind == "sql":
        _, _, _script = _file.read_text(encoding="utf-8").partition("\n\n")  # after the line that says what it is for
        migrations(name=_name)(_step(_script))
    elif _kind == "py" and _name != "__init__":
        migrations(name=_name)(_python_step(_name))
