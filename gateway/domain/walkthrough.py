"""One request through a policy, condition by condition: what `decide` comes to, with all that it looked at.

Pure, and slow next to `decide`: for people who ask why, never for live traffic.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from gateway.domain.affinity import remembers
from gateway.domain.comparison import beside
from gateway.domain.decision import Decision, decide
from gateway.domain.estimate import estimated_cost, expected_output_tokens
from gateway.domain.exclusions import exclusions
from gateway.domain.facts import Facts
from gateway.domain.policy import Condition, Constraint, Deployment, Policy, PolicySet, Rule
from gateway.domain.rollout import Beside

Readings = Callable[[Condition, Any], Mapping[str, Any]]
"""From a condition and what `Policy.bind` made of the request to the values of the facts that the condition reads."""


class UnexplainableError(Exception):
    """The question cannot be answered.

    problems  each with its file, line, column, path, message and suggestion, as plain values
    """

    def __init__(self, problems: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(str(problem["message"]) for problem in problems))
        self.problems = tuple(problems)


class Asked(Struct, frozen=True, kw_only=True):
    """A constraint or a rule, as it was asked about the request.

    leads_to  what a constraint requires of a deployment, or the name of a rule's route
    holds     None: not asked, for a rule before it was true
    failed    why the condition could not be told; `holds` is then what it is taken for
    values    of the facts that the condition reads; none where it was not asked
    """

    name: str
    when: str
    leads_to: str
    holds: bool | None
    failed: str = ""
    values: Mapping[str, Any] = {}


class Candidate(Struct, frozen=True, kw_only=True):
    """A deployment that could serve the request: no constraint, window or capability stands against it.

    place          in the plan, from 1; None: the decision leaves it aside
    cost_nano_usd  estimated; None: it has no price, and `unpriced` says why
    """

    deployment: str
    tier: str
    model: str
    place: int | None
    cost_nano_usd: int | None
    unpriced: str | None


class Walkthrough(Struct, frozen=True, kw_only=True):
    """The whole story before the first call.

    rules          in the policy's order
    candidates     of all deployments there are: the plan's in its order, then the others, the cheapest first
    output_tokens  how long an answer the costs are for
    is_remembered  the policy goes by the session that was given
    beside         what the other policy would decide, where one is being rolled out
    """

    policy: Policy
    facts: Facts
    decision: Decision
    constraints: tuple[Asked, ...]
    rules: tuple[Asked, ...]
    candidates: tuple[Candidate, ...]
    output_tokens: int
    is_remembered: bool
    beside: Beside | None


def walk_through(policies: PolicySet, policy: Policy, facts: Facts, readings: Readings) -> Walkthrough:
    """Ask each condition of the policy in its order, next to the decision itself.

    policies  the set that the policy is of, for candidates and the policy that is being rolled out
    """
    decision = decide(policy, facts)
    session = facts.session if facts.session is not None and remembers(policy, facts, facts.session) else None
    bound = policy.bind(replace(facts, session=session), policy.threshold)
    return Walkthrough(
        policy=policy,
        facts=facts,
        decision=decision,
        constraints=tuple(_constraint(each, bound, readings) for each in policy.constraints),
        rules=_rules(policy.rules, bound, readings),
        candidates=_candidates(policies, policy, replace(facts, session=session), decision, bound),
        output_tokens=expected_output_tokens(facts.signals),
        is_remembered=session is not None,
        beside=_beside(policies, policy, facts, decision),
    )


def _constraint(constraint: Constraint, bound: Any, readings: Readings) -> Asked:
    return Asked(
        name=constraint.name,
        when=constraint.when.source,
        leads_to=constraint.requires,
        holds=constraint.when.holds(bound),
        failed=constraint.when.failure(bound),
        values=readings(constraint.when, bound),
    )


def _rules(rules: Sequence[Rule], bound: Any, readings: Readings) -> tuple[Asked, ...]:
    asked: list[Asked] = []
    is_decided = False
    for rule in rules:
        each = Asked(name=rule.name, when=rule.when.source, leads_to=rule.goes_to, holds=None)
        if not is_decided:
            is_decided = rule.when.holds(bound)
            why = rule.when.failure(bound)
            each = replace(each, holds=is_decided, failed=why, values=readings(rule.when, bound))
        asked.append(each)
    return tuple(asked)


def _candidates(
    policies: PolicySet, policy: Policy, facts: Facts, decision: Decision, bound: Any
) -> tuple[Candidate, ...]:
    held = [constraint for constraint in policy.constraints if constraint.when.holds(bound)]
    barred = exclusions([*policies.deployments.values()], held, facts.signals)
    places = {deployment.name: place for place, deployment in enumerate(decision.plan, 1)}
    able = [each for each in policies.deployments.values() if each.name not in barred]
    candidates = [_candidate(each, places.get(each.name), policy, facts) for each in able]
    return tuple(sorted(candidates, key=lambda each: (each.place or len(places) + 1, *_dearness(each))))


def _dearness(candidate: Candidate) -> tuple[bool, int]:
    return candidate.cost_nano_usd is None, candidate.cost_nano_usd or 0


def _candidate(deployment: Deployment, place: int | None, policy: Policy, facts: Facts) -> Candidate:
    cached = _cached_tokens(deployment, policy, facts)
    cost = estimated_cost(deployment, facts.signals, cached_tokens=cached, at_s=facts.at_s)
    return Candidate(
        deployment=deployment.name,
        tier=deployment.tier,
        model=deployment.model,
        place=place,
        cost_nano_usd=cost,
        unpriced=deployment.unpriced or "no price" if cost is None else None,
    )


def _cached_tokens(deployment: Deployment, policy: Policy, facts: Facts) -> int:
    """What of the prompt the deployment's cache is taken to hold: something only where the session is and is warm."""
    session = facts.session
    if session is None or session.deployment != deployment.name:
        return 0
    return session.prefix_tokens if facts.at_s - session.seen_at_s <= policy.affinity.cache_s else 0


def _beside(policies: PolicySet, policy: Policy, facts: Facts, decision: Decision) -> Beside | None:
    alias = facts.request.alias
    live, candidate = policies.by_alias.get(alias), policies.candidates.get(alias)
    if live is None or candidate is None or policy not in (live, candidate):
        return None
    return beside(live if policy is candidate else candidate, facts, decision, policy)


def as_document(walkthrough: Walkthrough) -> dict[str, Any]:
    """The story for programs, in plain values; never the request's text, a URL or a key."""
    facts, decision = walkthrough.facts, walkthrough.decision
    costs = {each.deployment: each for each in walkthrough.candidates}
    session = None if facts.session is None else facts.session
    document: dict[str, Any] = {
        "alias": facts.request.alias,
        "team": facts.caller.team,
        "app": facts.caller.app,
        "tags": facts.caller.tags,
        "signals": facts.signals,
        "classification": to_builtins(facts.classification)
        | {
            "contributions": [
                {"feature": each.feature, "log_odds": each.log_odds} for each in facts.classification.contributions
            ]
        },
        "budget": facts.budget,
        "resting": sorted(facts.fleet.cooling),
        "session": None if session is None else to_builtins(session) | {"is_remembered": walkthrough.is_remembered},
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "threshold": decision.threshold,
        "constraints": [_asked_document(each, "require") for each in walkthrough.constraints],
        "rules": [_asked_document(each, "route") for each in walkthrough.rules],
        "rule": decision.rule,
        "route": decision.route.name,
        "reasons": decision.reasons,
        "plan": [
            {
                "deployment": each.name,
                "tier": each.tier,
                "model": each.model,
                "estimated_cost_nano_usd": costs[each.name].cost_nano_usd,
            }
            for each in decision.plan
        ],
        "excluded": decision.excluded,
        "refused": not decision.plan,
        "baseline": None if decision.baseline is None else decision.baseline.name,
        "estimated_output_tokens": walkthrough.output_tokens,
        "candidates": [
            {
                "deployment": each.deployment,
                "tier": each.tier,
                "model": each.model,
                "place": each.place,
                "estimated_cost_nano_usd": each.cost_nano_usd,
                "unpriced": each.unpriced,
            }
            for each in walkthrough.candidates
        ],
        "beside": walkthrough.beside,
    }
    plain: dict[str, Any] = to_builtins(document)
    return plain


def _asked_document(asked: Asked, leads_to: str) -> dict[str, Any]:
    return {
        "name": asked.name,
        "when": asked.when,
        leads_to: asked.leads_to,
        "asked": asked.holds is not None,
        "holds": asked.holds,
        "failed": asked.failed or None,
        "values": asked.values,
    }
