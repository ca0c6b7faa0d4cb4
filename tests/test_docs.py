"""What the documents say is true: commands run, keys exist, dependencies are explained."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from pipeline import config
from pipeline.cli import watchfloor as command_line
from tests.conftest import Site, call, rss, write_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: Commands that go on until they are told to stop.
SERVERS = ("watchfloor serve", "watchfloor daemon")


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_make_targets_exist() -> None:
    """Every make target that the documents show is in the Makefile."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [line.split()[1] for line in commands(README) + commands(CONTRIBUTING) if line.startswith("make ")]
    assert shown
    assert set(shown) <= set(targets)


def test_every_command_of_the_readme_runs(tmp_path: Path, site: Site) -> None:
    """The README's commands, in their order, in an empty folder with a configuration, do what they say."""
    site.bodies["feed.xml"] = rss([("1", "Unit 180 of North Korea", "Sanctions on Lab 110, Pyongyang says.")])
    deliver = "digest: {deliver: [{file: 'digests/{date}.html'}]}\n"  # as the configuration that ships has it
    write_config(tmp_path, {"local": site.url("feed.xml")}, deliver)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "watchfloor"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    run = 0
    for number, line in enumerate(line for line in commands(README) if not line.startswith("make ")):
        shown = line.replace("https://news.example/feed.xml", site.url("feed.xml?again"))
        site.bodies["feed.xml?again"] = site.bodies["feed.xml"]
        if shown.startswith(SERVERS):
            port = [] if "daemon" in shown else [f" --port {20000 + os.getpid() % 20000 + number}"]
            process = subprocess.Popen(
                ["sh", "-c", f"exec {shown}{''.join(port)}"],
                cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            first_line = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=30)
            assert "Serving" in first_line or "watching" in first_line, first_line + rest
            assert "Traceback" not in rest
        elif shown.startswith("watchfloor "):
            done = call(*shlex.split(shown)[1:], cwd=tmp_path, stdin="correct horse\n" if "password" in shown else "")
            assert done.returncode == 0, f"{line}: {done.stderr}"
        else:
            result = subprocess.run(
                ["sh", "-c", shown],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert result.returncode == 0, f"{line}: {result.stderr}"
        run += 1
    assert run > 20
    assert (tmp_path / "digest.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def every_command(group: click.Group, path: str = "watchfloor") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{path} {name}")


COMMANDS = dict(every_command(command_line))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example(name: str) -> None:
    """Each command's help shows an example that begins with the command itself."""
    help_text = COMMANDS[name].help or ""
    assert "Example:" in help_text
    assert name in help_text or isinstance(COMMANDS[name], click.Group)


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)])
def test_every_command_takes_the_common_options(name: str) -> None:
    """--config and --db work everywhere."""
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--config", "--db"} <= options


def test_every_command_stands_in_the_readme() -> None:
    """No command is hidden from the reader."""
    missing = [
        name for name, command in COMMANDS.items() if not isinstance(command, click.Group) and name not in README
    ]
    assert not missing


def test_every_dependency_is_explained() -> None:
    """The README says of each dependency what it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[\[<>=]", entry)[0] for entry in project["dependencies"]]
    assert not [name for name in names if f"[{name}](" not in README]


def test_the_shipped_configuration_is_right() -> None:
    """config.yaml loads, watches the pack, and names about 25 feeds over HTTPS."""
    loaded = config.load(ROOT / "config.yaml")
    assert len(loaded.feeds) >= 25
    assert all(feed.url.startswith("https://") for feed in loaded.feeds)
    assert {"unit-180", "lab-110", "sanctions", "crypto-theft"} <= {entity.id for entity in loaded.watchlist.entities}


def test_every_key_stands_in_the_shipped_configuration() -> None:
    """config.yaml shows every key that there is, so that a user need not look elsewhere."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    sections: dict[str, type[BaseModel]] = {
        "fetch": config.FetchSettings,
        "schedule": config.ScheduleSettings,
        "digest": config.DigestSettings,
        "websub": config.WebSubSettings,
    }
    for section, model in sections.items():
        assert f"{section}:" in text
        for key in model.model_fields:
            assert re.search(rf"^  {key}:", text, re.MULTILINE), key


def test_the_package_ships_the_configuration_to_start_from() -> None:
    """``init`` writes the config.yaml of the checkout."""
    assert config.template() == (ROOT / "config.yaml").read_text(encoding="utf-8")


def test_ci_runs_what_the_readme_shows() -> None:
    """.ci/run calls make lint and both commands of the README."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(f"make {target}" in script for target in ("lint", "test", "run"))
    assert shutil.which("bash")
