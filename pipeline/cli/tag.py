"""``tag`` and ``evaluate``: the watch-list tried on text, and measured on labelled documents."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.text import Text

from pipeline import evaluation, watchlist
from pipeline.cli.common import DEFAULT_CONFIG, common_options, load_config, note, print_json, show_table
from pipeline.errors import UsageError
from pipeline.evaluation import Evaluation, read_object
from pipeline.language import detect
from pipeline.models import Document, Mention
from pipeline.tag import NearMiss, Tagger
from pipeline.watchlist import Watchlist

_COLOURS = (
    "black on cyan|black on yellow|white on magenta|black on green|white on blue|white on red|black on white".split("|")
)


@click.command()
@click.argument("source", type=click.File("r", encoding="utf-8"), default="-", metavar="[FILE|-]")
@click.option("--jsonl", is_flag=True, help='JSON lines {"id","title","text"} in, JSON lines with mentions out.')
@click.option("--explain", is_flag=True, help="Show why each rule fired, and what held the near-misses back.")
@common_options
def tag(*, source: TextIO, jsonl: bool, explain: bool, config_path: Path | None, db: Path | None) -> None:
    """Try the watch-list on text. Needs no database and, without config.yaml, uses the pack dprk-cyber.

    \b
    Example:
      echo 'Hackers of Unit 180 in Pyongyang stole $41m in ether' | watchfloor tag
      echo 'Storage unit 180 for rent, Seoul' | watchfloor tag --explain
      watchfloor tag --jsonl < documents.jsonl
    """
    tagger = Tagger(_watchlist(config_path, db))
    try:
        if jsonl:
            _tag_jsonl(tagger, source, explain=explain)
        else:
            _tag_plain(tagger, source.read(), explain=explain)
    except UnicodeDecodeError as error:
        raise UsageError(f"{source.name}: is not UTF-8 text (byte {error.start})") from None


def _watchlist(config_path: Path | None, db: Path | None) -> Watchlist:
    if config_path is None and not DEFAULT_CONFIG.exists():
        return watchlist.load_pack("dprk-cyber")
    return load_config(config_path, db).watchlist


def _tag_jsonl(tagger: Tagger, source: TextIO, *, explain: bool) -> None:
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        given = read_object(line, f"{source.name}:{number}")
        fields = {"title": given.get("title") or "", "text": given.get("text") or ""}
        document = Document(fields, language=detect(fields, given.get("lang")))
        found, misses = tagger.explain(document) if explain else (next(tagger.tag([document])), ())
        answer = {"id": given.get("id"), "mentions": [_as_json(mention, with_evidence=explain) for mention in found]}
        if explain:
            answer["near_misses"] = [_as_json(miss, with_evidence=True) for miss in misses]
        click.echo(json.dumps(answer, ensure_ascii=False))


def _as_json(found: Mention | NearMiss, *, with_evidence: bool) -> dict[str, Any]:
    row = {"entity": found.entity_id, **dataclasses.asdict(found)}
    unwanted = {"entity_id"} if with_evidence else {"entity_id", "evidence"}
    return {key: value for key, value in row.items() if key not in unwanted}


def _tag_plain(tagger: Tagger, text: str, *, explain: bool) -> None:
    fields = {"text": text}
    mentions, misses = tagger.explain(Document(fields, language=detect(fields, None)))
    console = Console(soft_wrap=True, highlight=False)
    entities = list(dict.fromkeys(mention.entity_id for mention in mentions))
    styles = {entity: _COLOURS[number % len(_COLOURS)] for number, entity in enumerate(entities)}
    marked = Text()
    for piece, mention in _pieces(text, mentions):
        if mention is None:
            marked.append(piece)
            continue
        marked.append(piece, style=styles[mention.entity_id])
        marked.append(f"[{mention.entity_id}]", style="dim")
    console.print(marked, end="" if text.endswith("\n") else "\n")
    if explain:
        _explain(console, mentions, misses, styles)
    note(f"{len(mentions)} mentions" + (f", {len(misses)} near-misses" if explain else ""))


def _pieces(text: str, mentions: tuple[Mention, ...]) -> Iterator[tuple[str, Mention | None]]:
    """``text`` cut at its mentions; of two that overlap the first is shown."""
    at = 0
    for mention in mentions:
        if mention.start >= at:
            yield text[at : mention.start], None
            yield mention.text, mention
            at = mention.end
    yield text[at:], None


def _explain(console: Console, mentions: Iterable[Mention], misses: Iterable[NearMiss], styles: dict[str, str]) -> None:
    for mention in mentions:
        proof = [f"{name}: {word}" for name, word in mention.evidence.get("context", {}).items()]
        proof += [f"{name}: the feed's subject" for name in mention.evidence.get("feed_subject", ())]
        line = Text("+ ", style="green")
        line.append(f" {mention.text} ", style=styles[mention.entity_id])
        line.append(f"  {mention.entity_id}  by {mention.rule}  score {mention.score:.2f}")
        line.append(f"  ({'; '.join(proof)})" if proof else "", style="dim")
        console.print(line)
    for miss in misses:
        line = Text(f"- {miss.text}", style="dim")
        line.append(f"  {miss.entity_id}  by {miss.rule}  held back by {miss.held_by}: {miss.detail}")
        console.print(line)


@click.command()
@click.argument("gold", type=click.File("r", encoding="utf-8"), metavar="GOLD.jsonl")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def evaluate(*, gold: TextIO, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """Measure the watch-list on labelled documents.

    Prints precision, recall and F1 per entity and per rule, and the document behind each error. A line of GOLD.jsonl is
    {"id", "title", "text", "labels": {"entity-id": ["what shows it", ...]}}; with "judged": ["entity-id", ...] only
    these are measured in it. `watchfloor review export` and lessons write such lines.

    \b
    Example:
      watchfloor evaluate gold.jsonl
      watchfloor evaluate gold.jsonl --json
    """
    watched = _watchlist(config_path, db)
    try:
        documents = evaluation.read_gold(gold, gold.name)
    except UnicodeDecodeError as error:
        raise UsageError(f"{gold.name}: is not UTF-8 text (byte {error.start})") from None
    told = (
        dataclasses.replace(one.document, language=detect(one.document.fields, one.document.language))
        for one in documents
    )
    result = evaluation.evaluate(documents, Tagger(watched).tag(told))
    known = {entity.id for entity in watched.entities}
    for stranger in sorted(result.entities.keys() - known):
        note(f"the watch-list has no entity {stranger}, which {gold.name} labels: each of its labels counts as missed")
    if as_json:
        print_json(_evaluation_as_json(result))
        return
    _show_evaluation(result, {rule.id: rule.score for entity in watched.entities for rule in entity.every_rule})


def _evaluation_as_json(result: Evaluation) -> dict[str, Any]:
    def scores(named: dict[str, evaluation.Score]) -> dict[str, Any]:
        return {name: _score_as_json(score) for name, score in named.items()}

    return {
        "documents": result.documents,
        "all": _score_as_json(result.micro()),
        "spans_right": result.spans_right,
        "spans": result.spans,
        "entities": scores(dict(result.entities)),
        "rules": scores(dict(result.rules)),
        "faults": [dataclasses.asdict(fault) for fault in result.faults],
    }


def _score_as_json(score: evaluation.Score) -> dict[str, float]:
    figures = {name: round(getattr(score, name), 4) for name in ("precision", "recall", "f1")}
    return {**dataclasses.asdict(score), **figures}


def _show_evaluation(result: Evaluation, expected: dict[str, float]) -> None:
    columns = ("entity", "precision", "recall", "F1", "right", "spare", "missed")
    rows: list[Sequence[Any]] = [(name, *_figures(score)) for name, score in result.entities.items()]
    show_table("Entities", columns, [*rows, ("all", *_figures(result.micro()))])
    show_table(
        "Rules",
        ("rule", "score", "precision", "right", "spare"),
        [
            (rule, f"{expected[rule]:.2f}", f"{score.precision:.2f}", score.right, score.spare)
            for rule, score in result.rules.items()
        ],
    )
    show_table(
        "Errors",
        ("error", "entity", "document", "rule", "text", "title"),
        [
            ("spare" if f.is_spare else "missed", f.entity_id, f.document_id, ", ".join(f.rules), f.text, f.title)
            for f in result.faults
        ],
    )
    share = f"{result.spans_right / result.spans:.3f}" if result.spans else "–"
    print(f"{result.documents} documents, F1 {result.micro().f1:.3f}, spans right {share} ({result.spans})")


def _figures(score: evaluation.Score) -> tuple[str, str, str, int, int, int]:
    figures = (f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
    return (*figures, score.right, score.spare, score.missed)
