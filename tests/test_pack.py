"""The pack dprk-cyber: what it finds, what it leaves alone, and how well it does on the development set."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.evaluation import Evaluation, evaluate, read_gold
from pipeline.language import detect
from pipeline.models import Document
from pipeline.tag import Tagger
from pipeline.watchlist import Watchlist, load_pack

CORE = ("unit-180", "lab-110", "sanctions", "crypto-theft")
LABELLED = (
    *CORE,
    *("unit-121", "unit-91", "rgb", "lazarus-group", "apt38", "andariel", "kimsuky", "kim-jong-un", "yongbyon"),
    *("sanctions-evasion", "crypto-laundering", "bank-cyber-theft"),
)
ACTS = ("cyber-espionage", "infrastructure-attack", "revenge-attack")
GOLD = Path(__file__).parent / "fixtures" / "gold"
DEVELOPMENT_SET = Path(__file__).resolve().parents[2] / "shared" / "gold" / "dev.jsonl"

# Written for this test. Each line: the entities that must be found (and no other of LABELLED), then the text.
FOUND = """
unit-180 | A defector said Unit-180 of the North Korean spy service lives off cards and coins
unit-180 rgb | 정찰총국 산하 180부대가 활동을 늘렸다
unit-180 | 朝鲜180部队派员前往东南亚
unit-180 | Подразделение 180 спецслужб КНДР состоит из пятисот хакеров
unit-180 | La Unidad 180 de Corea del Norte recluta a matemáticos
unit-180 | Die nordkoreanische Einheit 180 wirbt Schüler an
unit-180 | UNIT 180, Pyongyang's money-making hackers, moved to Dandong
unit-180 | Hackers of North Korea's Unit 180 are wanted by police
unit-180 | North Korean Unit 180 hackers live in rented flats
unit-121 | Hackers of Unit 121 rented apartments in Shenyang, a North Korean defector said
rgb | The RGB, led by a general, runs North Korea's hackers
lazarus-group | Lazarus posed as a church charity to spread malware
andariel | Andariel has been busy in South Korea
lab-110 | The programmer was trained at Lab. 110, a North Korean hacking office
lab-110 | The 110th Research Center works for Pyongyang, officials said
lab-110 | 북한 110호 연구소가 배후로 지목됐다
lab-110 | The malware was built at Lab110, according to the DPRK defector
unit-121 | North Korea's Bureau 121 opened a new office
unit-121 | 북한 121국 소속 요원이 체포됐다
unit-91 | Office 91 of the North Korean army wanted turbine drawings
rgb | The General Reconnaissance Bureau was reorganised last autumn
rgb | In Pyongyang the RGB answers to one man only
rgb | 정찰총국이 새 부대를 만들었다
rgb | 偵察総局の幹部が交代した
rgb | Приказ отдали в Генеральном разведывательном бюро
lazarus-group | Lazarus Group’s newest malware hides in a font
lazarus-group | Researchers tie the backdoor to Hidden Cobra
lazarus-group | 라자루스가 악성코드를 유포했다
lazarus-group | Хакеры из Lazarus атаковали оборонный завод
apt38 | BlueNoroff sets up fake investment funds
apt38 | The file server was used by APT-38
andariel | Andariel hackers broke into a shipyard
andariel | Onyx Sleet reused an old loader
andariel | Microsoft tracks the threat actor as PLUTONIUM
kimsuky | APT 43 wrote to think tanks again
kimsuky | 김수키가 교수에게 메일을 보냈다
kim-jong-un | Kim Jong-un visited a dairy farm
kim-jong-un | 김정은의 전용 열차가 출발했다
kim-jong-un | Поезд Ким Чен Ына прибыл утром
kim-jong-un | 金正恩は工場を視察した
kim-jong-un | North Korean leader Kim inspected the rocket
yongbyon | Steam was seen over the Yongbyon reactor
yongbyon | 영변에 새 건물이 들어섰다
sanctions | The U.S. imposed sanctions on two Russian banks on Monday
sanctions | Treasury sanctioned four individuals for the missile trade
sanctions | OFAC designated the shipping company under an executive order
sanctions | Two more oligarchs were put on the SDN list
sanctions | Brussels agreed on an asset freeze for three ministers
sanctions | Washington blacklisted the chip maker
sanctions | The Security Council tightened an arms embargo against Libya
sanctions | Japan lifts sanctions after talks
sanctions | 유엔 안보리가 대북 제재를 논의했다
sanctions | 欧盟宣布对俄罗斯实施新一轮制裁
sanctions | 政府は独自制裁を延長した
sanctions | США ввели новые санкции против нефтяных компаний
sanctions | La UE impone nuevas sanciones a Bielorrusia
sanctions | Die EU verhängt neue Sanktionen gegen Iran
sanctions | L'Union européenne adopte des sanctions contre Minsk
sanctions sanctions-evasion | Tankers are skirting UN sanctions at night, monitors say
sanctions sanctions-evasion | A sanctions-busting network was broken up
sanctions sanctions-evasion | 업체들이 대북 제재를 회피했다
crypto-theft | Hackers stole $41m in bitcoin from a small exchange
crypto-theft | Thieves drained 4,502.9 BTC from the firm's wallets
crypto-theft | The bridge was exploited for $12 million in ether
crypto-theft | Bybit hack: investigators follow the trail
crypto-theft | $1.5bn Bybit heist was the largest so far
crypto-theft | Attackers siphoned off US$81 million worth of cryptocurrency
crypto-theft | The DeFi protocol lost $9 million after an exploit
crypto-theft | Exchange reports unauthorised withdrawals from its crypto hot wallets
crypto-theft | FBI blames North Korea for a crypto heist
crypto-theft | Attempted theft of 300 million dollars in stablecoins failed
crypto-theft | 해커들이 거래소에서 비트코인을 훔쳤다
crypto-theft | 黑客从交易所盗走价值3000万美元的以太坊
crypto-theft | 取引所から仮想通貨580億円が流出した
crypto-theft | Хакеры похитили биткоины на 20 млн долларов
crypto-theft | Ladrones robaron bitcoins por 5 millones de dólares
crypto-theft | Hacker erbeuteten Bitcoin im Wert von 3 Millionen Euro, die Coins wurden gestohlen
crypto-laundering crypto-theft | The group laundered $60 million in stolen ether through Tornado Cash
crypto-laundering sanctions | OFAC sanctioned the bitcoin mixer Sinbad.io
crypto-laundering crypto-theft | Chain-hopping hid the stolen bitcoin
bank-cyber-theft | Hackers stole $81 million from Bangladesh Bank with forged SWIFT orders
bank-cyber-theft | FASTCash malware empties cash machines
bank-cyber-theft | Malware helped the gang to steal 13 million dollars from banks
"""

TRAPS = """
Storage unit 180 was auctioned after unpaid rent
North Korea film night at Unit 180, Harbour Plaza: two bedrooms for rent upstairs
Police Unit 180 answered the call
Test: Andariel-Gehäuse mit RGB
Hackers' club meets in Unit 180 of the business park
Students of Lab 110 at Lincoln High dissected frogs
Hezbollah's Unit 121 killed him, the tribunal heard; Iran's hackers were not involved
Unit 91 is for sale, parking included
A keyboard with RGB lighting and a quiet fan
LED RGB strips from a North Korea fan shop
Emma Lazarus wrote the sonnet
Jesus raised Lazarus from the tomb, and the hackers of the soul wept
Lazarus Group sells Ford and Mazda bakkies in Centurion
Diablo players hacked the game and killed Andariel
Plutonium was found near the reactor, hackers joked
Zinc prices rose on Monday
Thallium poisoning killed two spies
Springtail counts tell hackers of compost how healthy the soil is
Stonefly nymphs are good trout bait
The federation sanctioned the race
A sanctioned event needs a permit
The NCAA announced sanctions against the football team
The judge imposed sanctions on the lawyer
The club must pay after UEFA sanctions
The board sanctioned the use of the new hall
Обыск прошёл с санкции суда
구단에 제재금이 부과됐다
Cryptojackers mined Monero on school servers
A widow lost $300,000 in a pig-butchering scam that promised bitcoin profits
Bitcoin fell 6% and ether lost $10 billion in market value
The hospital paid a ransom of 50 bitcoin
Stolen credit card data sold for bitcoin on a forum
Hackers stole files from Microsoft Exchange servers
Burglars took rare coins from the museum
The casino laundered cash for a cartel
A new mixer for concrete and a stand mixer were sold
Two men robbed a bank branch at gunpoint
Kim Clijsters won in Melbourne
Kim Yo Jong mocked Seoul
He evaded taxes for years
The company skirts the ban on plastic bags
Mini-skirts are back, as are flares
""".strip().splitlines()


@pytest.fixture(scope="session")
def pack() -> Watchlist:
    return load_pack("dprk-cyber")


@pytest.fixture(scope="session")
def tagger(pack: Watchlist) -> Tagger:
    return Tagger(pack)


def found(tagger: Tagger, title: str, text: str = "") -> set[str]:
    (mentions,) = tagger.tag([Document({"title": title, "text": text})])
    return {mention.entity_id for mention in mentions} - set(ACTS)


def acts(tagger: Tagger, text: str) -> set[str]:
    (mentions,) = tagger.tag([Document({"text": text})])
    return {mention.entity_id for mention in mentions} & set(ACTS)


def test_every_required_entity_is_there(pack: Watchlist) -> None:
    """The pack watches the sixteen labelled entities and the three acts."""
    assert {entity.id for entity in pack.entities} >= {*LABELLED, *ACTS}


def test_every_entity_says_what_it_is(pack: Watchlist) -> None:
    """Each entity has a one-line description."""
    assert all(entity.description and "\n" not in entity.description for entity in pack.entities)


def test_every_rule_belongs_by_name(pack: Watchlist) -> None:
    """A rule's id begins with its entity's id, so that an analyst knows where to look."""
    strays = [r.id for entity in pack.entities for r in entity.rules if not r.id.startswith(entity.id + ".")]
    assert strays == []


@pytest.mark.parametrize("line", FOUND.strip().splitlines())
def test_finds(tagger: Tagger, line: str) -> None:
    """News wording is tagged with exactly the entities that it mentions."""
    wanted, text = line.split(" | ", 1)
    assert found(tagger, text) == set(wanted.split())


@pytest.mark.parametrize("line", TRAPS)
def test_leaves_alone(tagger: Tagger, line: str) -> None:
    """A look-alike is not tagged, in the title or in the text."""
    assert found(tagger, line) == set()
    assert found(tagger, "Monday's notes", line) == set()


def test_surname_counts_after_full_name(tagger: Tagger) -> None:
    """'Kim' is the leader only where his full name stands, and his sister never is."""
    title, text = "Kim Jong Un on tour", "Kim smiled. Kim Yo Jong did not."
    (mentions,) = tagger.tag([Document({"title": title, "text": text})])
    assert [(m.field, m.start, m.text) for m in mentions] == [("title", 0, "Kim Jong Un"), ("text", 0, "Kim")]
    assert found(tagger, "A tour", text) == set()


#: What the pack must reach: entities → F1. Lowering one needs a reason in the commit that does it.
#: The first set was read while rules were written. The second was not: its authors did not know the rules, nor the
#: rules' author its documents, of which more than a quarter were written to be hard.
FLOORS = {
    "dprk-cyber.jsonl": {"core": 0.96, "sixteen": 0.965, "spans": 0.97},
    "dprk-cyber-check.jsonl": {"core": 0.915, "sixteen": 0.92, "spans": 0.96},
}


def evaluated(tagger: Tagger, path: Path) -> Evaluation:
    gold = read_gold(path.read_text(encoding="utf-8").splitlines(), path.name)
    documents = [replace(one.document, language=detect(one.document.fields, None)) for one in gold]
    return evaluate(gold, tagger.tag(documents))


@pytest.mark.parametrize("name", FLOORS)
def test_gold_sets(tagger: Tagger, name: str) -> None:
    """On each gold set of ours F1 and the share of right spans stay above their floors."""
    result = evaluated(tagger, GOLD / name)
    reached = {
        "core": result.micro(CORE).f1,
        "sixteen": result.micro(LABELLED).f1,
        "spans": result.spans_right / result.spans,
    }
    assert not {key: (reached[key], floor) for key, floor in FLOORS[name].items() if reached[key] < floor}


def test_gold_sets_are_large_enough() -> None:
    """Together they hold at least 200 documents, of which 80 are hard negatives, and no document twice."""
    gold = [one for name in FLOORS for one in read_gold((GOLD / name).read_text(encoding="utf-8").splitlines(), name)]
    assert len(gold) >= 200
    assert sum(not one.labels for one in gold) >= 80
    assert len({one.id for one in gold}) == len(gold) == len({str(one.document.fields) for one in gold})


@pytest.mark.skipif(not DEVELOPMENT_SET.exists(), reason=f"the development set {DEVELOPMENT_SET} is not here")
def test_development_set(tagger: Tagger) -> None:
    """On the development set F1 stays above its floors and spans are the labelled ones."""
    result = evaluated(tagger, DEVELOPMENT_SET)
    assert result.micro(CORE).f1 >= 0.97
    assert result.micro(LABELLED).f1 >= 0.96
    assert result.spans_right / result.spans >= 0.98


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("cyber-espionage", "Kimsuky crews posing as reporters asked for drafts. The phishing kit was new."),
        ("cyber-espionage", "Hackers copied classified files of a drone maker. Seoul named Andariel."),
        ("cyber-espionage", "북한 해커가 잠수함 설계도 수백 장을 유출했다."),
        (
            "infrastructure-attack",
            "Malware reached the control room of a dam. Analysts saw the hand of Lazarus hackers.",
        ),
        ("infrastructure-attack", "朝鲜黑客试图入侵电网，韩国情报部门称。"),
        (
            "revenge-attack",
            "A wiper hit the studio behind a comedy about Kim Jong Un. Pyongyang had promised payback for the insult.",
        ),
    ],
)
def test_acts_are_found_when_the_hackers_stand_elsewhere(tagger: Tagger, entity: str, text: str) -> None:
    """Espionage, attacks on infrastructure and revenge are tagged although another sentence names who did it."""
    assert entity in acts(tagger, text)


@pytest.mark.parametrize(
    "text",
    [
        "North Korea's film festival opened with a comedy about a barber.",
        "Burglars took drawings by a local artist; the North Korean exhibition upstairs was left alone.",
        "A turbine at the dam broke into three parts. North Korea reported heavy rain.",
    ],
)
def test_acts_without_hackers_are_none(tagger: Tagger, text: str) -> None:
    """North Korea and a film, a theft or a broken turbine alone are no act of hackers."""
    assert acts(tagger, text) == set()


def test_no_list_is_unused() -> None:
    """Every word list and context of the pack is named by a rule, a condition or another list."""
    pack = load_pack("dprk-cyber")
    rules = [rule for entity in pack.entities for rule in entity.every_rule]
    patterns = [text for rule in rules for text in (*rule.patterns, *rule.lookalikes, *rule.regex)]
    terms = [term for listed in (*pack.words.values(), *pack.contexts.values()) for term in listed]
    named = set(re.findall(r"\{([a-z_-]+)\}", " ".join([*patterns, *terms])))
    asked = {condition.context for rule in rules for condition in (*rule.requires, *rule.unless)}
    assert {*pack.words, *pack.contexts} <= named | asked
