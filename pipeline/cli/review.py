"""``review``: the queue of tagged items and the verdicts on them, from the terminal."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from pipeline.clean import display_title
from pipeline.cli.common import common_options, load_config, open_stored, print_json, show_table
from pipeline.store.review import VERDICTS
from pipeline.times import utc_now


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
    """Tagged stories without a verdict, best score first; a verdict on one of its items settles a story.

    \b
    Example:
      watchfloor review list --entity lab-110
    """
    with open_stored(load_config(config_path, db)) as store:
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
