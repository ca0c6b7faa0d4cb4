"""yamlfile.py and plainly.py: YAML with the line of every key, every mistake in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from pipeline import yamlfile
from pipeline.errors import ConfigError

PATH = Path("c.yaml")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    size: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    things: tuple[Inner, ...] = ()
    flag: bool = False


def mistakes(text: str) -> list[str]:
    """All that is wrong with ``text``, whether it stops the reading or not."""
    try:
        return [str(mistake) for mistake in yamlfile.parse(text, PATH).mistakes]
    except ConfigError as error:
        return str(error).splitlines()


def test_every_key_has_its_line() -> None:
    """Keys and elements are found at the line where they stand, also behind anchors, merges and aliases."""
    text = "base: &b\n  x: 1\n  y: 2\nlist:\n  - <<: *b\n    x: 3\n  - [a,\n     b]\nsame: *b\n"
    file = yamlfile.parse(text, PATH)
    assert file.data["list"][0] == {"x": 3, "y": 2}
    assert not file.mistakes
    lines = {yamlfile.dotted(where): line for where, line in file.lines.items()}
    assert (lines["list[0].x"], lines["list[0].y"], lines["list[1][1]"]) == (6, 3, 8)
    assert (lines["same"], lines["same.x"]) == (9, 2)


def test_keys_are_text() -> None:
    """Numbers, dates and YAML's yes and no are plain keys."""
    assert yamlfile.parse("180: a\nno: b\n2026-01-01: c\nnull: d\n", PATH).data == {
        "180": "a",
        "no": "b",
        "2026-01-01": "c",
        "null": "d",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\t- b", "c.yaml:2: not valid YAML: a tab stands in the indent; use spaces"),
        ("a: x\n\tb: y", "c.yaml:2: not valid YAML: a tab stands in the indent; use spaces"),
        ("a: b: c", "c.yaml:1: not valid YAML: a colon stands where none can"),
        ("x: 1\na: [1,\n2\nb: 3\n", 'c.yaml:2: not valid YAML: a "[" is not closed'),
        ("a: {b: c", 'c.yaml:1: not valid YAML: a "{" is not closed'),
        ('a: 1\nb: "x\nc: 1', "c.yaml:2: not valid YAML: a quote is opened and never closed"),
        ("a: *foo", "c.yaml:1: not valid YAML: a value begins with *; put it in quotes"),
        ("a: *", "c.yaml:1: not valid YAML: a value begins with *"),
        ("a: @x", "c.yaml:1: not valid YAML: @ begins a value; put it in quotes"),
        ("a: 1\n---\nb: 2", "c.yaml:2: not valid YAML: --- begins a second document"),
        ("a: - b", "c.yaml:1: not valid YAML: a list begins on the line of its key"),
        ("a: 'it's'", "c.yaml:1: not valid YAML: the line does not fit"),
        ('a: "\\q"', "c.yaml:1: not valid YAML: a backslash stands in double quotes"),
        ("a: ]", "c.yaml:1: not valid YAML: a value begins with a comma or a closing bracket"),
        ("a: 1\nb: \x01", "c.yaml:2: not valid YAML: holds a character that is no text"),
        ("a: =", "c.yaml:1: a: '=' is no date or number; put it in quotes"),
        ("a: 2026-13-45", "c.yaml:1: a: '2026-13-45' is no date or number"),
        ("a: " + "9" * 5000, "c.yaml:1: a: '999"),
        ("? [a]\n: 1", "c.yaml:1: a key is a list or a block"),
        ("a: 1\n<<: 5", "c.yaml:2: <<: stands for no block"),
        ("a: &x [*x]", "c.yaml:1: *x stands inside of what it stands for"),
        ("a: &x {<<: *x}", "c.yaml:1: *x stands inside of what it stands for"),
        (
            "a: 1\nb: !!python/object/apply:os.system [x]",
            "c.yaml:2: tags such as !!python/object/apply:os.system are not",
        ),
        ("a: !!bool x", "c.yaml:1: tags such as !!bool are not allowed"),
        ("a: !x y", "c.yaml:1: tags such as !x are not allowed"),
        ("[" * 100_000, "c.yaml:1: is nested too deeply"),
        ("- " * 100, "c.yaml:1: is nested too deeply"),
        ("a:\n  b: 1\n  b: 2", "c.yaml:3: a.b: stands twice; keep one of them"),
        ('a: 1\n"a": 2', "c.yaml:2: a: stands twice"),
    ],
)
def test_what_is_no_yaml_is_said_plainly(text: str, expected: str) -> None:
    """Every mistake names its line and what to do, in words for somebody who knows no YAML."""
    (found,) = mistakes(text)
    assert found.startswith(expected)
    assert ";" in found


def test_aliases_cannot_grow_without_end() -> None:
    """Nine lines that stand for ten billion values are refused at once."""
    text = "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    for name, inner in zip("bcdefghij", "abcdefghi", strict=True):
        text += f"{name}: &{name} [{','.join([f'*{inner}'] * 10)}]\n"
    (found,) = mistakes(text)
    assert "too many values" in found


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """${NAME} is the environment's value; every missing one is a mistake; a value never stands in a message."""
    monkeypatch.setenv("WATCHFLOOR_TEST", "s3cr3t'x")
    monkeypatch.delenv("WATCHFLOOR_NONE", raising=False)
    file = yamlfile.parse("a: [x, 'y${WATCHFLOOR_TEST}z']\nb: ${WATCHFLOOR_NONE}\n", PATH)
    assert file.data["a"][1] == "ys3cr3t'xz"
    assert [str(mistake) for mistake in file.mistakes] == [
        "c.yaml:2: b: the environment variable WATCHFLOOR_NONE is not set; export WATCHFLOOR_NONE=… before starting"
    ]
    assert file.mistake(("a", 1), f"{file.data['a'][1]!r} is bad").message == '"y${WATCHFLOOR_TEST}z" is bad'


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a: 1\nb: \xff", 2, "is not UTF-8 text; save it as UTF-8"),
        ("a: 1".encode("utf-16"), 1, "is not UTF-8 text"),
        (bytes(range(256)), 2, "is not UTF-8 text"),
        (b"a: \x00\x00", 1, "holds a character that is no text"),
    ],
)
def test_binary_files(tmp_path: Path, content: bytes, line: int, message: str) -> None:
    """What is no text is one line."""
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        yamlfile.load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and an impossible name are one line each."""
    for path, message in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "a\0b", "is no name of a file"),
        (tmp_path / ("x" * 300), "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            yamlfile.load(path)
        assert len(caught.value.mistakes) == 1


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """Files saved by Windows editors load."""
    path = tmp_path / "c.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: 2\r\n".encode())
    assert yamlfile.load(path).data == {"a": 1, "b": 2}


def test_validation_names_line_and_key() -> None:
    """A model's mistakes stand at their keys, all at once, with a suggestion for a misspelt key."""
    text = "things:\n  - name: a\n    sise: 1\n  - size: x\n  - 5\nflag: maybe\ncolour: red\n"
    with pytest.raises(ConfigError) as caught:
        yamlfile.parse(text, PATH).validate(Outer)
    assert str(caught.value).splitlines() == [
        "c.yaml:3: things[0].sise: unknown key; did you mean size?",
        "c.yaml:4: things[1].name: is missing; add it",
        "c.yaml:4: things[1].size: 'x' is not a whole number; write one, such as 20",
        "c.yaml:5: things[2]: 5 is not a block of settings; write key: value, each on a line of its own and indented",
        "c.yaml:6: flag: 'maybe' is not a yes or no; write true or false",
        "c.yaml:7: colour: unknown key; known keys: things, flag",
    ]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(st.sampled_from("a: |- |[|]|{|}|\n|  |*a|&a |<<: |!!x |'|\"|#|1|${X}|? |: ".split("|"))).map("".join),
    )
)
def test_any_text_loads_or_raises_config_error(text: str) -> None:
    """No text makes anything but data or placed mistakes of one line."""
    try:
        found = yamlfile.parse(text, PATH).mistakes
    except ConfigError as error:
        found = error.mistakes
    assert all("\n" not in str(mistake) for mistake in found)
