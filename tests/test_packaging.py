"""The wheel: built, installed in a fresh environment outside the checkout, and used there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
#: Modules whose distribution comes with a dependency that asks for it: the network stack of httpx, yaml's own name.
COMES_WITH = {
    "httpcore": {"httpx"},
    "h2": {"httpx"},
    "itsdangerous": {"datasette"},
    "markupsafe": {"jinja2"},
    "pydantic_core": {"pydantic"},
}


def project() -> dict[str, Any]:
    """The table [project] of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


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
        "pipeline/alerts/templates/alert.html",
        "pipeline/demo/feeds/han-river-wire.xml",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "db/"))]


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


def test_every_library_that_is_imported_is_a_dependency() -> None:
    """What the package imports from elsewhere stands among its dependencies, or, where it is imported only when it is
    needed, among its extras; not only among those of its tests."""
    always = names_of(project()["dependencies"])
    extras = {name: names_of(wanted) for name, wanted in project()["optional-dependencies"].items() if name != "dev"}
    distributions = packages_distributions()
    for path in (ROOT / "pipeline").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            is_lazy = node not in tree.body or path.parent.name == "exports"  # whose forms are loaded when asked for
            names = always.union(*extras.values()) if is_lazy else always
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for module in {name.split(".")[0] for name in modules} - {"pipeline", *sys.stdlib_module_names}:
                owners = {owner.lower() for owner in distributions[module]} | COMES_WITH.get(module, set())
                assert owners & names, f"{path.name} imports {module}"


def test_the_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed outside the checkout, ``watchfloor demo`` and ``init`` do their job.

    The libraries are those of this environment: .ci/run installs them from the index on a clean machine.
    """
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=60)
    python = tmp_path / "venv" / "bin" / "python"
    [site] = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    options = ("--quiet", "--no-compile", "--no-deps", "--force-reinstall", "--disable-pip-version-check")
    install = [str(python), "-m", "pip", "install", *options, str(wheel)]
    result = subprocess.run(install, capture_output=True, text=True, check=False, timeout=200)
    assert result.returncode == 0, result.stderr
    where = [str(python), "-c", "import pipeline; print(pipeline.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60).stdout
    assert found.startswith(str(site)), found
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
