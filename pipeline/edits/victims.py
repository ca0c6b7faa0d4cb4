"""Who was robbed, hacked, spied on or attacked, by the words around a name. Pure; general rules, no list of victims.

A name is a run of capitalised words, a run of katakana, a word in Latin letters, or a name in Han or Hangul that ends
as organisations do (거래소, 은행, 銀行, 取引所, 交易所). It is a victim where its sentence says so in one of the ways
in which news says it in English, Korean, Chinese and Japanese: ``hacked X``, ``X was hacked``, ``stole ... from X``,
``X lost $41m``, ``breach of X``; ``X 해킹``, ``X에서 ... 탈취``; ``X遭``, ``从X盗走``; ``Xが攻撃され``, ``Xから流出``.
Who does it is none: of ``Lazarus hacked Bybit`` only Bybit.

These are hints for a reader who compares two versions of a text. They miss victims without a name, and are no proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pipeline import text
from pipeline.edits.amounts import amounts

# --- English

_CAP = r"(?:[A-Z][\w.&]{0,30}[\w&]|[A-Z]|[a-z][A-Z]\w{1,20})"
_NAME = rf"{_CAP}(?:(?: of the| of| &| de)? {_CAP}| \d{{1,3}}\b){{0,6}}"
_VERB = (
    "hack(?:ed|s)|breach(?:ed|es)|robbed|robs|attack(?:ed|s)|infiltrate[ds]|compromise[ds]|penetrate[ds]|raid(?:ed|s)"
    "|exploit(?:ed|s)|drain(?:ed|s)|loot(?:ed|s)|target(?:ed|s)|spied on|spies on|eavesdropped on|cripple[ds]|(?:broke"
    "|breaks|broken|hacked|hacks|hacking|breaking|got) into|hacking|robbing|attacking|breaching|looting|draining"
)
_DONE = (
    "hacked|breached|robbed|attacked|infiltrated|compromised|penetrated|raided|exploited|drained|looted|targeted|spied"
    " on|crippled|emptied|burgled|broken into|hit by (?:an? )?(?:\\w+ ){0,2}(?:hack|attack|cyber\\w*|breach|theft|heist"
    "|exploit|intrusion|ransomware)|the (?:target|victim) of"
)
_DEED = (
    "(?:hack|hacking|breach|heist|theft|robbery|cyber ?attack|attack|exploit|intrusion|raid|break in|burglary|espionage"
    "|hacks|thefts|attacks)"
)
_TAKE = (
    "stole|stolen|steal|steals|stealing|drained|siphoned|siphoning|looted|pilfered|swiped|took|taken|made off|absconded"
    "|exfiltrated|grabbed|robbed|theft|thefts|heist|missing|vanished|moved|withdrawn|transferred|withdrew"
)
_BE = r"(?:was|were|is|are|been|being|be|got|gets)(?: (?!not\b)\w+ly| also| again| once| reportedly){0,2}"
_NOUN = r"(?:the |an? |its |their |another )?"
_PLACE = r"(?:[A-Z]\w+ based |[A-Z]\w+ listed )"
#: A noun phrase: some words, of which the last name is the one meant.
_PHRASE = r"(?P<phrase>(?:[\w.&'$]+ ?){1,9})"
_ENDS = frozenset(
    "for in on by at with from to and or but as after before while when since over via through using who which that"
    " last this amid during because so then where than within about between under into of said says say was were is are"
    " has had have will would could may might saying, although though until earlier yesterday today two three"
    " four".split()
)
_SUFFERED = (
    r"(?:suffer(?:ed|s)?|report(?:ed|s)|confirm(?:ed|s)|disclose[ds]|admit(?:ted|s)|reveal(?:ed|s)|acknowledge[ds]"
    r"|detected)"
    rf" {_NOUN}(?:[\w$.,]+ ){{0,6}}?(?:hack|breach|heist|theft|robbery|cyber ?attack|exploit|intrusion|(?:suspicious "
    rf"|unusual"
    r" |abnormal )outflows?|unauthori[sz]ed (?:withdrawal|transfer|outflow|access)s?)\b"
)
_LOSES = r"(?:lost|loses|has lost|had lost|losing)(?: \w+){0,3}? (?=[\W\d]|tens|hundreds|millions|half)"
_TRADE = re.compile(
    r"market (?:value|cap)|shares?\b|quarter|profit|revenue|sales|valuation|bets?\b|lawsuit|investors|trading|paper",
    re.IGNORECASE,
)
_SANCTION = re.compile(r"sanction|designat|blacklist|OFAC|Treasury", re.IGNORECASE)
_BEFORE = rf"(?P<name>{_NAME})(?:'s? \w+(?: \w+)?)?(?:, [^,.;]{{3,60}},)? "
_PASSIVE_END = (
    r"(?= (?:for|by|in|on|via|through|after|amid|as|again|over|with|twice|last|this|during|late|early)\b|[,.;:!?]|$)"
)

_ENGLISH_OBJECT = [
    re.compile(pattern)
    for pattern in (
        rf"\b(?:{_VERB})\b {_NOUN}{_PLACE}?{_PHRASE}",
        rf"\b(?:{_TAKE})\b(?: [^\s;.]+(?:\.\d+)?){{0,12}}? (?:from|off|out of) {_NOUN}{_PLACE}?{_PHRASE}",
        rf"\b{_DEED}s? (?:of|at|on|against|into|targeting|attempt on) {_NOUN}{_PLACE}?{_PHRASE}",
        rf"\b(?:robbed|emptied|cleaned out|spying on|eavesdropping on) {_NOUN}{_PLACE}?{_PHRASE}",
    )
]
_ENGLISH_SUBJECT = [
    re.compile(pattern)
    for pattern in (
        rf"{_BEFORE}(?:has |have |had |may have |appears to have )?{_BE} (?:{_DONE})\b",
        rf"{_BEFORE.rstrip()} (?:hacked|breached|robbed|exploited|drained|looted|attacked|infiltrated){_PASSIVE_END}",
        rf"{_BEFORE}(?:has |have |had )?{_SUFFERED}",
        rf"(?P<name>{_NAME})(?:'s)? (?:crypto |cyber |data |bank |exchange |hot wallet |bridge ){{0,2}}(?:hack|heist"
        rf"|breach"
        r"|exploit|cyber ?attack|robbery|theft)\b(?! (?:group|team|gang|unit|ring|crew|tool|kit|campaign))",
    )
]
_ENGLISH_LOSS = re.compile(rf"{_BEFORE}(?:has |have |had )?{_LOSES}")
_DEMONYM = re.compile(
    r"(?:(?:North|South|East|West|Northern|Southern|US|U\.S\.|UK|EU|UN|American|Dutch|French|Greek|Swiss|Pyongyang|DPRK"
    r"|Seoul|[A-Z]\w*(?:ese|ish|ian|ean|can|ans))(?: |$))+"
)
#: Those who do it, and words that open a sentence.
_ACTORS = re.compile(
    r"(?:\b(?:Lazarus|Kimsuky|Andariel|BlueNoroff|Bluenoroff|TraderTraitor|Hackers?|Hacker|Group|Gang|Attackers?"
    r"|Thieves)\b|\bAPT ?\d|\b(?:Unit|Lab|Bureau|Office) \d|\bUNC\d)"
)
_NO_NAME = frozenset(
    "The A An In On At It They He She We But And Or If As After Before This That These Those How Why What When Who"
    " Crypto Cryptocurrency Bitcoin Ether Ethereum Bank Exchange Police Hackers Monday Tuesday Wednesday Thursday"
    " Friday Saturday Sunday January February March April May June July August September October November December"
    " Cyber Data Its Their Our Token Wallet Password Identity Update Breaking Major Massive New FBI CIA NSA I North"
    " South East West Internet Company".split()
)

# --- Korean, Chinese, Japanese

_LATIN = r"[A-Z][A-Za-z\d.&]{0,30}(?: [A-Z][A-Za-z\d.&]{0,30}){0,4}"
_KO_ORG = (
    "거래소|은행|증권|그룹|회사|대학교|대학|병원|연구원|연구소|공사|공단|방송|신문|전자|항공|재단|협회|중앙회|네트웍스"
    "|조선|중공업"
)
_KO = rf"(?P<name>{_LATIN}|[가-힣A-Za-z\d]{{1,12}}(?: ?[가-힣]{{0,4}}(?:{_KO_ORG}))?)"
_KO_SURE = rf"(?P<name>{_LATIN}|[가-힣A-Za-z\d]{{2,12}} ?(?:{_KO_ORG})|(?:[가-힣]{{2,6}}(?:[트썸드닷스빗콘원]|비트)))"
_KO_HIT = r"(?:해킹|공격|사이버 ?공격|침해)"
_KOREAN = [
    re.compile(pattern)
    for pattern in (
        rf"{_KO}(?:을|를) ?(?:[가-힣]+(?:게|로|히) )?{_KO_HIT}(?:했|한|하|해)",
        rf"{_KO}(?:을|를) (?:털|뚫|노렸|노린|겨냥)",
        rf"{_KO}(?:이|가|은|는|도) (?:[^.,]{{0,20}}? )?(?:{_KO_HIT}(?:을|를)? ?(?:당|받|입|됐|돼|되)|털렸|뚫렸)",
        rf"{_KO_SURE}(?:에서|으로부터|로부터)\b[^.]{{0,40}}?(?:탈취|빼돌|훔|빼냈|빼내|유출|도난|절취|해킹)",
        rf"{_KO_SURE},? (?:해킹|탈취|사이버 ?공격)(?! ?(?:조직|그룹|부대|단체|팀|공격을 (?:한|했)))",
        rf"{_KO}에 (?:대한|침입|침투)(?: (?:해킹|사이버 ?공격|공격)|해|한|했)",
    )
]
_KO_NO = re.compile(
    r"(?:북한|라자루스|김수키|안다리엘|중국|러시아|미국|한국|일본|국내|해외|서울|부산|정찰총국|정부|당국|대규모|이번"
    r"|지난|해커|조직|경찰|검찰|코인|가상자산|암호화폐|비트코인|이더리움|이곳|업체|피해|일부|최근|사이버|전산|계정|지갑"
    r"|서버|시스템|내부|외부|자금|이더)"
)
_ZH_ORG = (
    "交易所|交易平台|银行|銀行|公司|集团|集團|央行|大学|大學|医院|醫院|证券|證券|协会|協會|研究所|电视台|中央銀行|航空"
    "|基金会"
)
_ZH = rf"(?P<name>{_LATIN}|[\u4e00-\u9fff]{{2,10}}?(?:{_ZH_ORG}))"
_ZH_HIT = "黑客|骇客|駭客|攻击|攻擊|盗|盜|入侵|窃|竊|洗劫|黑(?!龙|海|色)|骇|駭|网攻"
_CHINESE = [
    re.compile(pattern)
    for pattern in (
        rf"{_ZH}(?:交易所|平台|公司|网站)?(?:[^，。；]{{0,8}}?)(?:被|遭到?|遭受|疑遭|又遭"
        rf"|再遭)[^，。；]{{0,10}}?(?:{_ZH_HIT})",
        rf"{_ZH}(?:交易所|平台)?(?:失窃|失竊|遇袭|遭窃)",
        rf"(?:从|從|自)(?:[^，。；]{{0,8}}?(?:交易所|平台|公司))?{_ZH}[^，。；]{{0,16}}?(?:盗|盜|窃|竊|偷|转走|轉走|劫"
        rf"|卷走)",
        rf"(?:攻击|攻擊|入侵|攻破|黑进|侵入|洗劫|盗取|窃取|盜取|竊取)了?(?:[^，。；]{{0,8}}?(?:交易所|平台"
        rf"|公司))?{_ZH}",
        rf"{_ZH}(?:交易所|平台)?(?:损失|損失)(?:了|约|約|超过|近)*[\d$]",
    )
]
_JA_ORG = "銀行|取引所|証券|大学|病院|株式会社|会社|省|庁|工業|電機|製作所|重工|協会|機構|放送|新聞|航空|研究所"
_JA = (
    rf"(?P<name>(?:[A-Z][A-Za-z\d]{{0,10}})?[\u30a1-\u30ff][\u30a0-\u30ff]{{1,24}}(?:{_JA_ORG})?|{_LATIN}"
    rf"|[\u4e00-\u9fff]{{2,8}}?(?:{_JA_ORG}))"
)
_JA_HIT = "(?:サイバー)?(?:攻撃|ハッキング|ハック|侵入|不正アクセス)"
_JAPANESE = [
    re.compile(pattern)
    for pattern in (
        rf"{_JA}(?:社|側)?(?:が|は|も)[^。]{{0,24}}?(?:{_JA_HIT}(?:を受け|され|に遭|の被害)|盗まれ|奪われ|狙われ"
        rf"|乗っ取られ)",
        rf"{_JA}(?:社)?(?:から|より)[^。]{{0,30}}?(?:盗|奪|流出|窃取|抜き取|持ち去)",
        rf"{_JA}(?:社)?(?:を|に){_JA_HIT}(?:し|す|を仕掛)",
        rf"{_JA}(?:社)?(?:への|に対する){_JA_HIT}",
        rf"{_JA}(?:社)?(?:を|の)?(?:狙った|標的にした){_JA_HIT}",
    )
]
_JA_NO = re.compile(
    r"^(?:ハッカー|ビットコイン|グループ|コンピューター|システム|サーバー|ラザルス|サイバー|ネットワーク|ウォレット"
    r"|データ|インターネット|ハッキング|イーサリアム|メール|ユーザー|アカウント|キムスキー|ウェブサイト|サイト|パソコン"
    r"|コイン|トークン|ドル)$"
)
#: Characters of a sentence that are looked at.
_LONGEST = 2000
_HANGUL, _KANA = re.compile("[가-힣]"), re.compile("[\u3041-\u30ff]")
_HAN = re.compile("[\u4e00-\u9fff]")
_ZH_NO = re.compile(r"(?:加密货币|中心化|去中心化|多家|一家|某)")
_ZH_LEAD = re.compile(r"^(?:昨日|今日|近日|日前|此前|去年|今年|据悉|韩国|朝鲜|黑客|的|了|在|是|有|和|与)+")


def victims(given: str) -> tuple[str, ...]:
    """The names of victims in ``given``, as written, each once, in the order of their first place."""
    plain = text.normalise(given)
    found: list[tuple[int, str]] = []
    for start, end in text.sentences(plain):
        sentence = plain[start : min(end, start + _LONGEST)].strip(" \n")
        if _HANGUL.search(sentence):
            hits = _spans(_KOREAN, sentence, _KO_NO.match)
        elif _KANA.search(sentence):
            hits = _spans(_JAPANESE, sentence, _JA_NO.search)
        elif _HAN.search(sentence):
            hits = _spans(_CHINESE, sentence, _ZH_NO.match)
        else:
            hits = _english(sentence)
        offset = plain.find(sentence, start)
        found.extend((offset + at, given[offset + at : offset + at + len(name)]) for at, name in hits)
    by_name: dict[str, str] = {}
    for _, name in sorted(found):
        by_name.setdefault(name.casefold(), name)
    return tuple(by_name.values())


def _spans(
    patterns: list[re.Pattern[str]], sentence: str, is_none: Callable[[str], object]
) -> Iterator[tuple[int, str]]:
    """Where a pattern of a script without capitals finds a name."""
    for pattern in patterns:
        for match in pattern.finditer(sentence):
            name, at = match["name"], match.start("name")
            if lead := _ZH_LEAD.match(name):
                name, at = name[lead.end() :], at + lead.end()
            if len(name) > 1 and not is_none(name) and not _ACTORS.search(name):
                yield at, name


def _english(sentence: str) -> Iterator[tuple[int, str]]:
    for pattern in _ENGLISH_OBJECT:
        for match in pattern.finditer(sentence):
            if match.group().startswith(("target", "breach")) and _SANCTION.search(sentence):
                continue
            if (found := _named_in(match["phrase"])) is not None:
                yield match.start("phrase") + found[0], found[1]
    for pattern in _ENGLISH_SUBJECT:
        for match in pattern.finditer(sentence):
            if (found := _usable(match["name"])) is not None:
                yield match.start("name") + found[0], found[1]
    for match in _ENGLISH_LOSS.finditer(sentence):
        rest = sentence[match.end() : match.end() + 80]
        is_money = any(amount.start <= 2 for amount in amounts(rest)) or re.match(
            r"[\d,.]+ (?:BTC|ETH|bitcoin|ether)", rest
        )
        if is_money and not _TRADE.search(sentence) and (found := _usable(match["name"])) is not None:
            yield match.start("name") + found[0], found[1]


def _named_in(phrase: str) -> tuple[int, str] | None:
    """The last name of a noun phrase, or the owner in it (``Sony's servers``), with its offset."""
    end, at = 0, 0
    for word in phrase.split(" "):
        if word in _ENDS:
            break
        at += len(word) + 1
        end = at - 1
        if word.endswith(("'s", "s'")) and word[:1].isupper():
            end -= 2 if word.endswith("'s") else 1
            break
        if word.endswith((".", ",")):
            break
    names = [
        (match.start() + found[0], found[1])
        for match in re.finditer(_NAME, phrase[:end])
        if (found := _usable(match.group())) is not None
    ]
    return names[-1] if names else None


def _usable(name: str) -> tuple[int, str] | None:
    """``name`` without words that are no part of it, with the offset of what is left; None when nothing is."""
    at = 0
    while name:
        first = name.split(" ", maxsplit=1)[0]
        demonym = _DEMONYM.match(name)
        if demonym and not re.match(r"(?:Bank|National|Central)", name[demonym.end() :]):
            cut = demonym.end()
        elif first in _NO_NAME and not (first in ("Bank", "North", "South") and " " in name):
            cut = len(first) + 1
        else:
            break
        name, at = name[cut:], at + cut
    if len(name) < 2 or _ACTORS.search(name) or name in _NO_NAME:
        return None
    return at, name.rstrip(".")
