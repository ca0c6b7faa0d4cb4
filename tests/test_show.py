"""``show``: an item as an analyst reads it, on a terminal, piped, and as JSON."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.store import Store
from tests.conftest import Site, call, rss, write_config

LEAD = "Hackers of Lab 110 of North Korea stole $41 million from Upbit, police said."
REST = "Customers have been told to wait for news of their money. " * 8
NEWER = "Hackers stole $43 million from Bithumb, police said."


@pytest.fixture
def desk(tmp_path: Path, site: Site) -> Path:
    """A folder whose database holds one item that was edited once, in its title and at the beginning of its text."""
    write_config(tmp_path, {"wire": site.url("feed.xml")}, "timezone: Asia/Seoul\n")
    for title, lead in (("Theft in Busan", LEAD), ("Theft in Busan, corrected", NEWER)):
        site.bodies["feed.xml"] = rss([("1", title, f"{lead} {REST}")], title="Harbour Wire")
        assert call("run", "--force", cwd=tmp_path).returncode == 0
    return tmp_path


def test_show_tells_what_is_known(desk: Path) -> None:
    """Title, feed, address, times in the configured zone, language, mentions by name, the version's times, the text."""
    out = call("show", "1", cwd=desk).stdout
    assert out.startswith("Theft in Busan, corrected\n")
    for line in ("feed        Harbour Wire (wire)", "address     http://news.test/1", "language    en"):
        assert line in out
    assert "first seen  20" in out
    assert "KST (1 edit)" in out
    assert "\nversion     20" in out
    assert "published" not in out
    assert "[[stole $43 million from Bithumb|" in out or "Bithumb" in out


def test_mentions_are_marked_in_the_text(tmp_path: Path, site: Site) -> None:
    """Piped, a mention is [[words|entity]]."""
    site.bodies["feed.xml"] = rss([("1", "Lab 110 of North Korea", "Rain in Busan.")])
    write_config(tmp_path, {"wire": site.url("feed.xml")})
    call("run", cwd=tmp_path)
    shown = call("show", "1", cwd=tmp_path).stdout
    assert shown.startswith("[[Lab 110|lab-110]] of North Korea\n")
    assert "\nRain in Busan.\n" in shown


def test_diff_marks_words_and_what_came_and_went(desk: Path) -> None:
    """Removed and added words in brackets, long stretches shortened, then the mentions, victims and amounts."""
    out = call("show", "1", "--diff", cwd=desk).stdout
    assert "Edit 1 of 1, seen 20" in out
    assert "title: Theft in Busan{+, corrected+}" in out
    assert "[-$41-]{+$43+} million from [-Upbit-]{+Bithumb+}, police said." in out
    assert REST.strip() not in out
    assert '\nmention gone: Lab 110 (rule lab-110.name): "Hackers of Lab 110 of North Korea stole' in out
    lines = out.splitlines()
    assert {"victim gone: Upbit", "victim new: Bithumb"} <= set(lines)
    assert {"amount gone: $41 million", "amount new: $43 million"} <= set(lines)


def test_an_item_that_never_changed_says_so(tmp_path: Path, site: Site) -> None:
    """--diff of an item without versions is no error."""
    site.bodies["feed.xml"] = rss([("1", "Rain", "Rain in Busan.")])
    write_config(tmp_path, {"wire": site.url("feed.xml")})
    call("run", cwd=tmp_path)
    done = call("show", "1", "--diff", cwd=tmp_path)
    assert (done.returncode, "Never edited" in done.stdout) == (0, True)


def test_verdicts_and_copies_are_listed(desk: Path) -> None:
    """What analysts said, and the other items of the story."""
    call("review", "mark", "1", "escalated", "--note", "ask the police", "--reviewer", "kim", cwd=desk)
    with Store(desk / "w.db") as store:
        row = dict(store.db.table("items").get(1))
        moment = row["first_seen_at"]
        story = {"id": 5, "lead_item_id": 1, "first_seen_at": moment, "last_seen_at": moment}
        store.db.table("stories").insert(story)
        store.db.table("items").insert({**row, "id": 2, "guid": "2", "title": "The same elsewhere", "story_id": 5})
        store.db.table("items").update(1, {"story_id": 5})
    out = call("show", "1", cwd=desk).stdout
    assert "\ncopy        2  The same elsewhere  (wire, 20" in out
    assert "\nverdict     escalated by kim, 20" in out
    assert ": ask the police\n" in out
    assert "; the lead)" in call("show", "2", cwd=desk).stdout


def test_show_as_json(desk: Path) -> None:
    """One object; with --diff the edits, too."""
    plain = json.loads(call("show", "1", "--json", cwd=desk).stdout)
    assert (plain["id"], plain["title"], len(plain["versions"])) == (1, "Theft in Busan, corrected", 1)
    assert "edits" not in plain
    assert {"entity", "rule", "text"} <= set(plain["versions"][0]["mentions"][0])
    [edit] = json.loads(call("show", "1", "--diff", "--json", cwd=desk).stdout)["edits"]
    assert {"kind": "added", "text": ", corrected"} in edit["differences"]["fields"]["title"]
    marks = edit["differences"]["marks"]
    assert ("victim", True, "Bithumb") in {(mark["what"], mark["is_new"], mark["name"]) for mark in marks}


def test_an_unknown_item_is_a_mistake_in_usage(desk: Path) -> None:
    """One line, exit status 2."""
    done = call("show", "99", cwd=desk)
    assert done.returncode == 2
    assert done.stderr == "error: there is no item 99; see the ids with: watchfloor review list\n"


def test_a_version_of_an_earlier_release_is_shown(desk: Path) -> None:
    """One whose mentions were not kept: the words are compared, no mention is said to be gone."""
    with Store(desk / "w.db") as store:
        store.db.execute("UPDATE item_versions SET mentions = NULL")
        store.db.conn.commit()
    out = call("show", "1", "--diff", cwd=desk).stdout
    assert "[-Upbit-]{+Bithumb+}" in out
    assert "mention gone" not in out


def test_a_terminal_gets_colours(desk: Path) -> None:
    """On a terminal what went is struck through in red and what came is green, without brackets."""
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [sys.executable, "-m", "pipeline", "show", "1", "--diff"],
        cwd=desk, env=environment, stdout=writer, check=True, timeout=60,
    )  # fmt: skip
    os.close(writer)
    shown = os.read(reader, 100_000).decode()
    os.close(reader)
    assert "\x1b[9;31mUpbit\x1b[0m\x1b[32mBithumb\x1b[0m" in shown
    assert "[-" not in shown
