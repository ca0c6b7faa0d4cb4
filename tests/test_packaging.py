"""The wheel: built, installed in a fresh environment outside the checkout, and used there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    if "Could not find a version" in result.stdout + result.stderr:
        pytest.skip("the package index, which gives the build its tools, cannot be reached")
    assert result.returncode == 0, result.stdout + result.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_program_reads(wheel: Path) -> None:
    """Packs, templates, metadata, sample feeds, the configuration to start from and the type marker are in it."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "pipeline/py.typed",
        "pipeline/config.yaml",
        "pipeline/packs/dprk-cyber.yaml",
        "pipeline/web/metadata.yaml",
        "pipeline/digest/templates/digest.html",
        "pipeline/demo/feeds/han-river-wire.xml",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "db/"))]


def test_the_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed with its dependencies alone, outside the checkout, ``watchfloor demo`` and ``init`` do their job."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=60)
    python = tmp_path / "venv" / "bin" / "python"
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--disable-pip-version-check",
        str(wheel),
    ]
    result = subprocess.run(install, capture_output=True, text=True, check=False, timeout=200)
    if "Could not find a version" in result.stderr or "Connection" in result.stderr:
        pytest.skip("the package index, which gives the dependencies, cannot be reached")
    assert result.returncode == 0, result.stderr
    command = tmp_path / "venv" / "bin" / "watchfloor"
    work = tmp_path / "work"
    work.mkdir()
    for arguments in (["demo"], ["digest", "--db", "db/demo.db", "--output", "digest.html"], ["init"]):
        done = subprocess.run(
            [str(command), *arguments], cwd=work, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
    assert "Unit 180" in (work / "digest.html").read_text(encoding="utf-8")
    assert (work / "config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
