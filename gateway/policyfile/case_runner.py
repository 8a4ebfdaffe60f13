"""Runs a policy's cases: what `policy test` prints, and what a reload asks before it puts new files in force."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.domain.decision import DEFAULT_RULE, Decision
from gateway.domain.errors import GatewayError
from gateway.domain.policy import PolicySet
from gateway.policyfile.cases import Case, Expected
from gateway.policyfile.problems import Problems
from gateway.policyfile.trial import Trial


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


def check_all(cases: Iterable[Case], policies: PolicySet, trial: Trial) -> None:
    """Raises PolicyError with every case that is not met."""
    problems = Problems()
    for case in cases:
        result = run_case(case, policies, trial)
        if result.differences:
            problems.add(case.place, "", f"case {case.name!r} fails: {'; '.join(map(str, result.differences))}")
    problems.raise_if_any()


def run_case(case: Case, policies: PolicySet, trial: Trial) -> Result:
    """Decide the case's request, and compare."""
    try:
        decision = trial.decide(policies, msgspec.json.encode(case.request), case.given).decision
    except GatewayError as error:
        refused = Difference(what="request", expected="one the gateway accepts", got=str(error))
        return Result(case=case, decision=None, differences=(refused,))
    return Result(case=case, decision=decision, differences=tuple(_differences(case.expect, decision)))


def coverage_of(results: Sequence[Result], policies: PolicySet) -> Coverage:
    """What the cases reached."""
    decided = Counter((each.decision.policy, each.decision.rule) for each in results if each.decision is not None)
    rules_of = {policy.name: (*(rule.name for rule in policy.rules), DEFAULT_RULE) for policy in policies.policies}
    return Coverage(hits={name: {rule: decided[name, rule] for rule in rules} for name, rules in rules_of.items()})


def _differences(expect: Expected, decision: Decision) -> Iterator[Difference]:
    plan = [deployment.name for deployment in decision.plan]
    got = {
        "route": decision.route.name,
        "rule": decision.rule,
        "deployment": plan[0] if plan else None,
        "tier": decision.plan[0].tier if plan else None,
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


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return {None: "none", True: "yes", False: "no"}.get(value, repr(value))
