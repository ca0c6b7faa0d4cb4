"""No case of ../shared/fetching-cases.md is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import SHARED


def test_every_listed_case_has_a_test() -> None:
    """Each case of the list is a test of its name somewhere beside this file, and no name is used twice."""
    cases = SHARED / "fetching-cases.md"
    if not cases.exists():
        pytest.skip(f"{cases} is not here")
    listed = re.findall(r"^- \*\*([a-z0-9-]+)\*\*", cases.read_text(encoding="utf-8"), re.MULTILINE)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("test_*.py")]
    tests = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    names = {f"test_{case.replace('-', '_')}" for case in listed}
    assert len(names) == len(listed) > 75
    assert sorted(names - set(tests)) == []
    assert sorted(name for name in names if tests.count(name) > 1) == []
