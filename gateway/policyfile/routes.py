"""Compiles routes: the order of deployments, what each takes over on, the timeouts."""

from typing import Any

from gateway.domain.policy import STICKY, Deployment, Route, Timeouts
from gateway.policyfile.items import Item
from gateway.policyfile.problems import Problems
from gateway.policyfile.references import References
from gateway.policyfile.schema import REFUSE, RawRoute, RawTimeout


def compile_route(item: Item[RawRoute], raw: RawRoute, references: References, problems: Problems) -> Route:
    """The route, without the deployments that are not there; what is wrong with it is added to the problems."""
    listed = [("try", item.at("try", index).place, name) for index, name in enumerate(raw.first)]
    for index, then in enumerate(raw.then):
        listed += [("then", item.at("then", index, "try", at).place, name) for at, name in enumerate(then.names)]
    plan: dict[str, list[Deployment]] = {"try": [], "then": []}
    seen: set[str] = set()
    for key, place, name in listed:
        if name in seen:
            message = f"deployment {name!r} is listed twice"
            problems.add(place, item.path(), message, "use 'retries' to try one again")
        elif (deployment := references.deployment(item.path(), place, name)) is not None:
            plan[key].append(deployment)
        seen.add(name)
    if raw.name in (STICKY, REFUSE):
        problems.add(item.at("name").place, item.path(), f"the name {raw.name!r} is reserved")
    return Route(
        name=raw.name,
        first=tuple(plan["try"]),
        then=tuple(plan["then"]),
        strategy=raw.strategy,
        weights={name: float(weight) for name, weight in (raw.weights or {}).items()},
        triggers={name: frozenset(then.after) for then in raw.then if then.after is not None for name in then.names},
        retries=raw.retries,
        timeouts=_timeouts(raw.timeout),
    )


def _timeouts(raw: RawTimeout) -> Timeouts:
    given: dict[str, Any] = {key: float(value) for key, value in raw if value is not None}
    return Timeouts(**given)
