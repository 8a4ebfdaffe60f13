"""From facts to a plan: constraints, then rules, then the route's deployments in order, each exclusion with its reason.

Pure: the same facts, policy, resting deployments and time give the same decision, live, in a test or in a replay.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.domain.policy import Constraint, Deployment, Facts, Match, Policy, Route
from gateway.domain.signals import Signals

DEFAULT_RULE = "default"
_TOO_LONG = "context window"
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
    def is_too_long(self) -> bool:
        """Nothing may be called, for no other reason than the length of the prompt."""
        return not self.plan and all(why.startswith(_TOO_LONG) for why in self.excluded.values())


def decide(policy: Policy, facts: Facts, cooling: Mapping[str, float]) -> Decision:
    """Choose the plan for one request.

    cooling  deployments at rest → seconds until they are back; they are left out unless nothing else is left
    """
    bound = policy.bind(facts, policy.threshold)
    match = policy.match(bound) or _asked_one_by_one(policy, bound)
    rule, route = match.rule, policy.default if match.rule is None else match.rule.route
    reasons = [f"constraint {each.name!r}: only {each.requires}" for each in match.constraints]
    reasons.append(_NO_RULE if rule is None else f"rule {rule.name!r}: {rule.when.source}")
    plan: Sequence[Deployment] = route.first + route.then
    excluded = _excluded(plan, match.constraints, facts.signals)
    if excluded:
        plan = [deployment for deployment in plan if deployment.name not in excluded]
    if cooling:
        plan = _without_cooling(plan, cooling, excluded, reasons)
    return Decision(
        policy=policy.name,
        policy_version=policy.version,
        route=route,
        rule=DEFAULT_RULE if rule is None else rule.name,
        plan=tuple(plan),
        reasons=tuple(reasons),
        excluded=excluded,
        threshold=policy.threshold,
        baseline=policy.baseline,
    )


def _asked_one_by_one(policy: Policy, bound: Any) -> Match:
    return Match(
        constraints=tuple(constraint for constraint in policy.constraints if constraint.when.holds(bound)),
        rule=next((rule for rule in policy.rules if rule.when.holds(bound)), None),
    )


def _excluded(route: Sequence[Deployment], constraints: Sequence[Constraint], signals: Signals) -> dict[str, str]:
    """The deployments that may not or cannot serve the request: name → why."""
    excluded: dict[str, str] = {}
    needed = signals.tokens + signals.max_output_tokens
    for deployment in route:
        if constraints and (bar := _bar(deployment, constraints)) is not None:
            excluded[deployment.name] = f"constraint {bar.name!r}"
        elif deployment.context_window is not None and needed > deployment.context_window:
            excluded[deployment.name] = f"{_TOO_LONG} {deployment.context_window} < {needed} tokens"
        elif deployment.capabilities is not None and (lack := _lack(deployment.capabilities, signals)) is not None:
            excluded[deployment.name] = f"no capability {lack!r}"
    return excluded


def _bar(deployment: Deployment, constraints: Sequence[Constraint]) -> Constraint | None:
    return next((each for each in constraints if deployment.name not in each.permitted), None)


def _lack(capabilities: frozenset[str], signals: Signals) -> str | None:
    """The first capability that the request needs and is not there."""
    if signals.tools > 0 and "tools" not in capabilities:
        return "tools"
    if signals.structured and "json_schema" not in capabilities:
        return "json_schema"
    if signals.images > 0 and "vision" not in capabilities:
        return "vision"
    return None


def _without_cooling(
    fit: Sequence[Deployment], cooling: Mapping[str, float], excluded: dict[str, str], reasons: list[str]
) -> Sequence[Deployment]:
    """Leave resting deployments out, unless all are at rest: then each is better than none."""
    rested = [deployment for deployment in fit if deployment.name not in cooling]
    if not rested:
        if fit:
            reasons.append("every deployment is cooling down: trying them all the same")
        return fit
    excluded.update(
        {each.name: f"cooldown for {cooling[each.name]:.1f} s more" for each in fit if each.name in cooling}
    )
    return rested
