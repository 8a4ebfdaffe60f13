"""`sizewise policy replay`: past traffic decided again, and what would change."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import click
import msgspec
from msgspec.structs import replace

from gateway.cli.logged_requests import logged_requests, where
from gateway.cli.options import Since, assume_env_option, database_url_option
from gateway.cli.policy_trial import policies_to_try
from gateway.cli.replay_report import (
    replay_document,
    replay_lines,
    rollout_document,
    rollout_lines,
    shown_figures,
)
from gateway.domain.change import Changes
from gateway.domain.logged import Logged
from gateway.domain.policy import PolicySet
from gateway.domain.replay import Replay, RolloutReplay
from gateway.domain.suggestion import did_you_mean
from gateway.policyfile.gate import FIGURES, Gate, GateError, Verdict
from gateway.policyfile.problems import PolicyError
from gateway.store.history import Wanted

_USUAL_SPAN: Final = "7d"
_FIGURES_HELP: Final = "; ".join(f"{name}: {what}" for name, what in FIGURES.items())


class _Finding(NamedTuple):
    """What a run found. `judged`: what the gate is asked about, by name where there is more than one."""

    read: int
    lines: Iterator[str]
    document: dict[str, Any]
    judged: Mapping[str, Changes]


@click.command(epilog=f"--fail-if may ask about {_FIGURES_HELP}.")
@click.option("--since", type=Since(), metavar="1h|7d|TIME", help=f"From then on.  [{_USUAL_SPAN}; all of a file]")
@click.option("--until", type=Since(), metavar="1h|7d|TIME", help="Before then.")
@click.option(
    "--policies",
    "directory",
    envvar="SIZEWISE_POLICIES",
    default="policies",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The candidate.  [SIZEWISE_POLICIES, else ./policies]",
)
@click.option("--policy", "name", metavar="NAME", help="Replay this policy of it, though it is only being rolled out.")
@database_url_option
@click.option(
    "--from", "file", type=click.File("rb"), metavar="FILE|-", help="Records as `report decisions --json` prints them."
)
@click.option("--alias", help="Only requests for this model alias.")
@click.option("--team", help="Only requests with a key of this team.")
@click.option("--app", help="Only requests with a key of this application.")
@click.option("--limit", type=click.IntRange(1), help="At most so many: the latest, or a file's first.")
@click.option(
    "--shadow", is_flag=True, help="Tell what a shadow or a canary decided otherwise; nothing is decided again."
)
@click.option("--fail-if", "condition", metavar="CEL", help="Exit with 1 where this holds, or cannot be told.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@assume_env_option
def replay(
    *,
    since: datetime | None,
    until: datetime | None,
    directory: Path,
    name: str | None,
    database_url: str,
    file: BinaryIO | None,
    alias: str | None,
    team: str | None,
    app: str | None,
    limit: int | None,
    shadow: bool,
    condition: str | None,
    as_json: bool,
    assume_env: bool,
) -> None:
    """Decide logged requests again under the policies in DIR, and tell what would change.

    No model is called, nothing is recorded, and no prompt is needed: records hold what decisions rest on. Each request
    is decided from its conversation as it was then.
    """
    gate = _gate(condition)
    if shadow and name is not None:
        raise click.UsageError("--policy says what to decide again, and --shadow decides nothing; give one of them")
    policies = _prices(directory, assume_env) if shadow else _candidate(directory, name, assume_env=assume_env)
    if since is None and file is None:
        since = Since().convert(_USUAL_SPAN, None, None)
    wanted = Wanted(since=since, until=until, alias=alias, team=team, app=app, limit=limit)
    finding = _found(
        policies, logged_requests(file, database_url, wanted), f"{directory} ({policies.version})", shadow=shadow
    )
    if finding.read == 0:
        raise click.ClickException(
            f"no such requests {where(file, database_url)}; widen --since, --until or the filters"
        )
    if shadow and not finding.judged:
        raise click.ClickException(
            f"none of the {finding.read:,} requests was decided by two policies: none was being rolled out then"
        )
    _tell(finding, gate, as_json=as_json)


def _gate(condition: str | None) -> Gate | None:
    try:
        return None if condition is None else Gate(condition)
    except GateError as error:
        raise click.UsageError(f"--fail-if: {error}") from error


def _candidate(directory: Path, name: str | None, *, assume_env: bool) -> PolicySet:
    """The policies to decide by: those in force, and in its aliases' place the one of that name."""
    try:
        policies = policies_to_try(directory, assume_env=assume_env)
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    if name is None:
        return policies
    policy = next((each for each in policies.policies if each.name == name), None)
    if policy is None:
        raise click.UsageError(
            f"no policy {name!r} in {directory}{did_you_mean(name, [each.name for each in policies.policies])}"
        )
    return replace(policies, by_alias={**policies.by_alias, **dict.fromkeys(policy.serves, policy)})


def _prices(directory: Path, assume_env: bool) -> PolicySet:
    """The policies whose prices and tiers a roll-out is told by; none where they cannot be read, and a note then."""
    try:
        return policies_to_try(directory, assume_env=assume_env)
    except PolicyError as error:
        click.echo(
            f"note: no policies could be read from {str(directory)!r}, so what was not called has no price here, and"
            f" costs and quality are unknown; name the policies with --policies ({error.problems[0].message})",
            err=True,
        )
        return PolicySet(version="", deployments={}, routes={}, policies=(), by_alias={})


def _found(policies: PolicySet, records: Iterable[Logged], candidate: str, *, shadow: bool) -> _Finding:
    if shadow:
        rollout = RolloutReplay(policies)
        for logged in records:
            rollout.add(logged)
        told = rollout.outcome()
        judged = {f"{each.policy}@{each.policy_version} as {each.mode}": each.changes for each in told.rolled}
        return _Finding(told.read, rollout_lines(told), rollout_document(told), judged)
    again = Replay(policies)
    for logged in records:
        again.add(logged)
    outcome = again.outcome()
    return _Finding(outcome.read, replay_lines(outcome, candidate), replay_document(outcome), {"": outcome.changes})


def _tell(finding: _Finding, gate: Gate | None, *, as_json: bool) -> None:
    """Print it, and end with 1 where the gate says so."""
    verdicts = {} if gate is None else {name: gate.judge(each.figures()) for name, each in finding.judged.items()}
    if as_json:
        document = {**finding.document, "gate": None if gate is None else _gate_document(gate, verdicts)}
        click.echo(msgspec.json.encode(document).decode())
    else:
        click.echo("\n".join(finding.lines))
        if gate is not None:
            click.echo("\n" + "\n".join(_verdict_line(gate, *each) for each in verdicts.items()))
    if any(verdict.has_failed for verdict in verdicts.values()):
        raise click.exceptions.Exit(1)


def _gate_document(gate: Gate, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    return {
        "fail_if": gate.source,
        "failed": any(verdict.has_failed for verdict in verdicts.values()),
        "verdicts": [{"policy": name or None, **verdict._asdict()} for name, verdict in verdicts.items()],
    }


def _verdict_line(gate: Gate, name: str, verdict: Verdict) -> str:
    of = f" of {name}" if name else ""
    figures = f" ({shown_figures(verdict.figures)})" if verdict.figures else ""
    how = f"FAILED, {verdict.why}" if verdict.has_failed else "passed"
    return f"Gate{of}: {how}: --fail-if '{gate.source}'{figures}"
