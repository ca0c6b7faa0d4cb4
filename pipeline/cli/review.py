"""``review``: the queue of tagged items and the verdicts on them, from the terminal."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path

import click

from pipeline.clean import display_title
from pipeline.cli.common import (
    Day,
    common_options,
    counted,
    load_config,
    note,
    open_stored,
    print_json,
    show_table,
)
from pipeline.errors import UsageError, WatchfloorError
from pipeline.folding import A_PASS
from pipeline.gold import gold_lines
from pipeline.store.review import VERDICTS
from pipeline.times import utc_now
from pipeline.upkeep import keep_ready


@click.group()
def review() -> None:
    """See what awaits a verdict, and give one.

    \b
    Example:
      watchfloor review list
      watchfloor review mark 17 relevant
    """


@review.command(name="list")
@click.option("--entity", help="Only items that mention this entity.")
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@common_options
def list_queue(*, entity: str | None, limit: int, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """Tagged stories that await a verdict, best first: by score, entity's priority, number of outlets and age.

    relevant, irrelevant or escalated on one of its items settles a story, and so does wrong_tag on each of its tags.

    \b
    Example:
      watchfloor review list --entity lab-110
    """
    config = load_config(config_path, db)
    with open_stored(config) as store:
        store.queue.follow(config.timezone)
        keep_ready(store, most=A_PASS)
        if store.queue.is_any_waiting():
            note("some stories are still to be sorted in; the next run goes on with them")
        rows = store.review.queue(entity, limit)
    if as_json:
        print_json(rows)
    elif rows:
        cells = [
            (row["id"], row["score"], row["copies"] or "", row["entities"], row["feed_id"], display_title(row))
            for row in rows
        ]
        show_table("Awaiting a verdict", ("item", "score", "copies", "entities", "feed", "title"), cells)
    else:
        print("Nothing awaits a verdict.")


@review.command()
@click.argument("item", type=int)
@click.argument("verdict", type=click.Choice(VERDICTS))
@click.option("--mention", type=int, help="The mention that a wrong_tag is about.")
@click.option("--entity", help="The entity that a missed_tag is about.")
@click.option("--note", "text", default="", help="A remark.")
@click.option("--reviewer", default=getpass.getuser, help="Your name; default: the name you are logged in with.")
@common_options
def mark(
    *,
    item: int,
    verdict: str,
    mention: int | None,
    entity: str | None,
    text: str,
    reviewer: str,
    config_path: Path | None,
    db: Path | None,
) -> None:
    """Give ITEM a VERDICT. Earlier ones are kept; the newest stands.

    \b
    Example:
      watchfloor review mark 17 relevant --note "confirmed with the desk"
      watchfloor review mark 17 missed_tag --entity lab-110
    """
    with open_stored(load_config(config_path, db)) as store:
        store.review.mark(
            item, verdict, reviewer=reviewer, now=utc_now(), mention_id=mention, entity_id=entity, note=text
        )
    print(f"item {item}: {verdict} (by {reviewer})")


@review.command(name="export")
@click.option("--since", type=Day(), help="Only items first seen on this day (UTC) or later.")
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of to standard output.")
@common_options
def export_gold(*, since: date | None, output: Path | None, config_path: Path | None, db: Path | None) -> None:
    """What was judged, as gold lines for evaluate: the tags found right, without the wrong ones, with the missed ones.

    An item that is only irrelevant says nothing of its tags and is left out; so is one with a missed tag whose words
    nobody marked.

    \b
    Example:
      watchfloor review export --output gold.jsonl
      watchfloor evaluate gold.jsonl
    """
    moment = datetime.combine(since, time.min, UTC) if since else None
    with open_stored(load_config(config_path, db)) as store:
        lines, without_words = gold_lines(store.judgements.judged_items(moment))
    text = "".join(f"{line}\n" for line in lines)
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise WatchfloorError(f"{output}: cannot be written: {error.strerror}") from None
        note(f"wrote {counted(len(lines), 'item')} to {output}")
    if without_words:
        note(f"left out {counted(without_words, 'item')} with a missed tag whose words nobody marked")


@review.command(name="password")
@common_options
def make_password(*, config_path: Path | None, db: Path | None) -> None:
    """Make the hash of a password, for an account of the pages. The password is asked for, or read from a pipe.

    \b
    Example:
      watchfloor review password
      pass show watchfloor | watchfloor review password
    """
    from pipeline import passwords  # noqa: PLC0415 - the other commands start sooner without it

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < passwords.SHORTEST:
        raise UsageError(f"the password is too short; take {passwords.SHORTEST} characters or more")
    print(f"export WATCHFLOOR_HASH_NAME='{passwords.hashed(password)}'")
    note(
        "Put this line, with a name of your own for NAME, where serve gets its environment from, and in config.yaml:\n"
        "review:\n  users:\n"
        '    - {name: NAME, role: reviewer, password_hash: "${WATCHFLOOR_HASH_NAME}"}'
    )
