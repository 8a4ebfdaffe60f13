"""Which deployments of a route may not be called for a request, and why."""

from collections.abc import Mapping, Sequence

from gateway.domain.errors import Trigger
from gateway.domain.policy import Constraint, Deployment, Route
from gateway.domain.signals import Signals

TOO_LONG = "context window"
NEVER_DOWN = "tool loop"
_TAKES_OVER = "takes over on"
STANDS_BEHIND = (NEVER_DOWN, _TAKES_OVER)
"""How the reasons begin of what is left out for the sake of another deployment."""
RESTING = "cooldown"
_ALL_THE_SAME = "every deployment is cooling down: trying them all the same"
_FAILED_BEFORE: Mapping[str, frozenset[Trigger]] = {
    TOO_LONG: frozenset({"context_overflow"}),
    RESTING: frozenset({"error", "timeout", "rate_limit"}),
}
"""How a reason begins → the failures that its deployment would meet, or has met."""


class Notes:
    """What is written down while a plan is made: why it is so, and why a deployment is not in it."""

    __slots__ = ("excluded", "reasons")

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.excluded: dict[str, str] = {}


def exclusions(
    deployments: Sequence[Deployment], constraints: Sequence[Constraint], signals: Signals
) -> dict[str, str]:
    """Deployment → why it may not be called: a constraint, its context window, or a capability it lacks."""
    needed = signals.tokens + signals.max_output_tokens
    excluded: dict[str, str] = {}
    for deployment in deployments:
        if constraints and (bar := _bar(deployment, constraints)) is not None:
            excluded[deployment.name] = barred_by(bar)
        elif deployment.context_window is not None and needed > deployment.context_window:
            excluded[deployment.name] = f"{TOO_LONG} {deployment.context_window} < {needed} tokens"
        elif deployment.capabilities is not None and (lack := _lack(deployment.capabilities, signals)) is not None:
            excluded[deployment.name] = f"no capability {lack!r}"
    return excluded


def barred_by(constraint: Constraint) -> str:
    """The reason of a deployment that the constraint bars."""
    return f"constraint {constraint.name!r}"


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


def without_resting(
    fit: Sequence[Deployment], cooling: Mapping[str, float], notes: Notes, *, insists: bool
) -> Sequence[Deployment]:
    """Leave resting deployments out. Where all are at rest each is better than none, if the route insists."""
    rested = [deployment for deployment in fit if deployment.name not in cooling]
    if not rested and insists:
        if fit:
            notes.reasons.append(_ALL_THE_SAME)
        return fit
    notes.excluded.update(
        {each.name: f"{RESTING} for {cooling[each.name]:.1f} s more" for each in fit if each.name in cooling}
    )
    return rested


def without_untriggered(plan: Sequence[Deployment], route: Route, notes: Notes, kept: str = "") -> Sequence[Deployment]:
    """Leave out what the plan would begin with though it is only for failures nobody has met.

    kept  the deployment of the session: the failures it took over on were met when it did
    """
    starts = [start for start in _FAILED_BEFORE if any(why.startswith(start) for why in notes.excluded.values())]
    met = frozenset[Trigger]().union(route.triggers.get(kept, ()), *(_FAILED_BEFORE[start] for start in starts))
    for place, each in enumerate(plan):
        kinds = route.triggers.get(each.name)
        if kinds is None or kinds & met:
            return plan[place:]
        notes.excluded[each.name] = f"{_TAKES_OVER} {', '.join(sorted(kinds))} only"
    return ()


def all_the_same(plan: Sequence[Deployment], cooling: Mapping[str, float], notes: Notes) -> Sequence[Deployment]:
    """Those at rest, where nobody else may begin: each is better than none."""
    resting = [each for each in plan if each.name in cooling]
    if resting:
        for each in resting:
            notes.excluded.pop(each.name, None)
        notes.reasons.append(_ALL_THE_SAME)
    return resting
