"""What a case or a question takes to be so besides its request: its keys, the names in them, the `Given` they make."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, PlainValidator

from gateway.domain.classification import Task
from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.facts import NO_BUDGET, WELL, Budget, Fleet
from gateway.domain.policy import Policy, PolicySet
from gateway.domain.request import Caller
from gateway.domain.sensitivity import Kind, Sensitivity, highest
from gateway.domain.session import KINDS, Session
from gateway.domain.signals import Script
from gateway.policyfile.nodes import Location
from gateway.policyfile.schema import Header, Number, Raw, Share
from gateway.policyfile.trial import Given, named

RESTING_S: Final = 30.0
"""How much longer a deployment said to be at rest would rest."""
_YEARS: Final = (1970, 2100)

Count = Annotated[int, Field(ge=0, le=2**53)]
Name = Annotated[str, Field(min_length=1)]


def _moment(value: Any) -> float:
    """A time as people write it, `2026-11-20 14:30`, as Unix time in seconds; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError("must be a time such as 2026-11-20 14:30 (UTC) or 2026-11-20T14:30+01:00") from error
    if not _YEARS[0] < moment.year < _YEARS[1]:
        raise ValueError(f"must be a time after {_YEARS[0]} and before {_YEARS[1]}")
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


class RawSaid(Raw):
    """What the classifier is taken to have said; a key left out stays what it says."""

    task: Task | None = None
    small_ok: Share | None = None
    confidence: Share | None = None
    has_evidence: bool | None = None


class RawMeasured(Raw):
    """Signals to take in place of the measured ones; of `sensitivity` and `sensitive`, either gives the other."""

    tokens: Count | None = None
    ask_tokens: Count | None = None
    turns: Count | None = None
    messages: Count | None = None
    tools: Count | None = None
    tool_loop: bool | None = None
    images: Count | None = None
    structured: bool | None = None
    code: bool | None = None
    maths: bool | None = None
    max_output_tokens: Count | None = None
    script: Script | None = None
    sensitivity: Sensitivity | None = None
    code_language: str | None = None
    language: str | None = None
    asked_tokens: Count | None = None
    trivial: bool | None = None
    sensitive: list[Kind] | None = None


class RawBudget(Raw):
    used_ratio: Annotated[Number, Field(ge=0, le=1000)]


class RawPast(Raw):
    """What is remembered of the conversation; without a deployment, the route's first."""

    route: Name
    rule: Name = DEFAULT_RULE
    deployment: Name | None = None
    sensitive: list[Kind] = Field(default_factory=list)
    prefix_tokens: Count = 0
    age_s: Annotated[Number, Field(ge=0, le=10**9)] = Decimal(0)


class Circumstances(Raw):
    """Each may be left out: then the conversation is new, every deployment is well, and there is no budget."""

    policy: Name | None = None
    signals: RawMeasured = RawMeasured()
    classification: RawSaid = RawSaid()
    headers: dict[Header, str] = Field(default_factory=dict)
    budget: RawBudget | None = None
    resting: list[Name] = Field(default_factory=list)
    latency_ms: dict[str, Annotated[Number, Field(ge=0, le=10**9)]] = Field(default_factory=dict)
    session: RawPast | None = None
    at: Annotated[float, PlainValidator(_moment)] | None = None


NESTED: Mapping[str, type[Raw]] = {
    "signals": RawMeasured,
    "classification": RawSaid,
    "budget": RawBudget,
    "session": RawPast,
}
"""Which model a key of the circumstances holds."""


class Named(NamedTuple):
    """A name that must be known.

    loc     the keys and indexes that lead to it
    is_key  it is itself the last of them, or stands in a list that is written in place of such a mapping
    """

    noun: str
    name: str
    loc: Location
    known: Collection[str]
    is_key: bool = False


def names_in(raw: Circumstances, alias: str | None, alias_at: Location, policies: PolicySet) -> Iterator[Named]:
    """Each name the circumstances refer to, and the alias that the request asks for."""
    policy = deciding(raw, alias, policies)
    if raw.policy is not None:
        yield Named("policy", raw.policy, ("policy",), [each.name for each in policies.policies])
    if alias is not None:
        serves = policies.by_alias if raw.policy is None or policy is None else policy.serves
        yield Named("model alias", alias, alias_at, serves)
    for index, name in enumerate(raw.resting):
        yield Named("deployment", name, ("resting", index), policies.deployments)
    for name in raw.latency_ms:
        yield Named("deployment", name, ("latency_ms", name), policies.deployments, is_key=True)
    if policy is not None:
        for name in raw.headers:
            yield Named("header of the policy", name, ("headers", name), policy.headers, is_key=True)
    if raw.session is not None:
        yield from _names_in_past(raw.session, policy, policies)


def _names_in_past(past: RawPast, policy: Policy | None, policies: PolicySet) -> Iterator[Named]:
    routes = policies.routes if policy is None else policy.routes
    yield Named("route", past.route, ("session", "route"), routes)
    if policy is not None:
        yield Named("rule", past.rule, ("session", "rule"), rules_of(policy))
    if past.deployment is not None:
        yield Named("deployment", past.deployment, ("session", "deployment"), policies.deployments)


def rules_of(policy: Policy) -> tuple[str, ...]:
    """What a decision of the policy may give as its rule."""
    return (DEFAULT_RULE, *(rule.name for rule in policy.rules))


def deciding(raw: Circumstances, alias: str | None, policies: PolicySet) -> Policy | None:
    """The policy that would decide; None where there is none of that name or for that alias."""
    return policies.by_alias.get(alias or "") if raw.policy is None else named(policies, raw.policy)


def given_by(raw: Circumstances, caller: Caller, policies: PolicySet, *, now_s: float = 0.0) -> Given:
    """What they come to, once their names are known. `now_s`: the time where they say none."""
    at_s = now_s if raw.at is None else raw.at
    return Given(
        policy=raw.policy or "",
        caller=caller,
        measured=_measured(raw.signals),
        said=_plain(raw.classification),
        headers=raw.headers,
        session=None if raw.session is None else _session(raw.session, policies, at_s),
        budget=NO_BUDGET if raw.budget is None else Budget(exists=True, used_ratio=float(raw.budget.used_ratio)),
        fleet=_fleet(raw),
        at_s=at_s,
    )


def _fleet(raw: Circumstances) -> Fleet:
    if not raw.resting and not raw.latency_ms:
        return WELL
    return Fleet(
        cooling=dict.fromkeys(raw.resting, RESTING_S),
        latency_ms={name: float(latency) for name, latency in raw.latency_ms.items()},
    )


def _measured(raw: RawMeasured) -> dict[str, Any]:
    measured = _plain(raw)
    if raw.sensitive is not None:
        measured["sensitive"] = kinds = _kinds(raw.sensitive)
        measured.setdefault("sensitivity", highest(kinds))
    elif raw.sensitivity is not None:
        measured["sensitive"] = tuple(kind for kind in KINDS if kind == raw.sensitivity)
    return measured


def _session(past: RawPast, policies: PolicySet, at_s: float) -> Session:
    route = policies.routes[past.route]
    deployment = route.first[0] if past.deployment is None else policies.deployments[past.deployment]
    return Session(
        rule=past.rule,
        route=past.route,
        deployment=deployment.name,
        tier=deployment.tier,
        rank=deployment.rank,
        sensitive=_kinds(past.sensitive),
        prefix_tokens=past.prefix_tokens,
        seen_at_s=at_s - float(past.age_s),
    )


def _kinds(kinds: Collection[Kind]) -> tuple[Kind, ...]:
    """Each once, the gravest first, as they are measured."""
    return tuple(kind for kind in KINDS if kind in kinds)


def _plain(raw: Raw) -> dict[str, Any]:
    """What was said, by key."""
    said = {name: value for name, value in raw if value is not None}
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in said.items()}
