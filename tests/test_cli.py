"""The command line as a user meets it: what it prints, and one clear line for every wrong input."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SHARED, Site, call, rss, watchfloor, write_config

ITEMS = [
    ("1", "Unit 180 of North Korea named", "The Reconnaissance General Bureau runs it."),
    ("2", "=1+1 and the Lazarus Group", "Hackers of the Lazarus Group in Pyongyang."),
]


@pytest.fixture(scope="module")
def polled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Site]]:
    """A folder with a configuration and a database of two tagged items, and the site that serves them."""
    site, folder = Site(), tmp_path_factory.mktemp("polled")
    site.bodies["a"] = rss(ITEMS)
    write_config(folder, {"a": site.url("a")})
    assert watchfloor("run", cwd=folder).returncode == 0
    yield folder, site
    site.close()


@pytest.fixture
def polled(polled_once: tuple[Path, Site], tmp_path: Path) -> Path:
    """A copy of that folder, for one test to do with as it likes."""
    shutil.copytree(polled_once[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def one_line(text: str) -> str:
    """The only line of an error; fails when there are more."""
    assert text.startswith("error: ")
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def test_run_prints_one_json_object(polled: Path) -> None:
    """``run --json`` gives exactly the counts of the contract."""
    report = json.loads(call("run", "--force", "--json", cwd=polled).stdout)
    assert list(report) == [
        "feeds_polled", "feeds_ok", "feeds_not_modified", "feeds_failed",
        "items_seen", "items_new", "items_updated", "mentions", "seconds", "pages",
    ]  # fmt: skip


def test_run_says_when_nothing_is_due(polled: Path) -> None:
    """A second run within the interval polls nothing and says how to poll all the same."""
    result = call("run", cwd=polled)
    assert result.returncode == 0
    assert "No feed is due" in result.stdout
    assert "--force" in result.stdout


def test_run_in_which_every_feed_failed_exits_1(tmp_path: Path) -> None:
    """It says so in one line."""
    write_config(tmp_path, {"a": "http://127.0.0.1:9/a"})
    result = call("run", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "not one of 1 feeds could be reached; see: watchfloor feeds list\n"


def test_or_demo_goes_on_without_a_network(tmp_path: Path) -> None:
    """``run --or-demo``, which is make run, shows the demo from a database of its own when no feed can be reached."""
    write_config(tmp_path, {"a": "http://127.0.0.1:9/a"})
    result = call("run", "--force", "--or-demo", cwd=tmp_path)
    assert result.returncode == 0
    assert "not one of 1 feeds could be reached" in result.stderr
    assert "Unit 180" in result.stdout
    assert (tmp_path / "db" / "demo.db").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feeds: [", "not valid YAML"),
        ("feeds: []\ncolour: red", "config.yaml:2: colour: unknown key"),
        ("database: 5", "config.yaml:1: database: 5 is not text"),
        ("feeds:\n  - {id: a, url: ftp://x/}", "config.yaml:2: feeds[0].url: 'ftp://x/'"),
        ("watchlist:\n  - pack: nope", "config.yaml:2: watchlist[0].pack: no pack 'nope'"),
        ("timezone: Mars/Base", "config.yaml:1: timezone: unknown time zone"),
        ("database: ${WF_TEST_NOT_SET}", "config.yaml:1: database: the environment variable WF_TEST_NOT_SET"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exits_2(tmp_path: Path, text: str, message: str) -> None:
    """File, line, key and remedy, whatever command is called."""
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    result = call("run", cwd=tmp_path)
    assert result.returncode == 2
    assert message in one_line(result.stderr)


def test_a_missing_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    """Without config.yaml the remedy is ``watchfloor init``."""
    result = call("run", cwd=tmp_path)
    assert result.returncode == 2
    assert "watchfloor init" in one_line(result.stderr)


def test_a_database_that_is_a_folder(tmp_path: Path, site: Site) -> None:
    """It exits 1 with one line."""
    write_config(tmp_path, {"a": site.url("a")})
    (tmp_path / "w.db").mkdir()
    result = call("run", cwd=tmp_path)
    assert result.returncode == 1
    assert "is a folder" in one_line(result.stderr)


def test_a_corrupt_database(tmp_path: Path, site: Site) -> None:
    """It exits 1 with one line, and the file is left as it was."""
    write_config(tmp_path, {"a": site.url("a")})
    (tmp_path / "w.db").write_bytes(b"garbage" * 1000)
    result = call("run", cwd=tmp_path)
    assert result.returncode == 1
    assert "is not a working SQLite database" in one_line(result.stderr)
    assert (tmp_path / "w.db").read_bytes() == b"garbage" * 1000


def test_a_read_only_database(polled: Path) -> None:
    """A database that may not be written is one line with the remedy, for root on a read-only file system too."""
    command = f"exec {sys.executable} -m pipeline run --force"
    if os.geteuid() == 0:
        read_only = "mount --bind . . && mount -o remount,ro,bind . && cd $PWD"
        command = f"unshare --mount sh -c '{read_only} && {command}'"
        probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
        if probe.returncode:
            pytest.skip("root may write any file here, and no file system can be made read-only (unshare is refused)")
    else:
        polled.chmod(stat.S_IRUSR | stat.S_IXUSR)
    result = subprocess.run(["sh", "-c", command], cwd=polled, capture_output=True, text=True, check=False)
    polled.chmod(stat.S_IRWXU)
    assert result.returncode == 1
    assert "check the permissions" in one_line(result.stderr)


def test_a_port_in_use(polled: Path) -> None:
    """``serve`` says which port is taken and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = call("serve", "--port", port, cwd=polled)
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in one_line(result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "--feed", "nope"],
        ["digest", "--date", "yesterday"],
        ["digest", "--format", "pdf"],
        ["digest", "--send"],
        ["review", "mark", "1", "perhaps"],
        ["review", "mark", "99", "relevant"],
        ["export"],
        ["feeds", "remove", "nope"],
        ["feeds", "add", "not an address"],
        ["feeds", "check", "nope"],
        ["feeds", "import", "missing.opml"],
        ["serve", "--port", "99999"],
        ["demo", "--db", "w.db"],
        ["init"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_exits_2(polled: Path, arguments: list[str]) -> None:
    """Whatever is asked wrongly is told in one line on standard error."""
    result = call(*arguments, cwd=polled)
    assert result.returncode == 2, result.stderr
    one_line(result.stderr)


@pytest.mark.parametrize("command", ["stats", "digest", "export --format csv", "review list", "retag", "serve"])
def test_reading_a_database_that_is_not_there(tmp_path: Path, command: str) -> None:
    """Commands that read say how to make a database, and make none."""
    write_config(tmp_path, {})
    result = call(*command.split(), cwd=tmp_path)
    assert result.returncode == 1
    assert "watchfloor run" in one_line(result.stderr)
    assert not (tmp_path / "w.db").exists()


def test_tag_answers_in_the_contracts_format(tmp_path: Path) -> None:
    """JSON lines in, JSON lines out, with offsets that are true to the text; no configuration needed."""
    document = {"id": "x", "title": "😀 Unit 180", "text": "North Korea's Unit 180 and 정찰총국이."}
    result = call("tag", "--jsonl", cwd=tmp_path, stdin=json.dumps(document) + "\n\n")
    (line,) = result.stdout.splitlines()
    answer = json.loads(line)
    assert answer["id"] == "x"
    assert {"unit-180", "rgb"} <= {mention["entity"] for mention in answer["mentions"]}
    for mention in answer["mentions"]:
        assert set(mention) == {"entity", "field", "start", "end", "text", "rule", "score"}
        assert document[mention["field"]][mention["start"] : mention["end"]] == mention["text"]


def test_tag_on_the_development_set_is_true_to_its_text(tmp_path: Path) -> None:
    """Every span of every document of the shared gold set is the text it says it is."""
    gold = SHARED / "gold" / "dev.jsonl"
    if not gold.exists():
        pytest.skip("../shared/gold/dev.jsonl is not here")
    text = gold.read_text(encoding="utf-8")
    result = call("tag", "--jsonl", cwd=tmp_path, stdin=text)
    assert result.returncode == 0, result.stderr
    documents = [json.loads(line) for line in text.splitlines()]
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [document["id"] for document in documents]
    for document, answer in zip(documents, answers, strict=True):
        for mention in answer["mentions"]:
            assert document[mention["field"]][mention["start"] : mention["end"]] == mention["text"]


@pytest.mark.parametrize("line", ["{", "[1]", '{"title": 5}'])
def test_tag_names_the_line_that_is_wrong(tmp_path: Path, line: str) -> None:
    """A document that cannot be read is named by its line; what came before was answered."""
    result = call("tag", "--jsonl", cwd=tmp_path, stdin='{"id": 1, "title": "a"}\n' + line + "\n")
    assert result.returncode == 2
    assert "<stdin>:2: " in one_line(result.stderr)
    assert len(result.stdout.splitlines()) == 1


def test_tag_marks_plain_text(tmp_path: Path) -> None:
    """Without --jsonl the text comes back with its mentions marked."""
    result = call("tag", cwd=tmp_path, stdin="North Korea's Unit 180 again\n")
    assert "Unit 180[unit-180]" in result.stdout


def test_csv_holds_no_formula(polled: Path) -> None:
    """A title that a spreadsheet would compute is made harmless."""
    result = call("export", "--format", "csv", cwd=polled)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["title"][0] for row in rows} == {"U", "'"}
    assert rows[0]["entities"]


def test_export_writes_json_lines(polled: Path) -> None:
    """Each line is one item with its mentions and their evidence."""
    result = call("export", "--format", "jsonl", "--entity", "unit-180", cwd=polled)
    (item,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert item["mentions"][0]["evidence"]["sentence"]


def test_a_verdict_takes_an_item_out_of_the_queue(polled: Path) -> None:
    """``review mark`` is kept with its reviewer, and ``review list`` no longer shows the item."""
    before = json.loads(call("review", "list", "--json", cwd=polled).stdout)
    call("review", "mark", str(before[0]["id"]), "relevant", "--reviewer", "kim", cwd=polled)
    after = json.loads(call("review", "list", "--json", cwd=polled).stdout)
    assert len(after) == len(before) - 1


def test_doctor_asks_for_a_contact(tmp_path: Path) -> None:
    """A user agent by which publishers cannot reach anybody is pointed out, one with an address is not."""
    path = write_config(tmp_path, {"a": "http://127.0.0.1:9/"})
    assert "user agent\twarn\tfetch.user_agent names no contact" in call("doctor", cwd=tmp_path).stdout
    path.write_text(path.read_text().replace("timeout: 10", "user_agent: desk (desk@news.example)"))
    assert "user agent" not in call("doctor", cwd=tmp_path).stdout


def test_doctor_finds_what_is_wrong(polled: Path) -> None:
    """A sound installation exits 0; a broken database exits 1 and is named."""
    assert call("doctor", cwd=polled).returncode == 0
    for name in ("w.db-wal", "w.db-shm"):
        (polled / name).unlink(missing_ok=True)
    (polled / "w.db").write_bytes(b"\0" * 5000)
    result = call("doctor", cwd=polled)
    assert result.returncode == 1
    assert "w.db" in result.stdout


def test_feeds_check_tests_the_feeds(polled: Path, polled_once: tuple[Path, Site]) -> None:
    """It fetches and reads each feed, stores nothing, and exits 1 when one does not work."""
    assert call("feeds", "check", cwd=polled).returncode == 0
    call("feeds", "add", polled_once[1].url("missing"), "--id", "broken", "--as-is", cwd=polled)
    result = call("feeds", "check", cwd=polled)
    assert result.returncode == 1
    assert "404" in result.stdout
    assert "1 of 2 feeds work" in result.stderr


def test_digest_formats(polled: Path) -> None:
    """All four formats of one day come from the same facts, and the same bytes twice."""
    outputs = {form: call("digest", "--format", form, cwd=polled).stdout for form in ("html", "markdown", "text")}
    as_json = json.loads(call("digest", "--format", "json", cwd=polled).stdout)
    assert as_json["items_tagged"] == 2
    assert all("Unit 180 of North Korea named" in text for text in outputs.values())
    assert call("digest", "--format", "html", cwd=polled).stdout == outputs["html"]


def test_tag_explains(tmp_path: Path) -> None:
    """``--explain`` tells why each rule fired, and which condition held back what came near."""
    shown = call("tag", "--explain", cwd=tmp_path, stdin="Storage unit 180 for rent. Hackers of Lab 110, Pyongyang.\n")
    assert "Lab 110   lab-110  by lab-110.name  score 0.95  (dprk_hint: Pyongyang)" in shown.stdout
    assert "- unit 180  unit-180  by unit-180.name  held back by unless: property: Storage" in shown.stdout
    line = json.dumps({"id": 1, "title": "Storage unit 180, Pyongyang"})
    answer = json.loads(call("tag", "--jsonl", "--explain", cwd=tmp_path, stdin=line).stdout)
    assert answer["mentions"] == []
    held_by = {miss["rule"]: miss["held_by"] for miss in answer["near_misses"]}
    assert held_by["unit-180.name"] == "unless"
    assert held_by["unit-180.north-here"] == "requires"  # no hacker in the sentence


def test_tag_colours_a_terminal(tmp_path: Path) -> None:
    """On a terminal every mention stands in its entity's colour."""
    command = f"echo Kim Jong Un and Lab 110 | {sys.executable} -m pipeline tag"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        cwd=tmp_path, env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "\x1b[30;46mKim Jong Un\x1b[0m" in done.stdout
    assert "\x1b[30;43mLab 110\x1b[0m" in done.stdout


def test_retag_shows_what_a_changed_rule_does(polled: Path) -> None:
    """A dry run tells by rule what is gained and lost, with samples; the real run does it; then nothing is left."""
    config = polled / "config.yaml"
    text = config.read_text(encoding="utf-8")
    rule = "watchlist: [{id: hackers, name: Hackers, kind: topic, rules: [{id: hackers.word, phrases: [hackers]}]}]\n"
    config.write_text(rule + text, encoding="utf-8")
    shown = call("retag", "--dry-run", cwd=polled)
    assert "hackers\thackers.word\t1\t0" in shown.stdout
    assert re.search(r"^\+\thackers\.word\t\d\tHackers\tHackers of the Lazarus Group", shown.stdout, re.MULTILINE)
    planned = json.loads(call("retag", "--dry-run", "--json", cwd=polled).stdout)
    assert (planned["items"], planned["gained"], planned["dry_run"]) == (2, 1, True)
    assert "2 items were tagged by another watch-list" in call("doctor", cwd=polled).stdout
    done = json.loads(call("retag", "--json", cwd=polled).stdout)
    assert done["rules"] == planned["rules"]
    assert json.loads(call("retag", "--json", cwd=polled).stdout)["items"] == 0
    assert f"version {done['watchlist_version']} tagged every stored item" in call("doctor", cwd=polled).stdout


def test_the_language_of_an_item_is_told_from_its_text(polled: Path) -> None:
    """A feed that declares nothing has items in the language they are written in."""
    with contextlib.closing(sqlite3.connect(polled / "w.db")) as connection:
        assert connection.execute("SELECT DISTINCT language FROM items").fetchall() == [("en",)]


def test_retag_on_an_unchanged_list_changes_nothing(polled: Path) -> None:
    """Nothing is gained and nothing is lost."""
    result = call("retag", "--dry-run", cwd=polled)
    assert result.stdout == "0 mentions would be gained, 0 lost, in 0 items that another watch-list had tagged\n"


def dump(path: Path) -> list[str]:
    """Everything that a database holds, as SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize(
    "command", ["feeds list", "feeds check", "retag --dry-run", "review list", "stats", "doctor", "export --format csv"]
)
def test_what_only_shows_writes_nothing(polled: Path, command: str) -> None:
    """Under a configuration of other feeds and entities, commands that show leave a named database as it is."""
    write_config(
        polled, {"other": "http://127.0.0.1:9/"}, "watchlist: [{id: x, name: X, kind: topic, rules: [rain]}]\n"
    )
    before = dump(polled / "w.db")
    call(*command.split(), "--db", "w.db", cwd=polled)
    assert dump(polled / "w.db") == before


def test_feeds_list_shows_what_was_not_polled_yet(tmp_path: Path) -> None:
    """A configured feed is listed before its first poll, and no database is made for that."""
    write_config(tmp_path, {"fresh": "http://127.0.0.1:9/"})
    assert "fresh\tnot polled yet" in call("feeds", "list", cwd=tmp_path).stdout
    assert json.loads(call("feeds", "list", "--json", cwd=tmp_path).stdout)[0]["state"] is None
    assert not (tmp_path / "w.db").exists()
