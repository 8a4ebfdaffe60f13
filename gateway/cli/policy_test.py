"""`sizewise policy test`: every case of a directory tried, and which rules no case reaches."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import click
import msgspec

from gateway.cli.options import assume_env_option, directory_argument
from gateway.cli.output import write_file
from gateway.cli.policy_trial import policies_to_try, trial
from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.policy import PolicySet
from gateway.policyfile.case_runner import Coverage, Result, coverage_of, run_case
from gateway.policyfile.cases import read_cases
from gateway.policyfile.problems import PolicyError

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
    as_live = trial()
    results = [run_case(case, policies, as_live) for case in cases]
    coverage = coverage_of(results, policies)
    if junit is not None:
        write_file(junit, as_junit(results))
    click.echo(msgspec.json.encode(_document(results, coverage)).decode() if as_json else _text(results, coverage))
    if coverage.percent < min_coverage:
        click.echo(f"coverage {coverage.percent:.1f} % is below --min-coverage {min_coverage:g}", err=True)
    if coverage.percent < min_coverage or any(result.differences for result in results):
        raise click.exceptions.Exit(1)


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


def _printable(text: str) -> str:
    """XML has no way to write a control character."""
    return "".join(char if char.isprintable() else " " for char in text)


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
