"""A policy as its records need it: which conditions were asked, in what order, kept for longer than its file may be."""

from collections.abc import Iterator

from msgspec import Struct

from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.policy import Policy
from gateway.domain.record import RequestRecord


class Clause(Struct, frozen=True, array_like=True):
    """A constraint, or a rule. `then`: what it requires, or the route it goes to."""

    name: str
    when: str
    then: str


class Outline(Struct, frozen=True, kw_only=True):
    """One version of one policy; constraints and rules in their order."""

    policy: str
    version: str
    threshold: float
    default: str
    constraints: tuple[Clause, ...] = ()
    rules: tuple[Clause, ...] = ()


def outline_of(policy: Policy) -> Outline:
    return Outline(
        policy=policy.name,
        version=policy.version,
        threshold=policy.threshold,
        default=policy.default.name,
        constraints=tuple(Clause(each.name, each.when.source, each.requires) for each in policy.constraints),
        rules=tuple(Clause(each.name, each.when.source, each.goes_to) for each in policy.rules),
    )


def passed_over(record: RequestRecord, outline: Outline) -> Iterator[str]:
    """A line for each constraint that did not hold, and for each rule that stands before the one that chose."""
    for each in outline.constraints:
        if not any(reason.startswith(f"constraint {each.name!r}: ") for reason in record.reasons):
            yield f"  constraint {each.name!r} did not hold: {each.when}"
    if any(reason.startswith("session: ") for reason in record.reasons):
        return  # no rule was asked anew
    for each in outline.rules:
        if each.name == record.rule != DEFAULT_RULE:
            return
        yield f"  rule {each.name!r} did not match: {each.when}"
