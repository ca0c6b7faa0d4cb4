"""Edits: which changes are none, what differs between two versions, who a victim is."""

from __future__ import annotations

import time

import pytest

from pipeline.edits import Pair, are_edits
from pipeline.edits.amounts import amounts
from pipeline.edits.counters import settled
from pipeline.edits.differences import Piece, differences, pieces, shortened
from pipeline.edits.victims import victims
from pipeline.models import Mentioned, Said

#: Items on different things in four languages, each (title, two paragraphs).
NEWS = (
    (
        "Busan exchange halts withdrawals",
        "A trading platform in Busan lost ether overnight.",
        "Police visited its office.",
    ),
    ("Parliament passes budget", "Lawmakers in Seoul agreed on spending for schools.", "The vote was close."),
    ("Storm nears Jeju", "Ferries stay in port as winds grow.", "Schools will close on Friday."),
    ("검찰, 대북 송금 수사 확대", "검찰이 송금 의혹에 대한 수사를 확대하고 있다.", "관련자들은 혐의를 부인했다."),
    ("台风逼近上海", "气象部门发布橙色预警。", "多个航班取消。"),
    ("台風が九州に接近", "気象庁は大雨への警戒を呼びかけた。", "新幹線は運転を見合わせる。"),
)


def said(number: int, *more: str, lead: str = "", title: str = "") -> Said:
    headline, *paragraphs = NEWS[number]
    return Said(title or headline, lead, "\n".join([*paragraphs, *more]))


def judged(*lines: tuple[str, str], known: int | None = None) -> list[bool]:
    """Whether items are edits whose last paragraph goes from one text to the other (an empty one is none)."""
    pairs = [
        Pair(said(number, *filter(None, [old])), said(number, *filter(None, [new])))
        for number, (old, new) in enumerate(lines)
    ]
    return are_edits(pairs, known or len(pairs))


def everywhere(old: str, new: str) -> list[bool]:
    return judged(*[(old, new)] * len(NEWS))


# --- counters and clocks: not edits, even of one item alone

TOUCHES = [
    ("1,234 views", "1,301 views"),
    ("Views: 1.2K | 12 Comments", "Views: 1.3K | 15 Comments"),
    ("No comments yet", "1 comment"),
    ("12 likes · 3 shares", "13 likes · 4 shares"),
    ("This post has been viewed 1,204 times.", "This post has been viewed 1,377 times."),
    ("4 min read", "5 min read"),
    ("Points: 123", "Points: 140"),
    ("Posted 3 hours ago by Kim", "Posted 5 hours ago by Kim"),
    ("just now", "2 minutes ago"),
    ("Last updated: 3 May 2026, 10:15 GMT", "Last updated: 3 May 2026, 11:40 GMT"),
    (
        "The list, last updated on 3 May 2026, names five firms.",
        "The list, last updated on 4 May 2026, names five firms.",
    ),
    ("Police asked for 2 &amp; got 1", "Police asked for 2 & got 1"),
    ("Police  said nothing", "Police said nothing"),
    ("It is “over”", 'It is "over"'),
    ("조회 1,234 댓글 12개", "조회 1,240 댓글 13개"),
    ("조회수 1,234회 · 추천 5", "조회수 1,300회 · 추천 9"),
    ("3시간 전 | 홍길동 기자", "5시간 전 | 홍길동 기자"),
    ("최종수정 2026.11.23 12:30", "최종수정 2026.11.23 13:30"),
    ("閲覧数：123 コメント 12件", "閲覧数：130 コメント 14件"),
    ("3時間前", "4時間前"),
    ("最終更新 2026/11/23 10:15", "最終更新 2026/11/23 11:15"),
    ("阅读 1.2万 评论(5)", "阅读 1.3万 评论(8)"),
    ("浏览量：88次", "浏览量：99次"),
    ("5分钟前", "9分钟前"),
    ("更新时间：2026年11月23日 10:15", "更新时间：2026年11月23日 12:15"),
]


@pytest.mark.parametrize(("old", "new"), TOUCHES, ids=[old for old, _ in TOUCHES])
def test_counts_and_clocks_are_no_edit(old: str, new: str) -> None:
    """A counter, a time told from now, a stamp of the last update, white space or another form of a quotation mark."""
    assert judged((old, new)) == [False]


#: One item alone says something else.
EDITS = [
    ("The thieves took $41 million.", "The thieves took $43 million."),
    ("The regulator received 1,200 comments on the draft.", "The regulator received 2,200 comments on the draft."),
    ("Police updated 12 files.", "Police updated 15 files."),
    ("Police updated 1,200 files.", "Police updated 2,200 files."),
    ("He was jailed 9 years ago.", "He was jailed 10 years ago."),
    ("The fund lost 5% of its value.", "The fund lost -5% of its value."),
    ("", "The chief executive has resigned."),
    ("The chief executive has resigned.", ""),
    ("Advertisement: fly to Osaka with Kumo Air", "Advertisement: eat at Nori House"),
    ("피해액은 580억 원이다.", "피해액은 590억 원이다."),
    ("被盗金额为15亿美元。", "被盗金额为14亿美元。"),
    ("被害額は482億円とみられる。", "被害額は490億円とみられる。"),
]


@pytest.mark.parametrize(("old", "new"), EDITS, ids=[old or new for old, new in EDITS])
def test_a_change_of_one_item_is_an_edit(old: str, new: str) -> None:
    """What a counter is not is an edit; so is an advert that changes once in one item, as nothing tells it apart."""
    assert judged((old, new), known=5) == [True]


#: The same paragraph in every item changes in all of them, and is an advert, a box or a list.
BOXES = [
    ("Fly to Osaka with Kumo Air", "Nori House, the taste of home"),
    ("Advertisement: fly to Osaka with Kumo Air", "Advertisement: fly to Tokyo with Kumo Air"),
    ("Subscribe to our newsletter for $9 a month", "Subscribe to our newsletter for $5 a month"),
    ("", "Join our channel and never miss a story"),
    ("Related stories: Rain in Daegu; A cat in the cabinet", "Related stories: A cat in the cabinet; Snow in Wonju"),
    ("Mattresses from Dreamland, now with springs", ""),
    ("[광고] 제주 항공권 특가", "[광고] 부산 호텔 특가"),
    ("관련기사: 대구에 비", "관련기사: 원주에 눈"),
    ("여름 매트리스 반값", "겨울 난로 모음전"),
    ("広告：夏のマットレス", "広告：冬のストーブ"),
    ("関連記事：大邱で雨", "関連記事：原州で雪"),
    ("广告：夏季床垫半价", "广告：冬季暖炉"),
    ("相关阅读：大邱下雨", "相关阅读：原州下雪"),
    ("点击下载客户端", "扫码关注我们"),
]


@pytest.mark.parametrize(("old", "new"), BOXES, ids=[old or new for old, new in BOXES])
def test_a_box_that_changes_everywhere_is_no_edit(old: str, new: str) -> None:
    """An advert, a box or a list of links with the same text in several items, exchanged in all of them."""
    assert not any(everywhere(old, new))


#: The same paragraph changes in every item, and says something.
FACTS = [
    ("The thieves took $41 million, the ministry says.", "The thieves took $43 million, the ministry says."),
    ("The ministry has revised the loss to 4,502 BTC.", "The ministry has revised the loss to 4,602 BTC."),
    ("The firm is called Hanbit.", "The firm is called Hansol."),
    ("", "Correction: an earlier version of this report misnamed the firm."),
    ("", "Hackers stole coins from Upbit, the ministry says."),
    ("Nothing was taken.", "Bybit was hacked."),
    ("교육부는 피해액이 580억 원이라고 밝혔다.", "교육부는 피해액이 590억 원이라고 밝혔다."),
    ("", "바로잡습니다: 회사 이름이 틀렸습니다."),
    ("被盗金额为15亿美元，该部表示。", "被盗金额为14亿美元，该部表示。"),
    ("", "更正：公司名称有误。"),
    ("被害額は482億円とみられる。", "被害額は490億円とみられる。"),
    ("", "訂正：社名に誤りがありました。"),
]


@pytest.mark.parametrize(("old", "new"), FACTS, ids=[old or new for old, new in FACTS])
def test_a_fact_that_a_feed_corrects_everywhere_is_an_edit(old: str, new: str) -> None:
    """An amount, a name, a correction or a victim in every item: each item is edited."""
    assert all(everywhere(old, new))


def test_an_advert_of_each_items_own_is_no_edit() -> None:
    """A rotating slot at the same place of most items, with another text in each."""
    adverts = ["Kumo Air to Osaka", "Nori House", "Dreamland beds", "Taka shoes", "Miru tea", "Pogi toys"]
    assert not any(judged(*zip(adverts, adverts[1:] + adverts[:1], strict=True)))


def test_two_items_of_many_that_change_at_one_place_are_edits() -> None:
    """A place is furniture only where most items change."""
    assert all(judged(("Kumo Air to Osaka", "Nori House"), ("Dreamland beds", "Taka shoes"), known=6))


def test_a_real_edit_beside_a_changing_advert_is_an_edit() -> None:
    """Of all the items whose advert changes only the one is edited whose text changes."""
    pairs = [Pair(said(n, "Fly with Kumo Air"), said(n, "Eat at Nori House")) for n in range(6)]
    edited = said(0, "Eat at Nori House")
    content = edited.content.replace("its office", "its office and took a computer")
    pairs[0] = Pair(pairs[0].old, Said(edited.title, "", content))
    assert are_edits(pairs, 6) == [True, False, False, False, False, False]


def test_a_line_that_replaces_news_is_an_edit_though_all_items_change() -> None:
    """What is taken out of one item alone counts, whatever comes in its place everywhere."""
    pairs = [Pair(said(n, "Fly with Kumo Air"), said(n, "Eat at Nori House")) for n in range(6)]
    pairs[1] = Pair(said(1, "The minister of schools resigned over the vote."), said(1, "Eat at Nori House"))
    assert are_edits(pairs, 6) == [False, True, False, False, False, False]


def test_a_title_is_never_furniture() -> None:
    """The same new words in all titles are edits, but for a number of comments behind them."""
    assert all(are_edits([Pair(said(n, title="Live"), said(n, title="Closed")) for n in range(6)], 6))
    counted = [Pair(said(n, title=f"{NEWS[n][0]} [{n}]"), said(n, title=f"{NEWS[n][0]} [{n + 9}]")) for n in range(6)]
    assert not any(are_edits(counted, 6))


def test_a_mention_in_a_box_is_an_edit() -> None:
    """A box that speaks of what is watched has weight, unless it is the headline of another item."""
    mention = (Mentioned("lab-110", "content", 0, 7, "Lab 110", "lab-110.name"),)
    line = "Read more: Lab 110 seen again"
    pairs = [Pair(said(n, "Read more: Rain"), Said(*_fields(said(n, line)), mentions=mention)) for n in range(6)]
    assert all(are_edits(pairs, 6))
    assert not any(are_edits(pairs, 6, ["Lab 110 seen again"]))


def _fields(one: Said) -> tuple[str, str, str]:
    return one.title, one.summary, one.content


def test_a_slot_that_changes_again_and_again_makes_one_version() -> None:
    """A feed of one item with a rotating advert: after its first version the place is known."""
    first, second, third = (said(0, advert) for advert in ("Kumo Air to Jeju", "Nori House", "Dreamland beds"))
    assert are_edits([Pair(first, second)], 1) == [True]
    assert are_edits([Pair(second, third, before=first)], 1) == [False]


def test_a_story_that_is_updated_again_and_again_is_edited_each_time() -> None:
    """The same place with news in it: what it says is told of in the rest, or holds an amount."""
    first, second, third = (
        said(0, more)
        for more in ("Customers wait.", "The exchange opens withdrawals again.", "Its owners paid $3 million.")
    )
    assert are_edits([Pair(second, third, before=first)], 1) == [True]
    assert are_edits([Pair(first, second, before=third)], 1) == [True]


def test_titles_count_even_where_they_read_like_adverts() -> None:
    """What would be a box below the text is an edit in a title."""
    assert all(are_edits([Pair(said(n, title="Subscribe to us"), said(n, title="Subscribe now")) for n in range(6)], 6))


def test_a_line_that_another_item_keeps_is_no_box() -> None:
    """A line that goes from two items and stays in a third did not change everywhere."""
    pairs = [Pair(said(n, "Fly with Kumo Air"), said(n)) for n in range(2)]
    assert are_edits(pairs, 20) == [False, False]
    pairs.append(Pair(said(2, "Fly with Kumo Air"), said(2, "Fly with Kumo Air", "Roads are closed.")))
    assert are_edits(pairs, 20) == [True, True, True]


def test_a_lead_that_changes_in_most_items_is_an_edit() -> None:
    """What stands first is the news, though each item has another one."""
    words = ("Kumo Air", "Nori House", "Dreamland", "Taka", "Miru", "Pogi")
    pairs = [
        Pair(Said(NEWS[n][0], "", f"{words[n]}\nstays"), Said(NEWS[n][0], "", f"{words[n - 1]}\nstays"))
        for n in range(6)
    ]
    assert all(are_edits(pairs, 6))


def test_an_items_only_text_is_no_box() -> None:
    """Where nothing else is left of the text, what is exchanged everywhere is an edit."""
    pairs = [Pair(Said(NEWS[n][0], "", "Doors open"), Said(NEWS[n][0], "", "Gates shut")) for n in range(6)]
    assert all(are_edits(pairs, 6))


def test_an_amount_in_a_slot_is_an_edit() -> None:
    """A slot that changes again in one item alone counts where it names an amount."""
    first, second, third = (said(0, slot) for slot in ("Kumo Air to Jeju", "Nori House", "Bail set at $3 million"))
    assert are_edits([Pair(second, third, before=first)], 1) == [True]


def test_hostile_texts_take_no_long_time() -> None:
    """Endless digits, capitals, katakana, lines and dates are read in proportion to their length."""
    hostile = [
        "1" * 100_000, "updated 1 1 1 " * 5_000, "A" * 100_000, "Aa " * 30_000, "カ" * 100_000, "hacked " * 20_000,
        "\n".join(map(str, range(20_000))), "stole from " * 10_000, "1,1." * 30_000, "가" * 100_000, "攻击" * 50_000,
    ]  # fmt: skip
    started = time.process_time()
    for text in hostile:
        one = Said("Title", "", text)
        other = Said("Title", "", text[1:] + "\nmore")
        are_edits([Pair(one, other, before=other), Pair(other, one)], 2)
        differences(one, other)
    assert time.process_time() - started < 30


def test_no_text_at_all_is_no_trouble() -> None:
    """Empty items, and items that lose or gain all they say."""
    assert are_edits([Pair(Said(), Said())], 1) == [False]
    assert are_edits([Pair(Said(), said(0)), Pair(said(1), Said())], 2) == [True, True]
    assert are_edits([], 0) == []


def test_settled_keeps_what_is_news() -> None:
    """Numbers in sentences stay as they are."""
    for line in (
        "Lab 110 stole 1,200 ETH.",
        "In 2016 the group took $81 million.",
        "Unit 180",
        "May 3: 12 readers attacked",
    ):
        assert settled(line) == line


# --- victims

VICTIMS = [
    ("Lazarus hacked Bybit.", ["Bybit"]),
    ("North Korean hackers stole $41 million in ether from Upbit, police said.", ["Upbit"]),
    ("The FBI said Lazarus Group stole $1.5 billion from the Dubai-based exchange Bybit.", ["Bybit"]),
    ("Bybit was hacked in February.", ["Bybit"]),
    ("Upbit hacked for $36 million", ["Upbit"]),
    ("Ronin Network lost $620 million to hackers.", ["Ronin Network"]),
    ("The breach of Sony Pictures came after a film.", ["Sony Pictures"]),
    ("The group hacked Sony's servers.", ["Sony"]),
    ("Hackers broke into Bangladesh Bank in 2016.", ["Bangladesh Bank"]),
    ("Kimsuky spied on Daewoo Shipbuilding for two years.", ["Daewoo Shipbuilding"]),
    ("WazirX, an Indian exchange, was robbed of $230 million.", ["WazirX"]),
    ("South Korean exchange Upbit suffers hot-wallet hack", ["Upbit"]),
    ("FBI blames Lazarus for Harmony bridge hack", ["Harmony"]),
    ("북한 해커들이 업비트에서 580억 원 상당의 이더리움을 탈취했다.", ["업비트"]),
    ("업비트 해킹, 북한 소행", ["업비트"]),
    ("라자루스가 빗썸을 해킹했다.", ["빗썸"]),
    ("방글라데시 중앙은행이 해킹을 당했다.", ["방글라데시 중앙은행"]),
    ("대우조선이 북한의 해킹 공격을 받았다.", ["대우조선"]),
    ("Bybit遭朝鲜黑客攻击，损失15亿美元。", ["Bybit"]),
    ("黑客从韩国交易所Upbit盗走价值4100万美元的以太币。", ["Upbit"]),
    ("朝鲜黑客攻击了孟加拉国银行。", ["孟加拉国银行"]),
    ("孟加拉国央行被盗8100万美元。", ["孟加拉国央行"]),
    ("コインチェックが攻撃され、580億円が流出した。", ["コインチェック"]),
    ("ラザルスがコインチェックを攻撃した。", ["コインチェック"]),
    ("北朝鮮のハッカーがDMMビットコインから482億円を盗んだ。", ["DMMビットコイン"]),
    ("三菱電機が不正アクセスを受けた。", ["三菱電機"]),
    # no victims
    ("Apple lost $41 billion in market value.", []),
    ("OFAC sanctioned Tornado Cash.", []),
    ("Treasury targets Sinbad mixer used by North Korea", []),
    ("Police raided an office in Busan.", []),
    ("Unit 180 hackers train in Pyongyang.", []),
    ("Bybit was not hacked, its chief said.", []),
    ("Hackers linked to North Korea hacked South Korean banks.", []),
    ("Lazarus Group stole funds from March to June.", []),
    ("북한 해킹 조직이 서울에서 활동했다.", []),
    ("정부는 북한 해킹에 대응한다.", []),
    ("美国制裁朝鲜银行家。", []),
    ("美国财政部制裁了朝鲜黑客组织。", []),
    ("北朝鮮のハッカー集団は平壌にある。", []),
    ("警察はハッカーを逮捕した。", []),
]


@pytest.mark.parametrize(("sentence", "names"), VICTIMS, ids=[sentence for sentence, _ in VICTIMS])
def test_a_victim_is_who_was_robbed_or_hacked(sentence: str, names: list[str]) -> None:
    """The one to whom it was done, never the one who did it, nor anybody of whom nothing of the kind is said."""
    assert list(victims(sentence)) == names


# --- amounts


def test_amounts_are_compared_by_value() -> None:
    """Ways to write one amount are one; another number or currency is another."""
    same = ["$41m", "US$41 million", "41 million dollars", "4100만 달러", "4,100万ドル", "$41,000,000", "4100万美元"]
    one, *others = [amounts(f"They took {written} away")[0] for written in same]
    assert all(one.is_same(other) for other in others)
    for written in ("$42m", "€41m", "$41 billion", "410万ドル", "millions of dollars"):
        assert not one.is_same(amounts(written)[0])


# --- differences


def test_pieces_give_back_both_texts() -> None:
    """All but the added is the old text, all but the removed the new one; in any script."""
    pairs = [
        ("The thieves took $41 million from Upbit.", "The thieves took $43 million from Bithumb, police say."),
        ("업비트가 해킹을 당했다. 피해액은 580억 원이다.", "빗썸이 해킹을 당했다. 피해액은 590억 원이다."),
        ("コインチェックが攻撃され、580億円が流出した。", "コインチェックが狙われ、590億円が盗まれた。"),
        ("孟加拉国央行被盗8100万美元。", "越南一家银行被盗8200万美元。"),
        ("", "New"),
        ("a\nb\nc", "a\nc"),
    ]
    for old, new in pairs:
        found = pieces(old, new)
        assert "".join(piece.text for piece in found if piece.kind != "added") == old
        assert "".join(piece.text for piece in found if piece.kind != "removed") == new


def shown(old: str, new: str) -> str:
    marks = {"kept": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return "".join(marks[piece.kind].format(piece.text) for piece in pieces(old, new))


def test_a_difference_is_told_in_words() -> None:
    """Whole words change; what little stays between two changes goes with them."""
    assert shown("It took $41 million.", "It took $43 million.") == "It took [-$41-]{+$43+} million."
    assert shown("업비트가 해킹당했다", "빗썸이 해킹당했다") == "[-업비트가-]{+빗썸이+} 해킹당했다"
    assert shown("孟加拉国央行被盗", "越南一家银行被盗") == "[-孟加拉国央-]{+越南一家银+}行被盗"
    assert (
        shown("one two a three four.", "five six a seven eight.")
        == "[-one two a three four-]{+five six a seven eight+}."
    )


def test_long_unchanged_stretches_are_shortened() -> None:
    """Only what stands near a change is left of a long text."""
    filler = "nothing to see here " * 50
    found = list(shortened(pieces(f"{filler}41{filler}", f"{filler}43{filler}")))
    assert [piece.kind for piece in found] == ["kept", "removed", "added", "kept"]
    assert all(len(piece.text) < 100 for piece in found)
    assert found[0].text.startswith("… ")
    assert found[-1].text.endswith(" …")
    assert next(shortened([Piece("kept", "short"), Piece("added", "x")])).text == "short"


def test_marks_tell_what_came_and_went() -> None:
    """Mentions by entity with rule and sentence, victims and amounts as written."""
    old = Said("Theft", "", "Lab 110 did it. Hackers stole $41m from Upbit.",
               (Mentioned("lab-110", "content", 0, 7, "Lab 110", "lab-110.name"),))  # fmt: skip
    new = Said("Theft", "", "Hackers stole $41 million, or 60 billion won, from Bithumb.", ())
    found = differences(old, new)
    assert list(found.fields) == ["content"]
    marks = [(mark.what, mark.is_new, mark.name) for mark in found.marks]
    assert marks == [
        ("mention", False, "lab-110"),
        ("victim", False, "Upbit"),
        ("victim", True, "Bithumb"),
        ("amount", True, "60 billion won"),
    ]
    assert (found.marks[0].rule, found.marks[0].sentence) == ("lab-110.name", "Lab 110 did it.")


def test_mentions_that_were_not_kept_are_not_compared() -> None:
    """A version of an earlier release has no mentions: nothing is said to be new."""
    mention = Mentioned("lab-110", "title", 0, 7, "Lab 110", "lab-110.name")
    assert differences(Said("Lab 110"), Said("Lab 110!", mentions=(mention,))).marks == ()
