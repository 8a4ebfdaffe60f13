"""In which order a route's first deployments are tried. Pure: the same facts give the same order."""

from collections.abc import Callable, Mapping, Sequence

from gateway.domain.estimate import estimated_cost
from gateway.domain.facts import Facts
from gateway.domain.policy import Deployment, Route, Strategy
from gateway.domain.pricing import usd
from gateway.domain.session import draw_of

Order = Callable[[Route, Sequence[Deployment], Facts], tuple[Sequence[Deployment], str]]
"""From a route, its deployments that may be called and the facts to their order, and why it is so."""


def ordered(route: Route, fit: Sequence[Deployment], facts: Facts) -> tuple[Sequence[Deployment], str]:
    """The deployments by the route's strategy, and the reason; as listed, and no reason, where there is no choice.

    Those that lately took longer than the route's `max_latency_ms` come last, whatever the strategy, the fastest first.
    """
    if len(fit) < 2:
        return fit, ""
    order = _ORDERS.get(route.strategy)
    plan, why = (fit, "") if order is None else order(route, fit, facts)
    most_ms = route.max_latency_ms
    if most_ms is None:
        return plan, why
    known = facts.fleet.latency_ms
    slow = sorted((each for each in plan if known.get(each.name, 0.0) > most_ms), key=lambda each: known[each.name])
    if not slow:
        return plan, why
    took = ", ".join(f"{each.name!r} {known[each.name]:.0f} ms" for each in slow)
    late = f"slower than {most_ms:g} ms, so last: {took}"
    return [*(each for each in plan if each not in slow), *slow], f"{why}; {late}" if why else late


def _weighted(route: Route, fit: Sequence[Deployment], facts: Facts) -> tuple[Sequence[Deployment], str]:
    total = sum(route.weights[each.name] for each in fit)
    draw = draw_of(facts.request_id)
    left = draw * total
    for each in fit:
        left -= route.weights[each.name]
        if left < 0:
            share = route.weights[each.name] / total
            return _first(each, fit), f"weighted: drew {draw:.3f}, {each.name!r} takes {share:.0%}"
    return fit, f"weighted: drew {draw:.3f}"


def _least_latency(_: Route, fit: Sequence[Deployment], facts: Facts) -> tuple[Sequence[Deployment], str]:
    """Those not measured yet come first, as listed: without a call they never would be measured."""
    known = facts.fleet.latency_ms
    best, *others = plan = sorted(fit, key=lambda each: known.get(each.name, 0.0))
    if best.name not in known:
        return plan, f"least latency: {best.name!r} is not measured yet"
    took = ", ".join(f"{each.name!r} {known[each.name]:.0f} ms" for each in (best, *others))
    return plan, f"least latency: {took}"


def _cheapest(_: Route, fit: Sequence[Deployment], facts: Facts) -> tuple[Sequence[Deployment], str]:
    """Those without a price come last, as listed."""
    costs = {each.name: estimated_cost(each, facts.signals, at_s=facts.at_s) for each in fit}
    plan = sorted(fit, key=lambda each: (costs[each.name] is None, costs[each.name] or 0))
    cost = costs[plan[0].name]
    if cost is None:
        return plan, "cheapest: none of them has a price"
    return plan, f"cheapest: {plan[0].name!r} at about ${usd(cost)}"


def _sticky(_: Route, fit: Sequence[Deployment], facts: Facts) -> tuple[Sequence[Deployment], str]:
    """Rendezvous hashing: a deployment that comes or goes moves its own sessions and no others."""
    plan = sorted(fit, key=lambda each: draw_of(f"{facts.session_key}:{each.name}"))
    return plan, f"sticky: {plan[0].name!r} by the session's hash"


def _first(chosen: Deployment, fit: Sequence[Deployment]) -> Sequence[Deployment]:
    return [chosen, *(each for each in fit if each is not chosen)]


_ORDERS: Mapping[Strategy, Order] = {
    "weighted": _weighted,
    "least_latency": _least_latency,
    "cheapest": _cheapest,
    "sticky": _sticky,
}
