"""Compiles policies: their constraints and rules, and a version that tells when one of them means something else."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.policy import STICKY, Affinity, Constraint, KeepText, Label, Policy, Route, Rule
from gateway.domain.rollout import ON, Rollout
from gateway.policyfile.conditions import ConditionError, FactConditions, PolicyConditions, Requirements
from gateway.policyfile.expressions import keys
from gateway.policyfile.items import Item, Items
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Problems
from gateway.policyfile.references import References
from gateway.policyfile.schema import (
    REFUSE,
    RawConstraint,
    RawKeepText,
    RawPolicy,
    RawQuality,
    RawRollout,
    RawRule,
    RawSession,
)

T = TypeVar("T")

DEFAULT_THRESHOLD = 0.5
_MOST_LISTED = 25


class PolicyCompiler:
    """Compiles the policies of a set, whose deployments and routes are compiled already."""

    def __init__(self, items: Items, references: References, problems: Problems) -> None:
        self._references = references
        self._problems = problems
        self._facts = FactConditions()
        self._requirements = Requirements()
        self._are_all_deployments_compiled = all(item.raw is not None for item in items.deployments)
        self._nodes = {
            (item.section, item.name): item.node for item in (*items.deployments, *items.routes) if item.name
        }

    def compile(self, item: Item[RawPolicy], raw: RawPolicy) -> Policy | None:
        """The policy, without the constraints and rules that did not compile; None where its default is not there."""
        conditions = PolicyConditions(self._facts, policy=raw.name, headers=raw.headers, timezone=raw.timezone)
        found = [self._constraint(item, index, each, conditions) for index, each in enumerate(raw.constraints)]
        constraints = tuple(constraint for constraint in found if constraint is not None)
        matching = [self._rule(item, index, each, conditions) for index, each in enumerate(raw.rules)]
        rules = tuple(rule for rule in matching if rule is not None)
        self._check_names(item, raw)
        baseline = raw.baseline and self._references.deployment(item.path(), item.at("baseline").place, raw.baseline)
        if "default" in item.unread:
            return None
        default = self._default(item, raw)
        if default is None:
            return None
        named = (default, *(rule.route for rule in rules), *(constraint.instead for constraint in constraints))
        routes = {route.name: route for route in named if route is not None}
        return Policy(
            name=raw.name,
            version=self._version(item.node, [*routes.values()], constraints),
            serves=tuple(raw.serves),
            bind=conditions.binder(),
            match=conditions.matcher(constraints, rules),
            default=default,
            threshold=_threshold(raw.quality),
            constraints=constraints,
            rules=rules,
            baseline=baseline or None,
            routes=routes,
            reads=conditions.reads,
            headers=frozenset(raw.headers),
            metadata=conditions.metadata,
            timezone=raw.timezone,
            needs_record=raw.on_unrecordable == REFUSE,
            keep_text=_keep_text(raw.keep_text),
            affinity=_affinity(raw.session),
            rollout=_rollout(raw.rollout),
        )

    def _default(self, item: Item[RawPolicy], raw: RawPolicy) -> Route | None:
        place = item.at("default").place
        if raw.default == STICKY:
            message = f"{STICKY!r} is for rules: a new conversation has nothing to keep"
            self._problems.add(place, item.path(), message, "name a route")
            return None
        return self._references.route(item.path(), place, raw.default)

    def _constraint(
        self, item: Item[RawPolicy], index: int, raw: RawConstraint, conditions: PolicyConditions
    ) -> Constraint | None:
        node = item.at("constraints", index)
        path = item.element(node)
        compile_it = partial(conditions.compile, raw.when, on_error=True, of=f"constraint {raw.name!r}")
        when = self._expression(path, node.at("when"), compile_it)
        require = node.at("require")
        deployments = self._references.deployments.values()
        permitted = self._expression(path, require, lambda: self._requirements.permitted(raw.require, deployments))
        if permitted is not None and not permitted and deployments and self._are_all_deployments_compiled:
            self._problems.add(require.place, path, f"no deployment meets {raw.require!r}", self._nearest(raw.require))
        instead = None
        if raw.on_unavailable != REFUSE:
            instead = self._references.route(path, node.at("on_unavailable").place, raw.on_unavailable, REFUSE)
            if instead is not None and permitted is not None and not _may_take(instead, permitted):
                message = f"no deployment of route {instead.name!r} meets {raw.require!r}"
                self._problems.add(node.at("on_unavailable").place, path, message, "name a route that has one")
        if when is None or permitted is None:
            return None
        return Constraint(name=raw.name, when=when, requires=raw.require, permitted=permitted, instead=instead)

    def _nearest(self, requirement: str) -> str:
        """What the requirement may have meant: a label that there is, or a value that it has somewhere."""
        values: dict[str, set[str]] = {}
        for deployment in self._references.deployments.values():
            for label, value in deployment.labels.items():
                values.setdefault(label, set()).add(_as_written(value))
        for name in sorted(keys(requirement, "labels")):
            if name not in values and (near := self._problems.did_you_mean(name, values)):
                return f"no deployment has the label {name!r}; {near}"
            if name in values:
                return f"the values of {name!r} are {', '.join(sorted(values[name])[:_MOST_LISTED])}"
        known = ", ".join(sorted(values)[:_MOST_LISTED])
        return f"their labels are {known}" if known else "none of them has labels"

    def _rule(self, item: Item[RawPolicy], index: int, raw: RawRule, conditions: PolicyConditions) -> Rule | None:
        node = item.at("rules", index)
        path = item.element(node)
        keeps = raw.route == STICKY
        compile_it = partial(conditions.compile, raw.when, on_error=False, in_session=keeps, of=f"rule {raw.name!r}")
        when = self._expression(path, node.at("when"), compile_it)
        route = None if keeps else self._references.route(path, node.at("route").place, raw.route, STICKY)
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


def _keep_text(raw: RawKeepText | None) -> KeepText | None:
    if raw is None:
        return None
    teams = None if raw.teams is None else frozenset(raw.teams)
    return KeepText(teams=teams, days=raw.days, answers=raw.answers, max_bytes=raw.max_bytes)


def _affinity(raw: RawSession) -> Affinity:
    given = {
        key: float(value) for key, value in (("idle_s", raw.idle_s), ("cache_s", raw.cache_s)) if value is not None
    }
    return Affinity(is_on=raw.affinity, **given)


def _rollout(raw: RawRollout | None) -> Rollout:
    if raw is None:
        return ON
    return Rollout(mode=raw.mode or "canary", share=float(raw.canary or 0))


def _as_written(value: Label) -> str:
    """As a condition has to write it."""
    return json.dumps(value, ensure_ascii=False)


def _may_take(route: Route, permitted: frozenset[str]) -> bool:
    return any(each.name in permitted for each in (*route.first, *route.then))
