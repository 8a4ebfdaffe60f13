"""`sizewise policy diff`: what changed in meaning from one policy directory to another."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gateway.cli.options import assume_env_option
from gateway.cli.policy_trial import policies_to_try
from gateway.domain.decision import Decision
from gateway.domain.policy import PolicySet
from gateway.policyfile.difference import Change, Kind, difference
from gateway.policyfile.divergence import Divergence, Example, divergences
from gateway.policyfile.problems import PolicyError

_MARKS: Final[Mapping[Kind, str]] = {"added": "+", "removed": "-", "changed": "~"}


@click.command()
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where something changed.")
@assume_env_option
def diff(before: Path, after: Path, as_json: bool, exit_code: bool, assume_env: bool) -> None:
    """Show what changed in meaning from the policies in directory A to those in B.

    Layout, order, spacing and comments of the files mean nothing. Where policies differ, examples are looked for of
    requests that the two decide differently; that none is found does not prove that there is none.
    """
    old, new = (_loaded(directory, assume_env=assume_env) for directory in (before, after))
    changes, found = difference(old, new), divergences(old, new)
    click.echo(_as_json(changes, found) if as_json else "\n".join(_lines(changes, found)))
    if exit_code and _is_different(changes, found):
        raise click.exceptions.Exit(1)


def _loaded(directory: Path, *, assume_env: bool) -> PolicySet:
    try:
        return policies_to_try(directory, assume_env=assume_env)
    except PolicyError as error:
        raise click.ClickException(f"the policies in {str(directory)!r} do not load:\n{error}") from error


def _is_different(changes: Sequence[Change], found: Sequence[Divergence]) -> bool:
    return bool(changes) or any(each.examples for each in found)


def _lines(changes: Sequence[Change], found: Sequence[Divergence]) -> Iterator[str]:
    if not _is_different(changes, found):
        yield "no change in meaning"
        return
    for of, group in groupby(changes, key=lambda each: each.of):
        yield from _of_one(of, list(group))
    for divergence in found:
        yield from _of_pair(divergence)
    yield _counted(changes)


def _of_one(of: str, changes: Sequence[Change]) -> Iterator[str]:
    whole = [each for each in changes if not each.part]
    for each in whole:
        yield f"{_MARKS[each.kind]} {of}: {each.after or each.before}"
    parts = [each for each in changes if each.part]
    if parts:
        yield of
    for each in parts:
        said = f"{each.before} → {each.after}" if each.kind == "changed" else each.after or each.before
        yield f"  {_MARKS[each.kind]} {each.part}: {said}"


def _of_pair(divergence: Divergence) -> Iterator[str]:
    aliases = ", ".join(divergence.aliases)
    beside = " (being rolled out)" if divergence.is_candidate else ""
    if not divergence.examples:
        yield f"decided for {aliases}{beside}: no difference found among {divergence.tried} requests tried"
        return
    yield f"decided differently for {aliases}{beside}"
    for each in divergence.examples:
        yield f"  {_given(each)}"
        yield f"    - before: {_decided(each.before)}"
        yield f"    + after: {_decided(each.after)}"


def _given(example: Example) -> str:
    return ", ".join(example.given) or "an ordinary request"


def _decided(decision: Decision) -> str:
    plan = ", ".join(each.name for each in decision.plan)
    return f"rule {decision.rule!r} → {decision.route.name} ({plan or 'refused'})"


def _counted(changes: Sequence[Change]) -> str:
    kinds = Counter(each.kind for each in changes)
    return ", ".join(f"{kinds[kind]} {kind}" for kind in _MARKS)


def _as_json(changes: Sequence[Change], found: Sequence[Divergence]) -> str:
    document: dict[str, Any] = {
        "is_different": _is_different(changes, found),
        "changes": [{"kind": each.kind, **asdict(each)} for each in changes],
        "decisions": [
            {
                "aliases": each.aliases,
                "is_candidate": each.is_candidate,
                "before": {"policy": each.before.name, "version": each.before.version},
                "after": {"policy": each.after.name, "version": each.after.version},
                "tried": each.tried,
                "examples": [
                    {"given": example.given, "before": _document(example.before), "after": _document(example.after)}
                    for example in each.examples
                ],
            }
            for each in found
        ],
    }
    return msgspec.json.encode(document).decode()


def _document(decision: Decision) -> dict[str, Any]:
    return {"rule": decision.rule, "route": decision.route.name, "plan": [each.name for each in decision.plan]}
