"""The digest's facts as sentences, the same in every form. Pure; nothing here is escaped."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.digest.values import Coverage, Digest, Entry, Proof, Quiet, Review, Section, Unusual, WeakRule
from pipeline.markup import listed

#: Stories of one entity that are shown in full, and as many more by their title alone; JSON has all.
IN_FULL, BY_TITLE = 8, 12
_DECISIONS = ("relevant", "escalated", "irrelevant", "wrong_tag", "missed_tag")


def shown(section: Section) -> tuple[list[Entry], list[Entry], int]:
    """The stories to show in full, those by their title, and how many are left out."""
    full = [entry for entry in section.entries if entry.excerpt and entry.verdict != "irrelevant"][:IN_FULL]
    rest = [entry for entry in section.entries if entry not in full]
    return full, rest[:BY_TITLE], max(len(rest) - BY_TITLE, 0)


def short(entry: Entry) -> str:
    """Why an entry is only a title."""
    if entry.shown_under:
        return f"see {entry.shown_under}"
    return entry.verdict or entry.feed


def facts(entry: Entry) -> list[str]:
    """Where a story was, and since when."""
    found = [f"{entry.feed}, {entry.time}"]
    if entry.outlets:
        number = len(set(entry.outlets))
        found.append(f"also in {number} {'other' if number == 1 else 'others'}: {listed(entry.outlets)}")
    if entry.copies:
        found.append(f"{entry.copies} {'copy' if entry.copies == 1 else 'copies'} in this day")
    if entry.since:
        found.append(f"first told on {entry.since}")
    return found


def verdict(entry: Entry) -> str:
    """What was decided, and by whom."""
    return f"{entry.verdict} ({entry.reviewer})" if entry.verdict else ""


def proof(found: tuple[Proof, ...]) -> str:
    """The rules that tagged a story, with what nearby decided."""
    return "; ".join(
        f"{one.rule} {one.score:.2f}" + (f" (near “{'”, “'.join(one.because)}”)" if one.because else "")
        for one in found
    )


def unusual(one: Unusual) -> str:
    """A count, and what is usual."""
    usual = f"{one.low} to {one.high} are usual" if one.low != one.high else f"{one.low} is usual"
    return f"{one.mentions} {'mention' if one.mentions == 1 else 'mentions'} where {usual}"


def weak_rule(weak: WeakRule) -> str:
    """How right a rule was found to be."""
    return f"{weak.right} of {weak.judged} judged mentions are right; surely no more than {weak.at_most:.0%} of all are"


def review(state: Review) -> Iterator[str]:
    """Where the queue and the rules stand."""
    stories = "1 story awaits" if state.awaiting == 1 else f"{state.awaiting} stories await"
    given = [f"{state.decided[key]} {key.replace('_', ' ')}" for key in _DECISIONS if state.decided.get(key)]
    yield f"{stories} a verdict. Verdicts of the day: {', '.join(given) or 'none'}."
    rules = f"{state.rules_judged} {'rule has' if state.rules_judged == 1 else 'rules have'} been judged"
    yield f"{rules}; {len(state.weak_rules) or 'none'} below the floor{':' if state.weak_rules else '.'}"


def coverage(seen: Coverage) -> str:
    """How much of what is configured was seen."""
    return (
        f"{seen.healthy} of {seen.feeds} sources are healthy; {seen.polled} were polled, "
        f"{len(seen.troubles) or 'none'} had trouble; gaps and silences: {len(seen.unseen) or 'none'}."
    )


def quiet(seen: Coverage) -> Iterator[str]:
    """What the silence on each entity without a story is worth: in one line those of which all sources were seen."""
    sure = [one.name for one in seen.quiet if one.feeds and not one.blind]
    if sure:
        yield f"Nothing on {', '.join(sure)}: every source that usually has them was seen."
    for one in seen.quiet:
        if one.blind:
            yield _unsure(one)
    never = [one.name for one in seen.quiet if not one.feeds]
    if never:
        healthy = f"{seen.healthy} of {seen.feeds} sources were seen all day"
        yield f"Nothing on {', '.join(never)}, of which no source had anything in the last 90 days; {healthy}."


def _unsure(one: Quiet) -> str:
    if one.feeds == 1:
        return f"Nothing on {one.name}, but the one source that usually has it could not be seen: {one.blind[0]}."
    usual = f"{len(one.blind)} of the {one.feeds} sources that usually have it"
    return f"Nothing on {one.name}, but {usual} could not be seen: {listed(one.blind)}."


def origin(digest: Digest) -> str:
    """What the digest was made from, and by what."""
    first, last = digest.first_item_id, digest.last_item_id
    items = "no items" if first is None else f"items {first} to {last}"
    span = f"{digest.covers_from} to {digest.covers_until}"
    return f"Made from {items} ({span}), watch-list {digest.watchlist_version}, {digest.program}."
