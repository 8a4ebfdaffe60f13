"""From raw items to a `PolicySet`: names resolved, conditions compiled, versions taken."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.policy import STICKY, Affinity, Constraint, Deployment, Policy, PolicySet, Route, Rule, Timeouts
from gateway.domain.rollout import ON, Rollout
from gateway.policyfile.conditions import ConditionError, FactConditions, PolicyConditions, Requirements
from gateway.policyfile.deployments import DeploymentCompiler
from gateway.policyfile.items import Item, Items
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Place, Problems, did_you_mean
from gateway.policyfile.schema import (
    REFUSE,
    RawConstraint,
    RawPolicy,
    RawQuality,
    RawRollout,
    RawRoute,
    RawRule,
    RawSession,
    RawTimeout,
)

T = TypeVar("T")

DEFAULT_THRESHOLD = 0.5
_USUAL_TIERS = ("small", "large")


def compile_set(items: Items, deployments: DeploymentCompiler, version: str, problems: Problems) -> PolicySet:
    """The whole set, as far as it can be made; it may be used only where no problem was added."""
    return _SetCompiler(items, deployments, problems).compile(version)


class _SetCompiler:
    def __init__(self, items: Items, deployments: DeploymentCompiler, problems: Problems) -> None:
        self._items = items
        self._problems = problems
        self._facts = FactConditions()
        self._requirements = Requirements()
        self._tiers = self._ordered_tiers()
        self._deployments = {
            item.raw.name: deployments.compile(item, item.raw, self._tiers.index(item.raw.tier))
            for item in items.deployments
            if item.raw is not None
        }
        self._routes = {item.raw.name: self._route(item, item.raw) for item in items.routes if item.raw is not None}
        self._nodes = {
            (item.section, item.name): item.node for item in (*items.deployments, *items.routes) if item.name
        }

    def compile(self, version: str) -> PolicySet:
        policies = [self._policy(item, item.raw) for item in self._items.policies if item.raw is not None]
        return PolicySet(
            version=version,
            deployments=self._deployments,
            routes=self._routes,
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
                suggestion = did_you_mean(item.raw.tier, declared) or _known("tiers", declared)
                message = f"the tier {item.raw.tier!r} is not one of 'tiers'"
                self._problems.add(item.at("tier").place, item.path(), message, suggestion)
        return (*declared, *(tier for tier in tiers if tier not in declared))

    def _route(self, item: Item[RawRoute], raw: RawRoute) -> Route:
        listed = [("try", item.at("try", index).place, name) for index, name in enumerate(raw.first)]
        for index, then in enumerate(raw.then):
            listed += [("then", item.at("then", index, "try", at).place, name) for at, name in enumerate(then.names)]
        plan: dict[str, list[Deployment]] = {"try": [], "then": []}
        seen: set[str] = set()
        for key, place, name in listed:
            if name in seen:
                message = f"deployment {name!r} is listed twice"
                self._problems.add(place, item.path(), message, "use 'retries' to try one again")
            elif (deployment := self._known_deployment(item.path(), place, name)) is not None:
                plan[key].append(deployment)
            seen.add(name)
        if raw.name in (STICKY, REFUSE):
            self._problems.add(item.at("name").place, item.path(), f"the name {raw.name!r} is reserved")
        return Route(
            name=raw.name,
            first=tuple(plan["try"]),
            then=tuple(plan["then"]),
            strategy=raw.strategy,
            weights={name: float(weight) for name, weight in (raw.weights or {}).items()},
            triggers={
                name: frozenset(then.after) for then in raw.then if then.after is not None for name in then.names
            },
            retries=raw.retries,
            timeouts=_timeouts(raw.timeout),
        )

    def _policy(self, item: Item[RawPolicy], raw: RawPolicy) -> Policy | None:
        conditions = PolicyConditions(self._facts, headers=raw.headers, timezone=raw.timezone)
        constraints = [self._constraint(item, index, each, conditions) for index, each in enumerate(raw.constraints)]
        rules = [self._rule(item, index, each, conditions) for index, each in enumerate(raw.rules)]
        self._check_names(item, raw)
        baseline = raw.baseline and self._known_deployment(item.path(), item.at("baseline").place, raw.baseline)
        default = self._known_route(item.path(), item.at("default").place, raw.default)
        if default is None:
            return None
        compiled_rules = tuple(rule for rule in rules if rule is not None)
        compiled_constraints = tuple(constraint for constraint in constraints if constraint is not None)
        routes = {
            route.name: route
            for route in (
                default,
                *(rule.route for rule in compiled_rules),
                *(constraint.instead for constraint in compiled_constraints),
            )
            if route is not None
        }
        return Policy(
            name=raw.name,
            version=self._version(item.node, [*routes.values()], compiled_constraints),
            serves=tuple(raw.serves),
            bind=conditions.binder(),
            match=conditions.matcher(compiled_constraints, compiled_rules),
            default=default,
            threshold=_threshold(raw.quality),
            constraints=compiled_constraints,
            rules=compiled_rules,
            baseline=baseline or None,
            routes=routes,
            reads=conditions.reads,
            headers=frozenset(raw.headers),
            timezone=raw.timezone,
            affinity=_affinity(raw.session),
            rollout=_rollout(raw.rollout),
        )

    def _constraint(
        self, item: Item[RawPolicy], index: int, raw: RawConstraint, conditions: PolicyConditions
    ) -> Constraint | None:
        node = item.at("constraints", index)
        path = item.element(node)
        when = self._expression(path, node.at("when"), lambda: conditions.compile(raw.when, on_error=True))
        require = node.at("require")
        deployments = self._deployments.values()
        permitted = self._expression(path, require, lambda: self._requirements.permitted(raw.require, deployments))
        if permitted is not None and not permitted and self._all_deployments_compiled():
            labels = {label for deployment in deployments for label in deployment.labels}
            known = f"their labels are {', '.join(sorted(labels))}" if labels else "none of them has labels"
            self._problems.add(require.place, path, f"no deployment meets {raw.require!r}", known)
        instead = None
        if raw.on_unavailable != REFUSE:
            instead = self._known_route(path, node.at("on_unavailable").place, raw.on_unavailable, REFUSE)
            if instead is not None and permitted is not None and not _may_take(instead, permitted):
                message = f"no deployment of route {instead.name!r} meets {raw.require!r}"
                self._problems.add(node.at("on_unavailable").place, path, message, "name a route that has one")
        if when is None or permitted is None:
            return None
        return Constraint(name=raw.name, when=when, requires=raw.require, permitted=permitted, instead=instead)

    def _rule(self, item: Item[RawPolicy], index: int, raw: RawRule, conditions: PolicyConditions) -> Rule | None:
        node = item.at("rules", index)
        path = item.element(node)
        keeps = raw.route == STICKY
        compile_it = partial(conditions.compile, raw.when, on_error=False, in_session=keeps)
        when = self._expression(path, node.at("when"), compile_it)
        route = None if keeps else self._known_route(path, node.at("route").place, raw.route, STICKY)
        return None if when is None or (route is None and not keeps) else Rule(name=raw.name, when=when, route=route)

    def _expression(self, path: str, node: Node, compile_it: Callable[[], T]) -> T | None:
        try:
            return compile_it()
        except ConditionError as error:
            for offset, message, suggestion in error.problems:
                self._problems.add(node.place_of(offset), path, message, suggestion)
            return None

    def _check_names(self, item: Item[RawPolicy], raw: RawPolicy) -> None:
        """Constraint and rule names are what records and headers say; each must mean one thing."""
        for section, names in (
            ("constraints", [each.name for each in raw.constraints]),
            ("rules", [each.name for each in raw.rules]),
        ):
            for index, name in enumerate(names):
                node = item.at(section, index)
                if name in names[:index]:
                    self._problems.add(node.at("name").place, item.element(node), f"the name {name!r} is already taken")
                if section == "rules" and name == DEFAULT_RULE:
                    message = f"the name {DEFAULT_RULE!r} is reserved for the policy's default"
                    self._problems.add(node.at("name").place, item.element(node), message)

    def _known_deployment(self, path: str, place: Place, name: str) -> Deployment | None:
        if name in self._deployments:
            return self._deployments[name]
        known = [item.name for item in self._items.deployments if item.name]
        if name not in known:
            suggestion = did_you_mean(name, known) or _known("deployments", known)
            self._problems.add(place, path, f"unknown deployment {name!r}", suggestion)
        return None

    def _known_route(self, path: str, place: Place, name: str, *also: str) -> Route | None:
        """The route of that name. `also`: what else may stand there, for the suggestion."""
        if name in self._routes:
            return self._routes[name]
        known = [item.name for item in self._items.routes if item.name]
        if name in known:
            return None
        if any(item.name == name for item in self._items.deployments):
            self._problems.add(place, path, f"{name!r} is a deployment", "write a route that tries it")
        else:
            suggestion = did_you_mean(name, [*known, *also]) or _known("routes", known)
            self._problems.add(place, path, f"unknown route {name!r}", suggestion)
        return None

    def _by_alias(self, policies: Iterable[Policy | None], *, are_candidates: bool) -> Mapping[str, Policy]:
        """Alias → policy in force, or being rolled out; an alias belongs to one policy of each kind, and once."""
        owners: dict[str, str] = {}
        for item in self._items.policies:
            if item.raw is None or _is_candidate(item.raw) != are_candidates:
                continue
            for index, alias in enumerate(item.raw.serves):
                place = item.at("serves", index).place
                if alias in owners:
                    message = f"alias {alias!r} is already served by policy {owners[alias]!r}"
                    suggestion = None if are_candidates else "write 'rollout: shadow' for one to be tried beside it"
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
        raws = [item.raw for item in self._items.policies]
        # A policy that could not be read may be the one.
        return None in raws or any(raw is not None and alias in raw.serves and not _is_candidate(raw) for raw in raws)

    def _all_deployments_compiled(self) -> bool:
        return all(item.raw is not None for item in self._items.deployments)

    def _version(self, node: Node, routes: Sequence[Route], constraints: Sequence[Constraint]) -> str:
        """Eight hex digits of what the policy, its routes and their deployments say, and whom constraints permit."""
        used = [self._nodes["routes", route.name].plain() for route in routes]
        plans = [deployment.name for route in routes for deployment in (*route.first, *route.then)]
        used += [self._nodes["deployments", name].plain() for name in sorted(set(plans))]
        permitted = [sorted(constraint.permitted) for constraint in constraints]
        said = json.dumps([node.plain(), used, permitted], sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:8]


def _threshold(raw: RawQuality) -> float:
    """Until there is a calibration `keep` is the threshold: each request sent small must itself be that sure."""
    if raw.threshold is not None:
        return float(raw.threshold)
    return DEFAULT_THRESHOLD if raw.keep is None else float(raw.keep)


def _affinity(raw: RawSession) -> Affinity:
    given = {
        key: float(value) for key, value in (("idle_s", raw.idle_s), ("cache_s", raw.cache_s)) if value is not None
    }
    return Affinity(is_on=raw.affinity, **given)


def _rollout(raw: RawRollout | None) -> Rollout:
    if raw is None:
        return ON
    return Rollout(mode=raw.mode or "canary", share=float(raw.canary or 0))


def _is_candidate(raw: RawPolicy) -> bool:
    return raw.rollout is not None and raw.rollout.mode != "on"


def _may_take(route: Route, permitted: frozenset[str]) -> bool:
    return any(each.name in permitted for each in (*route.first, *route.then))


def _timeouts(raw: RawTimeout) -> Timeouts:
    given: dict[str, Any] = {key: float(value) for key, value in raw if value is not None}
    return Timeouts(**given)


def _known(what: str, names: Sequence[str]) -> str:
    return f"known {what}: {', '.join(names)}" if names else f"no {what} are defined"
