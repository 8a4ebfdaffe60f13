"""From facts to a plan: constraints, then rules, then the route's deployments in order, each exclusion with its reason.

Pure: the same facts, policy, resting deployments and time give the same decision, live, in a test or in a replay.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.domain.policy import Deployment, Facts, Policy, Route

DEFAULT_RULE = "default"


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


def decide(policy: Policy, facts: Facts, cooling: Mapping[str, float]) -> Decision:
    """Choose the plan for one request.

    cooling  deployments at rest → seconds until they are back; they are left out unless nothing else is left
    """
    bound = policy.bind(facts, policy.threshold)
    reasons: list[str] = []
    barred = _barred(policy, bound, reasons)
    rule, route = _chosen(policy, bound, reasons)
    excluded: dict[str, str] = {}
    fit = [
        deployment for deployment in (*route.first, *route.then) if not _excluded(deployment, facts, barred, excluded)
    ]
    plan = _without_cooling(fit, cooling, excluded, reasons)
    return Decision(
        policy=policy.name,
        policy_version=policy.version,
        route=route,
        rule=rule,
        plan=tuple(plan),
        reasons=tuple(reasons),
        excluded=excluded,
        threshold=policy.threshold,
        baseline=policy.baseline,
    )


def _barred(policy: Policy, bound: Any, reasons: list[str]) -> Callable[[str], str | None]:
    """Which constraint bars a deployment, by name; None where none does."""
    active = [constraint for constraint in policy.constraints if constraint.when.holds(bound)]
    reasons.extend(f"constraint {each.name!r}: only {each.requires}" for each in active)

    def barring(deployment: str) -> str | None:
        for constraint in active:
            if deployment not in constraint.permitted:
                return f"constraint {constraint.name!r}"
        return None

    return barring


def _chosen(policy: Policy, bound: Any, reasons: list[str]) -> tuple[str, Route]:
    for rule in policy.rules:
        if rule.when.holds(bound):
            reasons.append(f"rule {rule.name!r}: {rule.when.source}")
            return rule.name, rule.route
    reasons.append("no rule matched: the policy's default")
    return DEFAULT_RULE, policy.default


def _excluded(
    deployment: Deployment, facts: Facts, barred: Callable[[str], str | None], excluded: dict[str, str]
) -> bool:
    why = barred(deployment.name) or _unfit(deployment, facts)
    if why is None:
        return False
    excluded[deployment.name] = why
    return True


def _unfit(deployment: Deployment, facts: Facts) -> str | None:
    """Why the deployment could not serve the request at all: its window or its capabilities."""
    signals = facts.signals
    needed = signals.tokens + signals.max_output_tokens
    if deployment.context_window is not None and needed > deployment.context_window:
        return f"context window {deployment.context_window} < {needed} tokens"
    if deployment.capabilities is not None:
        for capability, wanted in (
            ("tools", signals.tools > 0),
            ("json_schema", signals.structured),
            ("vision", signals.images > 0),
        ):
            if wanted and capability not in deployment.capabilities:
                return f"no capability {capability!r}"
    return None


def _without_cooling(
    fit: list[Deployment], cooling: Mapping[str, float], excluded: dict[str, str], reasons: list[str]
) -> list[Deployment]:
    """Leave resting deployments out, unless all are at rest: then each is better than none."""
    if not cooling:
        return fit
    rested = [deployment for deployment in fit if deployment.name not in cooling]
    if not rested:
        if fit:
            reasons.append("every deployment is cooling down: trying them all the same")
        return fit
    excluded.update(
        {each.name: f"cooldown for {cooling[each.name]:.1f} s more" for each in fit if each.name in cooling}
    )
    return rested
