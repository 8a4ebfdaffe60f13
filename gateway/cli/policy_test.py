"""`sizewise policy test`: every case of a directory tried, and which rules no case reaches."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import click
import msgspec

from gateway.classifiers.model_file import load_prior
from gateway.cli.options import assume_env_option, directory_argument
from gateway.cli.policy_trial import policies_to_try, tried
from gateway.domain.decision import DEFAULT_RULE, Decision
from gateway.domain.errors import GatewayError
from gateway.domain.policy import PolicySet
from gateway.domain.request import Caller
from gateway.policyfile.cases import Case, Expected, read_cases
from gateway.policyfile.problems import PolicyError
from gateway.ports import Classifier

_FIRST_CASE: Final = """\
no case in {directory}: write {file}, such as

cases:
  - name: an easy ask goes where the policy says
    ask: "Translate to French: good morning"
    alias: {alias}
    expect: {{rule: {rule}}}
  - name: legal work, whatever the classifier makes of it
    ask: "Draft a non-compete clause"
    alias: {alias}
    classification: {{task: legal, small_ok: 0.9, has_evidence: true}}
    expect: {{route: {route}}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One expectation that was not met."""

    what: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.what}: expected {_shown(self.expected)}, got {_shown(self.got)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case, tried; `decision` is None where its request would not be accepted."""

    case: Case
    decision: Decision | None
    differences: tuple[Difference, ...]

    @property
    def where(self) -> str:
        return f"{self.case.place.file}:{self.case.place.line}:{self.case.place.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many cases each rule of each policy decided, defaults included."""

    hits: Mapping[str, Mapping[str, int]]

    @property
    def percent(self) -> float:
        counts = [count for rules in self.hits.values() for count in rules.values()]
        return 100.0 * sum(count > 0 for count in counts) / len(counts)


@click.command("test")
@directory_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write JUnit XML here.")
@click.option("--min-coverage", type=click.FloatRange(0, 100), default=0.0, metavar="PERCENT", help="Fail below it.")
@assume_env_option
def try_cases(*, directory: Path, as_json: bool, junit: Path | None, min_coverage: float, assume_env: bool) -> None:
    """Run the cases (*.cases.yaml) in DIR, and tell which rules none of them reaches.

    DIR is $SIZEWISE_POLICIES or ./policies by default. Exits with 1 where a case fails or too few rules are reached.
    """
    try:
        policies = policies_to_try(directory, assume_env=assume_env)
        cases = read_cases(directory, policies)
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    if not cases:
        raise click.ClickException(_first_case(directory, policies))
    classifier = load_prior()
    results = [run_case(case, policies, classifier) for case in cases]
    coverage = coverage_of(results, policies)
    if junit is not None:
        _write(junit, as_junit(results))
    click.echo(msgspec.json.encode(_document(results, coverage)).decode() if as_json else _text(results, coverage))
    if coverage.percent < min_coverage:
        click.echo(f"coverage {coverage.percent:.1f} % is below --min-coverage {min_coverage:g}", err=True)
    if coverage.percent < min_coverage or any(result.differences for result in results):
        raise click.exceptions.Exit(1)


def run_case(case: Case, policies: PolicySet, classifier: Classifier) -> Result:
    caller = Caller(key_id=case.key.id, team=case.key.team, app=case.key.app)
    try:
        body = msgspec.json.encode(case.request)
        _, decision = tried(policies, body, classifier, caller=caller, said=case.said)
    except GatewayError as error:
        refused = Difference(what="request", expected="one the gateway accepts", got=str(error))
        return Result(case=case, decision=None, differences=(refused,))
    return Result(case=case, decision=decision, differences=tuple(_differences(case.expect, decision)))


def _differences(expect: Expected, decision: Decision) -> Iterator[Difference]:
    plan = [deployment.name for deployment in decision.plan]
    got = {
        "route": decision.route.name,
        "rule": decision.rule,
        "deployment": plan[0] if plan else None,
        "plan": plan,
        "refused": not plan,
    }
    for what, value in got.items():
        wanted = getattr(expect, what)
        if wanted is not None and wanted != value:
            yield Difference(what=what, expected=wanted, got=value)
    for name, why in (expect.excluded or {}).items():
        reason = decision.excluded.get(name)
        if reason is None or why not in reason:
            yield Difference(what=f"excluded {name!r}", expected=why or "left out", got=reason or "not left out")
    if expect.reason is not None and not any(expect.reason in reason for reason in decision.reasons):
        yield Difference(what="reason", expected=expect.reason, got=list(decision.reasons))


def coverage_of(results: Sequence[Result], policies: PolicySet) -> Coverage:
    decided = Counter((each.decision.policy, each.decision.rule) for each in results if each.decision is not None)
    rules_of = {policy.name: (*(rule.name for rule in policy.rules), DEFAULT_RULE) for policy in policies.policies}
    return Coverage(hits={name: {rule: decided[name, rule] for rule in rules} for name, rules in rules_of.items()})


def _text(results: Sequence[Result], coverage: Coverage) -> str:
    return "\n".join((*_case_lines(results), "", *_coverage_lines(coverage), "", _summary(results, coverage)))


def _case_lines(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        if not result.differences:
            yield f"ok      {result.case.name}"
            continue
        yield f"FAILED  {result.case.name} ({result.where})"
        for line in _why(result):
            yield f"          {line}"


def _why(result: Result) -> Iterator[str]:
    yield from map(str, result.differences)
    if result.decision is not None:
        for reason in result.decision.reasons:
            yield f"decided by {reason}"
        for name, reason in result.decision.excluded.items():
            yield f"left out {name}: {reason}"


def _coverage_lines(coverage: Coverage) -> Iterator[str]:
    for policy, rules in coverage.hits.items():
        yield f"policy {policy!r}: {sum(map(bool, rules.values()))} of {len(rules)} rules reached"
        for rule, count in rules.items():
            yield f"  {'hit' if count else 'never hit':<10} {rule}" + (f" ({count})" if count else "")


def _summary(results: Sequence[Result], coverage: Coverage) -> str:
    failed = sum(bool(result.differences) for result in results)
    return f"{len(results)} case{'s' * (len(results) != 1)}, {failed} failed, coverage {coverage.percent:.1f} %"


def _document(results: Sequence[Result], coverage: Coverage) -> dict[str, Any]:
    return {
        "cases": [_case_document(result) for result in results],
        "failed": sum(bool(result.differences) for result in results),
        "coverage_percent": coverage.percent,
        "coverage": coverage.hits,
    }


def _case_document(result: Result) -> dict[str, Any]:
    decision = result.decision
    return {
        "name": result.case.name,
        "file": result.case.place.file,
        "line": result.case.place.line,
        "ok": not result.differences,
        "differences": result.differences,
        "policy": None if decision is None else decision.policy,
        "rule": None if decision is None else decision.rule,
        "route": None if decision is None else decision.route.name,
        "plan": None if decision is None else [deployment.name for deployment in decision.plan],
        "reasons": None if decision is None else decision.reasons,
        "excluded": None if decision is None else decision.excluded,
    }


def as_junit(results: Sequence[Result]) -> bytes:
    """One test suite, as CI servers read it; a case's class is its file."""
    failed = sum(bool(result.differences) for result in results)
    counts = {"tests": str(len(results)), "failures": str(failed), "errors": "0", "skipped": "0"}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "sizewise policy test", **counts})
    for result in results:
        place = result.case.place
        case = ET.SubElement(
            suite,
            "testcase",
            {"name": result.case.name, "classname": Path(place.file).name, "file": place.file, "line": str(place.line)},
        )
        if result.differences:
            message = _printable("; ".join(map(str, result.differences)))
            failure = ET.SubElement(case, "failure", {"message": message})
            failure.text = "\n".join(map(_printable, (result.where, *_why(result))))
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _write(file: Path, document: bytes) -> None:
    try:
        file.write_bytes(document)
    except OSError as error:
        raise click.ClickException(
            f"cannot write {str(file)!r}: {error.strerror}; name a file you may write"
        ) from error


def _printable(text: str) -> str:
    """XML has no way to write a control character."""
    return "".join(char if char.isprintable() else " " for char in text)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return {None: "none", True: "yes", False: "no"}.get(value, repr(value))


def _first_case(directory: Path, policies: PolicySet) -> str:
    policy = policies.by_alias.get("auto", policies.policies[0])
    rule = policy.rules[-1].name if policy.rules else DEFAULT_RULE
    return _FIRST_CASE.format(
        directory=directory,
        file=directory / "default.cases.yaml",
        alias="auto" if "auto" in policy.serves else policy.serves[0],
        rule=msgspec.json.encode(rule).decode(),  # in quotes, for a rule's name may hold a colon
        route=policy.default.name,
    )
