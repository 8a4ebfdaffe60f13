"""The deployments and routes that the names in routes and policies refer to."""

from collections.abc import Sequence
from typing import Final

from gateway.domain.policy import Deployment, Route
from gateway.policyfile.items import Items
from gateway.policyfile.problems import Place, Problems

_MOST_LISTED: Final = 25


class References:
    """What the names of `items` refer to, once compiled. `path` and `place`: where a name stands, for the problem."""

    def __init__(self, items: Items, problems: Problems) -> None:
        self._items = items
        self._problems = problems
        self.deployments: dict[str, Deployment] = {}
        self.routes: dict[str, Route] = {}

    def deployment(self, path: str, place: Place, name: str) -> Deployment | None:
        """The deployment of that name; None where there is a problem, be it the deployment's own."""
        if name in self.deployments:
            return self.deployments[name]
        known = [item.name for item in self._items.deployments if item.name]
        if name not in known:
            suggestion = self._problems.did_you_mean(name, known) or listed("deployments", known)
            self._problems.add(place, path, f"unknown deployment {name!r}", suggestion)
        return None

    def route(self, path: str, place: Place, name: str, *also: str) -> Route | None:
        """The route of that name, as `deployment`. `also`: what else may stand there, for the suggestion."""
        if name in self.routes:
            return self.routes[name]
        known = [item.name for item in self._items.routes if item.name]
        if name in known:
            return None
        if any(item.name == name for item in self._items.deployments):
            self._problems.add(place, path, f"{name!r} is a deployment", "write a route that tries it")
        else:
            suggestion = self._problems.did_you_mean(name, [*known, *also]) or listed("routes", known)
            self._problems.add(place, path, f"unknown route {name!r}", suggestion)
        return None


def listed(what: str, names: Sequence[str]) -> str:
    """The names that are known, for a suggestion."""
    if not names:
        return f"no {what} are defined"
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    return f"known {what}: {', '.join(names[:_MOST_LISTED])}{more}"
