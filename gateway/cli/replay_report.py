"""What a replay found, in words and tables for people, and as one document for programs."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.cli.tables import UNKNOWN, printable, table
from gateway.domain.change import Change, Changes, Group, Move, Mover
from gateway.domain.pricing import NANO_PER_USD
from gateway.domain.replay import ReplayOutcome, RolloutOutcome
from gateway.domain.tally import LARGEST

_REFUSED = "refused"
_MOST_GROUPS = 40
_LONGEST_NAME = 60


def replay_lines(outcome: ReplayOutcome, candidate: str) -> Iterator[str]:
    """`candidate`: which policies decided again."""
    changes = outcome.changes
    yield f"Replayed {changes.total.requests:,} of {outcome.read:,} requests under {candidate}"
    for why, count in outcome.not_replayed.items():
        yield f"  left out, {why}: {count:,}"
    if outcome.unrecorded:
        facts = ", ".join(f"{fact} {count:,}" for fact, count in sorted(outcome.facts.items()))
        yield f"  decided on facts that were not recorded, taken as absent: {outcome.unrecorded:,} ({facts})"
    if changes.unserved:
        yield f"  refused, no policy serves their alias: {changes.unserved:,}"
    yield from change_lines(changes, outcome.classifiers)


def rollout_lines(outcome: RolloutOutcome) -> Iterator[str]:
    compared = sum(rolled.changes.total.requests for rolled in outcome.rolled)
    yield f"Decided by two policies: {compared:,} of {outcome.read:,} requests"
    for why, count in outcome.not_compared.items():
        yield f"  left out, {why}: {count:,}"
    for rolled in outcome.rolled:
        yield ""
        yield f"Policy {rolled.policy}@{rolled.policy_version} as {rolled.mode}, against the one in force"
        yield f"Decided by both: {rolled.changes.total.requests:,} requests"
        yield from change_lines(rolled.changes, outcome.classifiers)


def change_lines(changes: Changes, classifiers: Sequence[str]) -> Iterator[str]:
    total = changes.total
    yield f"Moved: {total.moved:,} ({_share(total.moved, total.requests)})"
    yield _cost(total)
    yield _latency(changes)
    yield _quality(changes, classifiers)
    yield (
        f"Refused: {total.refused_before:,} → {total.refused_after:,}"
        f" ({total.refusals_gained:,} more, {total.refusals_lost:,} fewer)"
    )
    if changes.moves:
        yield ""
        yield from table(("FROM", "TO", "REQUESTS"), [_move_cells(each) for each in changes.moves], right_from=2)
    for what, groups in (("RULE", changes.by_rule), ("TEAM", changes.by_team), ("APP", changes.by_app)):
        if groups and any(group.name for group in groups):
            yield ""
            yield from _group_table(what, groups)
    if changes.movers:
        yield ""
        yield f"The largest movers (at most {LARGEST})"
        headings = ("ID", "FROM", "TO", "OLD RULE", "NEW RULE", "COST $", "QUALITY", "SMALL_OK")
        yield from table(headings, [_mover_cells(each) for each in changes.movers], right_from=5)


def replay_document(outcome: ReplayOutcome) -> dict[str, Any]:
    """`figures` are what --fail-if may ask about."""
    document: dict[str, Any] = msgspec.to_builtins(outcome)
    return {**document, "replayed": outcome.changes.total.requests, "figures": dict(outcome.changes.figures())}


def rollout_document(outcome: RolloutOutcome) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(outcome)
    for entry, rolled in zip(document["rolled"], outcome.rolled, strict=True):
        entry["figures"] = dict(rolled.changes.figures())
    return document


def shown_figures(figures: Mapping[str, float | int | None]) -> str:
    return ", ".join(f"{name} = {'unknown' if value is None else f'{value:.6g}'}" for name, value in figures.items())


def _cost(total: Change) -> str:
    if total.cost_compared == 0:
        return f"Cost: unknown for all {total.requests:,}"
    relative = "" if total.cost_delta is None else f", {total.cost_delta:+.2%}"
    left_out = f"; unknown for {total.cost_unknown:,}" if total.cost_unknown else ""
    return (
        f"Cost: ${_usd(total.cost_before_nano_usd)} → ${_usd(total.cost_after_nano_usd)}"
        f" ({_usd(total.cost_delta_nano_usd, sign='+')}{relative}), over {total.cost_compared:,} requests{left_out}"
    )


def _latency(changes: Changes) -> str:
    latency = changes.latency
    if latency is None:
        return "Latency: unknown, no deployment was seen to answer"
    relative = "" if latency.delta is None else f" ({latency.delta:+.1%})"
    return (
        f"Latency p50: {latency.p50_before_ms:,.1f} ms → {latency.p50_after_ms:,.1f} ms{relative}, over"
        f" {latency.compared:,} requests; a moved one is taken to last as long as its new deployment's median here"
    )


def _quality(changes: Changes, classifiers: Sequence[str]) -> str:
    quality = changes.quality
    if quality is None:
        return "Quality: unknown, there are no two tiers to compare"
    said_by = f" ({', '.join(classifiers)})" if classifiers else ""
    return (
        f"Quality: {quality.change:+.4f} (95 % interval {quality.low:+.4f} to {quality.high:+.4f}), over"
        f" {quality.compared:,} requests; relative to the larger model, by the classifier's own estimate{said_by},"
        " not measured"
    )


def _group_table(what: str, groups: Sequence[Group]) -> Iterator[str]:
    headings = (what, "REQUESTS", "MOVED", "REFUSED +", "REFUSED -", "COST BEFORE $", "COST AFTER $", "UNKNOWN")
    yield from table(headings, [_group_cells(each) for each in groups[:_MOST_GROUPS]], right_from=1)
    if len(groups) > _MOST_GROUPS:
        yield f"and {len(groups) - _MOST_GROUPS:,} more; --json has all"


def _group_cells(group: Group) -> tuple[str, ...]:
    change = group.change
    return (
        printable(f"{group.policy}: {group.name}" if group.policy else group.name, _LONGEST_NAME) or UNKNOWN,
        f"{change.requests:,}",
        f"{change.moved:,}",
        f"{change.refusals_gained:,}",
        f"{change.refusals_lost:,}",
        _usd(change.cost_before_nano_usd),
        _usd(change.cost_after_nano_usd),
        f"{change.cost_unknown:,}",
    )


def _move_cells(move: Move) -> tuple[str, ...]:
    after = f"{_REFUSED}: no policy serves it" if move.unserved else move.after or _REFUSED
    return move.before or _REFUSED, after, f"{move.requests:,}"


def _mover_cells(mover: Mover) -> tuple[str, ...]:
    return (
        printable(mover.id, _LONGEST_NAME),
        mover.before or _REFUSED,
        mover.after or _REFUSED,
        printable(mover.rule_before, _LONGEST_NAME),
        printable(mover.rule_after, _LONGEST_NAME),
        _usd(mover.cost_change_nano_usd, sign="+"),
        UNKNOWN if mover.quality_change is None else f"{mover.quality_change:+.3f}",
        UNKNOWN if mover.small_ok is None else f"{mover.small_ok:.3f}",
    )


def _usd(nano_usd: int | None, *, sign: str = "") -> str:
    if nano_usd is None:
        return UNKNOWN
    dollars = Decimal(nano_usd) / NANO_PER_USD
    return f"{dollars:{sign},.2f}" if abs(dollars) >= 1 else f"{dollars:{sign},.6f}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else UNKNOWN
