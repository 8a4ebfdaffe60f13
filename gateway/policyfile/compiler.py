"""From raw items to a `PolicySet`: the tiers in order, everything compiled, and who serves which alias."""

from collections.abc import Iterable, Mapping

from gateway.domain.policy import Policy, PolicySet
from gateway.policyfile.deployments import DeploymentCompiler
from gateway.policyfile.items import Items
from gateway.policyfile.policies import PolicyCompiler
from gateway.policyfile.problems import Problems
from gateway.policyfile.references import References, listed
from gateway.policyfile.routes import compile_route
from gateway.policyfile.schema import RawPolicy

_OF_ALIASES = frozenset({"serves", "rollout"})
"""The keys of a policy that say who serves what."""
_USUAL_TIERS = ("small", "large")


def compile_set(items: Items, deployments: DeploymentCompiler, version: str, problems: Problems) -> PolicySet:
    """The whole set, as far as it can be made; it may be used only where no problem was added."""
    return _SetCompiler(items, deployments, problems).compile(version)


class _SetCompiler:
    def __init__(self, items: Items, deployments: DeploymentCompiler, problems: Problems) -> None:
        self._items = items
        self._problems = problems
        self._tiers = self._ordered_tiers()
        self._references = References(items, problems)
        for each in items.deployments:
            if each.raw is not None:
                rank = self._tiers.index(each.raw.tier)
                self._references.deployments[each.raw.name] = deployments.compile(each, each.raw, rank)
        for route in items.routes:
            if route.raw is not None:
                self._references.routes[route.raw.name] = compile_route(route, route.raw, self._references, problems)

    def compile(self, version: str) -> PolicySet:
        compiler = PolicyCompiler(self._items, self._references, self._problems)
        policies = [compiler.compile(item, item.raw) for item in self._items.policies if item.raw is not None]
        return PolicySet(
            version=version,
            deployments=self._references.deployments,
            routes=self._references.routes,
            policies=tuple(policy for policy in policies if policy is not None),
            by_alias=self._by_alias(policies, are_candidates=False),
            candidates=self._by_alias(policies, are_candidates=True),
            tiers=self._tiers,
        )

    def _ordered_tiers(self) -> tuple[str, ...]:
        """The tiers, the smallest first: as declared; else `small` before all others, and `large` after them."""
        used = [item for item in self._items.deployments if item.raw is not None]
        tiers = dict.fromkeys(item.raw.tier for item in used if item.raw is not None)
        if not self._items.tiers:
            small, large = _USUAL_TIERS
            return tuple(sorted(tiers, key=lambda tier: (tier != small) + (tier == large)))
        declared = [str(node.content) for node in self._items.tiers]
        for item in used:
            if item.raw is not None and item.raw.tier not in declared:
                suggestion = self._problems.did_you_mean(item.raw.tier, declared) or listed("tiers", declared)
                message = f"the tier {item.raw.tier!r} is not one of 'tiers'"
                self._problems.add(item.at("tier").place, item.path(), message, suggestion)
        return (*declared, *(tier for tier in tiers if tier not in declared))

    def _by_alias(self, policies: Iterable[Policy | None], *, are_candidates: bool) -> Mapping[str, Policy]:
        """Alias → policy in force, or being rolled out; an alias belongs to one policy of each kind, and once."""
        owners: dict[str, str] = {}
        for item in self._items.policies:
            if item.raw is None or item.unread & _OF_ALIASES or _is_candidate(item.raw) != are_candidates:
                continue
            for index, alias in enumerate(item.raw.serves):
                place = item.at("serves", index).place
                if alias in owners:
                    message = f"alias {alias!r} is already served by policy {owners[alias]!r}"
                    suggestion = "write 'rollout: shadow' for one to be tried beside it"
                    if are_candidates:
                        message = f"alias {alias!r} is already rolled out by policy {owners[alias]!r}"
                        suggestion = "one candidate per alias: remove one of them, or let each roll out its own alias"
                    self._problems.add(place, item.path(), message, suggestion)
                elif are_candidates and not self._is_in_force(alias):
                    message = f"no policy in force serves alias {alias!r}, so there is nothing to roll it out beside"
                    self._problems.add(place, item.path(), message, "leave 'rollout' out")
                else:
                    owners[alias] = item.name or ""
        return {
            alias: policy
            for policy in policies
            if policy is not None and (policy.rollout.mode != "on") == are_candidates
            for alias in policy.serves
        }

    def _is_in_force(self, alias: str) -> bool:
        return any(
            item.raw is None  # a policy that could not be read may be the one
            or item.unread & _OF_ALIASES
            or (alias in item.raw.serves and not _is_candidate(item.raw))
            for item in self._items.policies
        )


def _is_candidate(raw: RawPolicy) -> bool:
    return raw.rollout is not None and raw.rollout.mode != "on"
