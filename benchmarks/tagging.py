"""Tagging measured on the real feed files' items (title and text), one core, side by side in one run.

Four ways: a plain spaCy pipeline (``spacy.blank`` and one Matcher and PhraseMatcher with every rule of the pack, as a
first script would have it: no conditions, no prefilter, every word of every text), our tagger without its document
prefilter, our tagger, and the bare Aho-Corasick scan, which is the limit. Documents are mixed so that a given share can
match; plain spaCy gets every twentieth of them. Seconds are CPU seconds of one process on one core; memory is the RSS
of a process that does nothing but build the way and tag a few documents, so what each worker holds.
"""

from __future__ import annotations

import gc
import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.models import Document
from pipeline.parse import parse
from pipeline.patterns import compile_pattern, phrase_words
from pipeline.tag import Tagger
from pipeline.text import normalise
from pipeline.watchlist import Watchlist, load_pack

FEEDS = Path(__file__).parents[2] / "shared" / "feeds"
GOLD = Path(__file__).parents[1] / "tests" / "fixtures" / "gold"
SHARES = (0.0, 0.02, 0.1, 0.5)
DOCUMENTS = 2000
#: Ways, in the order of the table.
WAYS = ("plain spaCy", "watchfloor, no prefilter", "watchfloor", "bare scan")


def real_documents() -> list[Document]:
    """Every item of the real feed files."""
    return [
        Document({"title": item.title, "text": item.content or item.summary})
        for path in sorted(FEEDS.glob("*.xml"))
        for item in parse(path.read_bytes(), f"http://x.test/{path.name}", "").items
    ]


def matching_documents() -> list[Document]:
    """The documents of our gold sets that hold a mention."""
    lines = [line for path in sorted(GOLD.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    gold = [json.loads(line) for line in lines]
    return [Document({"title": one["title"], "text": one["text"]}) for one in gold if one["labels"]]


def mixed(count: int, share: float, plain: list[Document], matching: list[Document]) -> list[Document]:
    """``count`` documents, of which ``share`` pass the prefilter; the same for the same arguments."""
    dice = random.Random(180)
    wanted = round(count * share)
    documents = dice.sample(plain, count - wanted) + list(itertools.islice(itertools.cycle(matching), wanted))
    dice.shuffle(documents)
    return documents


def plain_spacy(watchlist: Watchlist) -> Callable[[Iterable[Document]], int]:
    """What a first script does: every rule in spaCy's matchers, every text through the pipeline."""
    import spacy  # noqa: PLC0415 - measured: what it takes belongs to this way
    from spacy.matcher import Matcher, PhraseMatcher  # noqa: PLC0415

    nlp = spacy.blank("en")
    phrases, patterns = PhraseMatcher(nlp.vocab, attr="LOWER"), Matcher(nlp.vocab, validate=False)
    lists = watchlist.lists()
    for entity in watchlist.entities:
        for rule in entity.every_rule:
            if rule.phrases:
                phrases.add(rule.id, [nlp.make_doc(phrase) for phrase in rule.phrases if phrase_words(phrase)])
            variants = [variant for pattern in rule.patterns for variant in compile_pattern(pattern, lists)]
            if variants:
                patterns.add(rule.id, [list(variant.tokens) for variant in variants])

    def tag(documents: Iterable[Document]) -> int:
        texts = ("\n".join(document.fields.values()) for document in documents)
        return sum(len(phrases(doc)) + len(patterns(doc)) for doc in nlp.pipe(texts))

    return tag


def way(name: str) -> Callable[[list[Document]], int]:
    """Build one way; it takes documents and gives how many things it found."""
    watchlist = load_pack("dprk-cyber")
    if name == "plain spaCy":
        return plain_spacy(watchlist)
    tagger = Tagger(watchlist, prefilter=name != "watchfloor, no prefilter")
    if name == "bare scan":
        scan = tagger.scanner()
        return lambda documents: sum(len(scan(normalise(t))) for d in documents for t in d.fields.values())
    return lambda documents: sum(len(mentions) for mentions in tagger.tag(documents))


def measure(name: str) -> dict[str, float]:
    """Documents per CPU second of one way at each share, and the memory that building it takes, in this process."""
    matching = matching_documents()
    run = way(name)
    run(matching[:20])  # everything that is made when first asked for
    gc.collect()
    figures = {"memory": resident_mb()}
    every = 20 if name == WAYS[0] else 1
    can_match = Tagger(load_pack("dprk-cyber")).may_hold
    real, matching = real_documents(), list(filter(can_match, matching))
    plain = list(itertools.filterfalse(can_match, real))
    mixes = {str(share): mixed(DOCUMENTS // every, share, plain, matching) for share in SHARES}
    for key, documents in {**mixes, "real": real[::every]}.items():
        begin = time.process_time()
        run(documents)
        figures[key] = len(documents) / (time.process_time() - begin)
    return figures


def resident_mb() -> float:
    """What this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def table() -> Table:
    """Each way in a process of its own, pinned to one core where the system can, one after the other."""
    made = Table(title=f"tagging {DOCUMENTS} of the real items, title and text: documents/s", title_justify="left")
    made.add_column("way")
    for share in SHARES:
        made.add_column(f"{share:.0%} can match", justify="right")
    made.add_column("all real items", justify="right")
    made.add_column("MB a worker", justify="right")
    rows = {name: measured_apart(name) for name in WAYS}
    slow = rows["plain spaCy"]
    for name, figures in rows.items():
        cells = [f"{figures[key]:,.0f} ({figures[key] / slow[key]:.1f}×)" for key in [*map(str, SHARES), "real"]]
        made.add_row(name, *cells, f"{figures['memory']:.0f}")
    return made


def measured_apart(name: str) -> dict[str, float]:
    """``measure`` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.tagging", name]
    if Path("/usr/bin/taskset").exists():
        command = ["taskset", "-c", "0", *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    elif FEEDS.exists():
        Console(width=140).print(table())
    else:
        sys.exit("error: ../shared/feeds with the real feed files is not here; the benchmark needs it")
