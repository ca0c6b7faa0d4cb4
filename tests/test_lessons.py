"""What a wrong tag teaches: proposals, their preview, and the lesson that is saved."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import ConfigError
from pipeline.lessons import Evidence, Proposal, propose
from pipeline.patterns import compile_pattern
from pipeline.trial import effect_of
from pipeline.watchlist import Exclusion, Rule, Watchlist, load_pack
from pipeline.watchlist.suggesting import lines_for
from tests.conftest import Site, call
from tests.desk import Desk, make_desk

SENTENCE = "Wrestlers of Lab 110 won the final round in North Korea, the famous lab."
ITEMS = [
    ("A match", SENTENCE),
    ("A second match", "The wrestling team of Lab 110 travels to Pyongyang for the final round."),
    ("A theft", "Hackers of Lab 110 in Pyongyang stole coins after the final round."),
    ("A visit", "Lab 110 in Pyongyang was visited. Wrestlers were seen."),
]


@pytest.fixture(scope="module")
def watchlist(tmp_path_factory: pytest.TempPathFactory) -> Watchlist:
    return load_pack("dprk-cyber")


def rule_of(watchlist: Watchlist, rule: str) -> Rule:
    return next(one for entity in watchlist.entities for one in entity.every_rule if one.id == rule)


def proposed(
    watchlist: Watchlist, sentence: str, mention: str, language: str = "en", **evidence: list[str]
) -> list[str]:
    given = Evidence(**{"wrong": [], "right": [], "unjudged": [], **evidence})
    found = propose(sentence, mention, rule_of(watchlist, "lab-110.name"), watchlist, given, language)
    lists = watchlist.lists()
    assert all(compile_pattern(one.pattern, lists, of_a_rule=False) for one in found)
    return [one.pattern for one in found]


def test_words_of_right_sentences_come_last(watchlist: Watchlist) -> None:
    """Then those of most wrong ones, then those of the fewest unjudged ones."""
    rule = rule_of(watchlist, "lab-110.name")
    evidence = Evidence(
        wrong=["Lab 110 hockey", "Lab 110 hockey stars"], right=["Lab 110 trophy"], unjudged=["Lab 110 arena"]
    )
    found = propose("Lab 110: trophy, arena, hockey, rink", "Lab 110", rule, watchlist, evidence)
    assert found == [
        Proposal("hockey", wrong=3, right=0, unjudged=0),
        Proposal("rink", wrong=1, right=0, unjudged=0),
        Proposal("arena", wrong=1, right=0, unjudged=1),
        Proposal("trophy", wrong=1, right=1, unjudged=0),
    ]


def test_what_stands_in_a_right_sentence_is_worse_than_any_other(watchlist: Watchlist) -> None:
    """However many wrong ones it stands in."""
    wrong, right = ["Lab 110 hockey", "Lab 110 ice hockey"], ["Lab 110 on hockey"]
    assert proposed(watchlist, "Lab 110: hockey, rink", "Lab 110", wrong=wrong, right=right) == ["rink", "hockey"]


def test_two_words_are_proposed_where_they_part_better(watchlist: Watchlist) -> None:
    """Each alone stands in a right sentence, both together in none."""
    right = ["Lab 110 final", "Lab 110 round"]
    assert proposed(watchlist, "Lab 110 final round", "Lab 110", right=right)[0] == "final round"


def test_a_stem_is_proposed_where_two_wrong_sentences_share_it(watchlist: Watchlist) -> None:
    """And only there."""
    sentence = "Lab 110 wrestlers"
    assert proposed(watchlist, sentence, "Lab 110") == ["wrestlers"]
    assert proposed(watchlist, sentence, "Lab 110", wrong=["Lab 110 wrestling"])[0] == "wrestl*"


def test_copies_of_a_sentence_count_once(watchlist: Watchlist) -> None:
    """A wire text in ten papers is one sentence."""
    given = Evidence(wrong=["Lab 110 rink"] * 10, right=[], unjudged=["Lab 110 rink too"] * 3)
    found = propose("Lab 110 rink", "Lab 110", rule_of(watchlist, "lab-110.name"), watchlist, given)
    assert found == [Proposal("rink", wrong=1, right=0, unjudged=1)]


@pytest.mark.parametrize(
    ("sentence", "unwanted"),
    [
        ("Lab 110 of the rink", "of"),  # a stop word
        ("Lab 110 rink on Sunday", "sunday"),
        ("Lab 110 rink of Pyongyang", "pyongyang"),  # what the rule requires
        ("Lab 110 rink, North Koreans", "koreans"),
        ("Lab 110 rink 2026 $41m", "2026"),
        ("Lab 110 rink Lab", "lab"),  # part of the mention
    ],
)
def test_words_that_would_mislead_are_not_proposed(watchlist: Watchlist, sentence: str, unwanted: str) -> None:
    """Stop words, days, numbers, the mention's words and those that the rule cannot do without."""
    found = proposed(watchlist, sentence, "Lab 110")
    assert "rink" in found
    assert not [pattern for pattern in found if unwanted in pattern.split()]


def test_korean_runs_lose_their_particle(watchlist: Watchlist) -> None:
    """What the rule requires is not proposed, and the pattern stands in other forms of the word, too."""
    found = proposed(watchlist, "북한 110호연구소는 레슬링 경기에서 이겼다.", "110호연구소", "ko")
    assert found[:2] == ["레슬링", "경기"]
    assert not [pattern for pattern in found if "북한" in pattern]


def test_chinese_is_proposed_by_two_characters(watchlist: Watchlist) -> None:
    """Also where the mention stands without a space in the sentence."""
    found = proposed(
        watchlist, "朝鲜110号研究所摔跤队赢得比赛。", "110号研究所", "zh", wrong=["另一场比赛由110号研究所参加"]
    )
    assert found[0] == "比赛"
    assert "摔跤" in found
    assert not [pattern for pattern in found if set(pattern) & set("朝鲜研究所")]


def test_proposals_are_the_same_each_time(watchlist: Watchlist) -> None:
    """In whatever order sentences come."""
    wrong = [text for _, text in ITEMS]
    assert proposed(watchlist, SENTENCE, "Lab 110", wrong=wrong) == proposed(
        watchlist, SENTENCE, "Lab 110", wrong=wrong[::-1]
    )
    assert len(proposed(watchlist, SENTENCE, "Lab 110", wrong=wrong)) <= 5


# ---- what a pattern would change


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    site = Site()
    try:
        return make_desk(tmp_path_factory.mktemp("desk"), site, ITEMS)
    finally:
        site.close()


@pytest.fixture
def desk(made: Desk, tmp_path: Path) -> Desk:
    """A copy of its own for each test."""
    shutil.copytree(made.folder, tmp_path / "desk")
    return Desk(tmp_path / "desk")


def changes(desk: Desk, *patterns: str, within: Any = "sentence") -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Title and rule of what is lost and gained."""
    exclusion = Exclusion(rule="lab-110.name", within=within, patterns=patterns)
    with desk.store as store:
        effect = effect_of(exclusion, desk.config.watchlist, store.lessons.items_of("lab-110.name", 100))
    assert effect.items == 4
    lost, gained = ({(one.title, one.mention.rule) for one in part} for part in (effect.lost, effect.gained))
    return lost, gained


def test_sentences_are_told_apart_by_what_people_said(desk: Desk) -> None:
    """A wrong mention in a relevant item is wrong; those of an irrelevant item are in no group."""
    for title, verdict in [("A match", "relevant"), ("A theft", "escalated"), ("A visit", "irrelevant")]:
        desk.judge(title, verdict)
    desk.judge("A match", "wrong_tag", text="Lab 110")
    with desk.store as store:
        found = store.lessons.evidence("lab-110.name")
    assert found == Evidence(wrong=[ITEMS[0][1]], right=[ITEMS[2][1]], unjudged=[ITEMS[1][1]])


def test_another_rule_may_take_the_place(desk: Desk) -> None:
    """A last resort counts once the rule is held back: that is shown, not guessed."""
    assert changes(desk, "wrestlers") == ({("A match", "lab-110.name")}, {("A match", "lab-110.lab")})


def test_within_the_item_reaches_further(desk: Desk) -> None:
    """Where the pattern stands in another sentence, or in the title."""
    assert ("A visit", "lab-110.name") not in changes(desk, "wrestl*")[0]
    assert ("A visit", "lab-110.name") in changes(desk, "wrestl*", within="item")[0]
    assert changes(desk, "match", within="item")[0] == {(title, "lab-110.name") for title, _ in ITEMS[:2]}


def test_a_pattern_may_name_a_list(desk: Desk) -> None:
    """Word lists and contexts of the watch-list."""
    assert len(changes(desk, "{contest}")[0]) == 3
    assert changes(desk, "{sport}") == (set(), set())


def test_what_is_previewed_is_what_comes_of_it(desk: Desk) -> None:
    """retag with the pattern in the configuration loses and gains the same."""
    lost, gained = changes(desk, "wrestl*")
    write_unless(desk, {"lab-110.name": ["wrestl*"]})
    result = call("retag", "--dry-run", "--json", cwd=desk.folder)
    rules = {row["rule"]: (row["gained"], row["lost"]) for row in json.loads(result.stdout)["rules"]}
    assert rules == {"lab-110.name": (0, len(lost)), "lab-110.lab": (len(gained), 0)}


# ---- unless: of a configuration


def write_unless(desk: Desk, unless: Any, entry: int = 0) -> None:
    path = desk.folder / "config.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["watchlist"][entry]["unless"] = unless
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


def tagged(desk: Desk, text: str) -> list[str]:
    """The rules that find something in the text."""
    line = json.dumps({"id": 1, "title": "", "text": text})
    result = call("tag", "--jsonl", cwd=desk.folder, stdin=line)
    assert result.returncode == 0, result.stderr
    return [mention["rule"] for mention in json.loads(result.stdout)["mentions"]]


def test_unless_holds_a_rule_back(desk: Desk) -> None:
    """In the sentence, or in the item where it says so."""
    write_unless(desk, {"lab-110.name": {"sentence": ["wrestl*", "{contest}"], "item": ["handball"]}})
    assert tagged(desk, "Lab 110 of Pyongyang.") == ["lab-110.name"]
    assert tagged(desk, "Lab 110 of Pyongyang. Wrestling.") == ["lab-110.name"]
    assert tagged(desk, "Wrestlers at Lab 110 of Pyongyang.") == []
    assert tagged(desk, "The final round at Lab 110 of Pyongyang.") == []
    assert tagged(desk, "Lab 110 of Pyongyang. Handball.") == []


def test_unless_reaches_aliases_and_short_rules(desk: Desk) -> None:
    """By the ids that they have: ID.alias and ID.1. Aliases stay aliases."""
    assert tagged(desk, "Centre of the Hundred and Ten, Unit 180, hockey") == ["lab-110.alias", "unit-180.1"]
    write_unless(desk, {"lab-110.alias": ["hockey"], "unit-180.1": ["hockey"]})
    assert tagged(desk, "Centre of the Hundred and Ten, Unit 180, hockey") == []
    assert tagged(desk, "Centre of the Hundred and Ten, Unit 180") == ["lab-110.alias", "unit-180.1"]
    entity = next(one for one in desk.config.watchlist.entities if one.id == "lab-110")
    assert entity.aliases["en"] == ("Centre of the Hundred and Ten",)


def test_unless_for_a_pack_and_an_entity_in_place(desk: Desk) -> None:
    """The same key stands in every element of the watch-list."""
    (desk.folder / "config.yaml").write_text(
        "watchlist:\n"
        "  - {pack: dprk-cyber, without: [yongbyon], unless: {lab-110.name: [wrestling]}}\n"
        "  - {id: office, name: Office, kind: organisation, rules: [Office 39], unless: {office.1: [stationery]}}\n",
        encoding="utf-8",
    )
    assert tagged(desk, "Lab 110 of Pyongyang. Office 39.") == ["lab-110.name", "office.1"]
    assert tagged(desk, "Wrestling at Lab 110, Pyongyang. Stationery for Office 39.") == []


def test_the_version_changes_only_when_unless_is_used(watchlist: Watchlist, desk: Desk) -> None:
    """Stored mentions need no retagging otherwise."""
    before = desk.config.watchlist.version
    write_unless(desk, {})
    assert desk.config.watchlist.version == before
    write_unless(desk, {"lab-110.name": ["wrestling"]})
    assert desk.config.watchlist.version != before
    assert watchlist.excluding([]).version == watchlist.version


@pytest.mark.parametrize(
    ("unless", "message"),
    [
        (
            {"lab-110.nam": ["x"]},
            "watchlist[0].unless.lab-110.nam: has no rule 'lab-110.nam'; did you mean lab-110.name?",
        ),
        (
            {"lab-110.name": "x"},
            "watchlist[0].unless.lab-110.name: is not a list of patterns; write [PATTERN, PATTERN]",
        ),
        ({"lab-110.name": []}, "watchlist[0].unless.lab-110.name: is not a list of patterns; write [PATTERN, PATTERN]"),
        ({"lab-110.name": {"feed": ["x"]}}, "unless knows sentence and item only, not 'feed'; rename it"),
        (
            {"lab-110.name": ["{none}"]},
            ".unless.lab-110.name: rule lab-110.name: there is no word list 'none'",
        ),
        (["x"], ".unless: is no list of rules; write {RULE: [PATTERN, PATTERN]}"),
    ],
)
def test_mistakes_name_file_line_and_key(desk: Desk, unless: Any, message: str) -> None:
    """One line says what is wrong."""
    write_unless(desk, unless)
    with pytest.raises(ConfigError) as caught:
        _ = desk.config
    (mistake,) = caught.value.mistakes
    assert message in str(mistake)
    assert mistake.key.startswith("watchlist[0].unless")
    assert mistake.path == desk.folder / "config.yaml"
    assert mistake.line is not None


def test_the_lines_to_write_join_what_stands_there(desk: Desk) -> None:
    """They are YAML that a configuration takes, with what the element has already."""
    write_unless(desk, {"lab-110.name": ["wrestling"], "unit-180.1": ["depot"]})
    exclusion = Exclusion(rule="lab-110.name", within="item", patterns=("레슬링",))
    lines = lines_for(desk.folder / "config.yaml", exclusion)
    assert yaml.safe_load(lines)["watchlist"] == [
        {
            "file": "watch.yaml",
            "unless": {"lab-110.name": {"sentence": ["wrestling"], "item": ["레슬링"]}, "unit-180.1": ["depot"]},
        }
    ]
    again = yaml.safe_load(lines_for(desk.folder / "config.yaml", exclusion.model_copy(update={"within": "sentence"})))
    assert again["watchlist"][0]["unless"]["lab-110.name"] == ["wrestling", "레슬링"]
    assert lines_for(desk.folder / "config.yaml", exclusion.model_copy(update={"rule": "gone"})) == ""
    assert "pack: dprk-cyber" in lines_for(desk.folder / "absent.yaml", exclusion)


# ---- the page


@pytest.fixture
def lesson(desk: Desk) -> str:
    """The address of the lesson of a wrong tag."""
    return f"/-/lesson/{desk.judge('A match', 'wrong_tag', text='Lab 110')}"


def test_the_page_proposes(desk: Desk, lesson: str) -> None:
    """The sentence with the mention marked, and proposals that can be chosen."""
    page = desk.get(lesson).text
    assert "Wrestlers of <mark>Lab 110</mark> won the final round" in page
    choices = re.findall(r'type="radio" name="pattern" value="([^"]+)"', page)
    assert "wrestlers" in choices
    assert 1 < len(choices) <= 5


def test_the_preview_needs_no_script(desk: Desk, lesson: str) -> None:
    """A plain address shows what is lost and gained, and what people said of it."""
    desk.judge("A theft", "relevant")
    page = desk.get(f"{lesson}?pattern=final+round&within=sentence").text
    assert "3 mentions lost</b>, <b>1 gained" in page
    assert '<b class="wrong">judged wrong</b>' in page
    assert '<b class="right">judged right</b>' in page
    assert "This would lose 1 mention that people found right." in page
    assert "people found right" not in desk.get(f"{lesson}?pattern=wrestlers").text


def test_what_is_no_pattern_is_said(desk: Desk, lesson: str) -> None:
    """One line, escaped."""
    page = html.unescape(desk.get(f"{lesson}?pattern=%7B<b>%7D").text)
    assert "This is no pattern: '{<b>}' is no element" in page
    assert "<b>}" not in desk.get(f"{lesson}?pattern=%7B<b>%7D").text


def test_saving_keeps_everything(desk: Desk, lesson: str) -> None:
    """The lesson, its regression case, and the lines that make the case pass."""
    desk.judge("A match", "relevant")
    answer = desk.post(lesson, {"pattern": "Wrestlers", "within": "sentence"})
    assert (answer.status_code, answer.headers["location"]) == (303, lesson)
    with desk.store as store:
        (row,) = store.db.table("lessons").rows
    assert (row["rule"], row["pattern"], row["within"], row["lost"], row["gained"], row["reviewer"]) == (
        "lab-110.name", "Wrestlers", "sentence", 1, 1, "ann"
    )  # fmt: skip
    assert row["sentence"] == SENTENCE
    assert (desk.folder / "regressions.jsonl").read_text(encoding="utf-8") == row["gold"] + "\n"
    case = json.loads(row["gold"])
    assert (case["labels"], case["judged"], case["title"], case["text"]) == ({}, ["lab-110"], "A match", SENTENCE)
    page = html.unescape(desk.get(lesson).text)
    assert f"watchfloor evaluate {desk.folder / 'regressions.jsonl'}" in page
    lines = re.search(r'<pre class="yaml"[^>]*><code>(.*?)</code>', page, re.DOTALL)
    assert lines is not None
    assert yaml.safe_load(lines[1])["watchlist"] == [{"file": "watch.yaml", "unless": {"lab-110.name": ["Wrestlers"]}}]


def test_the_case_fails_until_the_lesson_is_applied(desk: Desk, lesson: str) -> None:
    """Before, evaluate shows the wrong tag as spare; with both rules held back, nothing is."""
    desk.post(lesson, {"pattern": "wrestlers"})

    def spare() -> int:
        result = call("evaluate", "regressions.jsonl", "--json", cwd=desk.folder)
        return int(json.loads(result.stdout)["all"]["spare"])

    assert spare() == 1
    write_unless(desk, {"lab-110.name": ["wrestlers"], "lab-110.lab": ["wrestlers"]})
    assert spare() == 0


def test_a_lesson_is_kept_once(desk: Desk, lesson: str) -> None:
    """Saved twice it is one lesson and one case; with another pattern it is two, and still one case."""
    for pattern in ("wrestlers", "wrestlers", "won"):
        desk.post(lesson, {"pattern": pattern})
    with desk.store as store:
        assert [row["pattern"] for row in store.db.table("lessons").rows] == ["wrestlers", "won"]
    assert len((desk.folder / "regressions.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_nothing_is_saved_without_a_pattern(desk: Desk, lesson: str) -> None:
    """The page says so."""
    answer = desk.post(lesson, {"pattern": " "})
    assert "Nothing was saved" in answer.text
    assert not (desk.folder / "regressions.jsonl").exists()


def test_a_case_that_cannot_be_written_is_said(desk: Desk, lesson: str) -> None:
    """With the file's name and what to do."""
    (desk.folder / "regressions.jsonl").mkdir()
    assert "regressions.jsonl: the regression case cannot be written" in desk.post(lesson, {"pattern": "won"}).text


@pytest.mark.parametrize(("who", "status"), [("rob", 403), ("", 401)])
def test_only_reviewers_learn(desk: Desk, lesson: str, who: str, status: int) -> None:
    """Readers and strangers neither see the page nor save."""
    assert desk.get(lesson, who=who).status_code == status
    assert desk.post(lesson, {"pattern": "won"}, who=who).status_code == status
    with desk.store as store:
        assert store.db.table("lessons").count == 0


def test_only_a_wrong_tag_teaches(desk: Desk) -> None:
    """Another verdict, or none, has no such page."""
    assert desk.get(f"/-/lesson/{desk.judge('A theft', 'relevant')}").status_code == 404
    assert desk.get("/-/lesson/999").status_code == 404


def test_a_verdict_that_was_taken_back_teaches_nothing(desk: Desk, lesson: str) -> None:
    """The page says so and offers nothing."""
    with desk.store as store:
        store.review.undo([int(lesson.rpartition("/")[2])], reviewer="ann", now=desk.now)
    assert "was taken back" in desk.get(lesson).text
    desk.post(lesson, {"pattern": "won"})
    assert not (desk.folder / "regressions.jsonl").exists()


def test_a_mention_that_is_gone_still_teaches(desk: Desk, lesson: str) -> None:
    """The sentence is found in the item's text."""
    with desk.store as store:
        store.db.execute("DELETE FROM mentions WHERE rule = 'lab-110.name'")
        store.db.conn.commit()
    page = desk.get(lesson).text
    assert "Wrestlers of <mark>Lab 110</mark> won the final round" in page
    assert 'value="wrestlers"' in page


def test_a_rule_that_is_gone_has_nothing_to_learn(desk: Desk, lesson: str) -> None:
    """The page says which."""
    text = (desk.folder / "watch.yaml").read_text(encoding="utf-8").replace("id: lab-110.name", "id: lab-110.other")
    (desk.folder / "watch.yaml").write_text(text, encoding="utf-8")
    assert "no rule <code>lab-110.name</code> any more" in desk.get(lesson).text


def test_lessons_are_only_ever_added(desk: Desk, lesson: str) -> None:
    """The database refuses anything else."""
    desk.post(lesson, {"pattern": "won"})
    with desk.store as store:
        for change in ("DELETE FROM lessons", "UPDATE lessons SET pattern = 'x'"):
            with pytest.raises(store.db.conn.IntegrityError, match="only ever added"):
                store.db.execute(change)
