"""From facts to a plan: constraints, then the session or the rules, then the route's deployments in order.

Pure: the same facts and policy give the same decision, live, in a test or in a replay.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.affinity import keeps_turn, remembers, settled
from gateway.domain.exclusions import (
    RESTING,
    STANDS_BEHIND,
    TOO_LONG,
    Notes,
    all_the_same,
    barred_by,
    exclusions,
    without_resting,
    without_untriggered,
)
from gateway.domain.facts import Facts
from gateway.domain.policy import Constraint, Deployment, Match, Policy, Route
from gateway.domain.strategy import ordered

DEFAULT_RULE = "default"
_NO_RULE = "no rule matched: the policy's default"


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided, and why.

    plan      the deployments to try, in order; empty: nothing may be called
    rule      the rule that chose the route, `default` where none did
    excluded  deployment name → why it is not in the plan
    """

    policy: str
    policy_version: str
    route: Route
    rule: str
    plan: tuple[Deployment, ...]
    reasons: tuple[str, ...]
    excluded: Mapping[str, str]
    threshold: float
    baseline: Deployment | None

    @property
    def is_resting(self) -> bool:
        """Nothing may be called, and all that might serve it rest."""
        return not self.plan and any(why.startswith(RESTING) for why in self.excluded.values())

    @property
    def is_too_long(self) -> bool:
        """Nothing may be called, and the prompt's length is why: what else is left out only stood behind it."""
        reasons = self.excluded.values()
        is_why = any(why.startswith(TOO_LONG) for why in reasons)
        return not self.plan and is_why and all(why.startswith((TOO_LONG, *STANDS_BEHIND)) for why in reasons)


def decide(policy: Policy, facts: Facts) -> Decision:
    """Choose the plan for one request."""
    if facts.session is not None and not remembers(policy, facts, facts.session):
        facts = replace(facts, session=None)
    bound = policy.bind(facts, policy.threshold)
    match = policy.match(bound) or _asked_one_by_one(policy, bound)
    notes = Notes()
    notes.reasons.extend(f"constraint {each.name!r}: only {each.requires}" for each in match.constraints)
    route, rule = _chosen(policy, match, facts, notes)
    plan = _planned(route, policy, match, facts, notes)
    if not plan and (constraint := _with_instead(match.constraints, notes)) and constraint.instead is not None:
        notes.reasons.append(
            f"route {route.name!r} may not serve it: constraint {constraint.name!r} says where instead"
        )
        route = constraint.instead
        plan = _planned(route, policy, match, facts, notes)
        notes.excluded = {name: why for name, why in notes.excluded.items() if all(name != each.name for each in plan)}
    return Decision(
        policy=policy.name,
        policy_version=policy.version,
        route=route,
        rule=rule,
        plan=tuple(plan),
        reasons=tuple(notes.reasons),
        excluded=notes.excluded,
        threshold=policy.threshold,
        baseline=policy.baseline,
    )


def _asked_one_by_one(policy: Policy, bound: Any) -> Match:
    return Match(
        constraints=tuple(constraint for constraint in policy.constraints if constraint.when.holds(bound)),
        rule=next((rule for rule in policy.rules if rule.when.holds(bound)), None),
    )


def _chosen(policy: Policy, match: Match, facts: Facts, notes: Notes) -> tuple[Route, str]:
    """The route, and the name of the rule that chose it, now or when a human last asked."""
    rule, session = match.rule, facts.session
    if session is not None and keeps_turn(match, facts, session):
        notes.reasons.append(
            f"session: nothing new was asked since rule {session.rule!r} chose route {session.route!r}"
        )
        return policy.routes[session.route], session.rule
    if rule is None:
        notes.reasons.append(_NO_RULE)
        return policy.default, DEFAULT_RULE
    notes.reasons.append(f"rule {rule.name!r}: {rule.when.source}")
    if rule.route is not None:
        return rule.route, rule.name
    return (policy.default if session is None else policy.routes[session.route]), rule.name


def _planned(route: Route, policy: Policy, match: Match, facts: Facts, notes: Notes) -> Sequence[Deployment]:
    """The route's deployments that may be called, in the order to try them."""
    first: Sequence[Deployment] = route.first
    then: Sequence[Deployment] = route.then
    if barred := exclusions((*first, *then), match.constraints, facts.signals):
        notes.excluded.update(barred)
        first = [each for each in first if each.name not in barred]
        then = [each for each in then if each.name not in barred]
    first, why = ordered(route, first, facts)
    if why:
        notes.reasons.append(why)
    plan: Sequence[Deployment] = (*first, *then)
    if facts.session is not None:
        plan = settled(plan, policy, match, facts, notes)
    cooling = facts.fleet.cooling
    usable = without_resting(plan, cooling, notes, insists=route.insists) if cooling else plan
    if route.triggers:
        kept = "" if facts.session is None else facts.session.deployment
        usable = without_untriggered(usable, route, notes, kept)
        if not usable and route.insists:
            usable = all_the_same(plan, cooling, notes)
    return usable


def _with_instead(constraints: Sequence[Constraint], notes: Notes) -> Constraint | None:
    """The first that bars something of the route and says where to go instead."""
    bars = {*notes.excluded.values()}
    return next((each for each in constraints if each.instead is not None and barred_by(each) in bars), None)
