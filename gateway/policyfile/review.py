"""What a policy set allows but hardly means: warnings about files that load without a problem.

Meant to raise no false alarm. Of a constraint that leaves a route empty it is only said where a request was found
that the policy refuses. The search is over the values that the conditions themselves mention, so it may miss one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.domain.decision import DEFAULT_RULE, decide
from gateway.domain.exclusions import Notes, without_untriggered
from gateway.domain.policy import Constraint, Deployment, Policy, PolicySet, Route, Rule
from gateway.policyfile.doubts import doubts
from gateway.policyfile.expressions import asks_beyond_keys, keys
from gateway.policyfile.items import TIERS, Item, Items
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Place, Problem
from gateway.policyfile.schema import RawDeployment, RawPolicy, RawRoute
from gateway.policyfile.witnesses import Space

MOST_CANDIDATES = 100_000
"""Requests tried for each policy, a second or two at most; its pairs of constraint and rule share them."""

_HEADERS = "request.headers"


def review(policies: PolicySet, items: Items) -> tuple[Problem, ...]:
    """The warnings, in the order of the files. `items` are those the set was compiled from, without a problem."""
    found = [
        *_of_tiers(policies, items.tiers),
        *_of_deployments(policies, items.deployments),
        *_of_routes(policies, items.routes),
        *(
            warning
            for policy, item in zip(policies.policies, items.policies, strict=True)
            for warning in _of_policy(policy, policies, item)
        ),
    ]
    return tuple(sorted(found, key=lambda each: (each.file, each.line or 0, each.column or 0)))


def _of_tiers(policies: PolicySet, tiers: Iterable[Node]) -> Iterator[Problem]:
    used = {each.tier for each in policies.deployments.values()}
    for node in tiers:
        if node.content not in used:
            message = f"no deployment is of the tier {node.content!r}"
            yield _problem(node.place, TIERS, message, "remove it, or give it a deployment")


def _of_deployments(policies: PolicySet, items: Iterable[Item[RawDeployment]]) -> Iterator[Problem]:
    routed = {each.name for route in policies.routes.values() for each in (*route.first, *route.then)}
    baselines = {policy.baseline.name for policy in policies.policies if policy.baseline is not None}
    for item in items:
        deployment = policies.deployments[item.name or ""]
        name = item.at("name")
        if deployment.name not in routed | baselines:
            yield _warning(item, name, "no route tries it", "add it to a route, or remove it")
        if deployment.price is None:
            yield _warning(item, name, f"its cost will be unknown: {deployment.unpriced}", "write its 'price'")
        if deployment.context_window is None:
            suggestion = "write its 'context_window', so that requests too long for it pass it by"
            yield _warning(item, name, "its context window is unknown", suggestion)


def _of_routes(policies: PolicySet, items: Iterable[Item[RawRoute]]) -> Iterator[Problem]:
    used = {policy.default.name for policy in policies.policies}
    used |= {name for policy in policies.policies for name in policy.routes}
    for item in items:
        if item.name not in used:
            yield _warning(item, item.at("name"), "no policy uses it", "let a rule or a default name it, or remove it")
        route = policies.routes[item.name or ""]
        if route.strategy != "priority" and len(route.first) == 1:
            message = f"{route.strategy!r} has nothing to choose from: 'try' lists one deployment"
            yield _warning(item, item.at("strategy"), message, "list another under 'try', or leave 'strategy' out")


def _of_policy(policy: Policy, policies: PolicySet, item: Item[RawPolicy]) -> Iterator[Problem]:
    if policy.baseline is None:
        suggestion = "write the deployment you would have used as 'baseline'"
        yield _warning(item, item.at("name"), "it has no baseline, so its savings will be unknown", suggestion)
    yield from _of_headers(policy, item)
    for section, position, message, suggestion, offset in doubts(policy, policies):
        when = item.at(section, position, "when")
        place = when.place_of(offset) if offset else when.place
        yield _problem(place, item.element(when), message, suggestion)
    yield from _of_constraints(policy, policies, item)


def _of_headers(policy: Policy, item: Item[RawPolicy]) -> Iterator[Problem]:
    conditioned: tuple[Constraint | Rule, ...] = (*policy.constraints, *policy.rules)
    sources = [each.when.source for each in conditioned]
    if any(asks_beyond_keys(source, _HEADERS) for source in sources):
        return
    read = {name for source in sources for name in keys(source, _HEADERS)}
    for index, header in enumerate(item.raw.headers if item.raw is not None else ()):
        if header not in read:
            message = f"no condition reads the header {header!r}"
            yield _warning(item, item.at("headers", index), message, "remove it, or let a condition read it")


def _of_constraints(policy: Policy, policies: PolicySet, item: Item[RawPolicy]) -> Iterator[Problem]:
    for index, constraint in enumerate(policy.constraints):
        if constraint.instead is not None and _is_emptied(constraint.instead, constraint):
            message = (
                f"route {constraint.instead.name!r} would refuse too: {_why_emptied(constraint.instead, constraint)}"
            )
            suggestion = "name a route that lists it under 'try', or under 'then' without 'after'"
            yield _warning(item, item.at("constraints", index, "on_unavailable"), message, suggestion)
    choices = [*((rule, rule.route) for rule in policy.rules if rule.route is not None), (None, policy.default)]
    emptied = [
        (index, constraint, rule, route)
        for index, constraint in enumerate(policy.constraints)
        for rule, route in choices
        if not _says_what_then(item, index) and _is_emptied(route, constraint)
    ]
    for index, constraint, rule, route in emptied:
        if _is_reached(policy, policies, constraint, rule, MOST_CANDIDATES // len(emptied)):
            chosen = "the default" if rule is None else f"rule {rule.name!r}"
            message = (
                f"where it applies, requests that {chosen} sends to route {route.name!r} are refused:"
                f" {_why_emptied(route, constraint)}"
            )
            suggestion = "put a rule before it that sends them where they may go, or write 'on_unavailable: refuse'"
            yield _warning(item, item.at("constraints", index, "when"), message, suggestion)


def _says_what_then(item: Item[RawPolicy], constraint: int) -> bool:
    """Whether the file says what becomes of requests that the constraint leaves without a deployment."""
    return item.raw is not None and "on_unavailable" in item.raw.constraints[constraint].model_fields_set


def _is_emptied(route: Route, constraint: Constraint) -> bool:
    """Whether the decision finds nothing to begin with: being barred is no failure that `after` waits for."""
    return not without_untriggered(_permitted(route, constraint), route, Notes())


def _permitted(route: Route, constraint: Constraint) -> list[Deployment]:
    return [each for each in (*route.first, *route.then) if each.name in constraint.permitted]


def _why_emptied(route: Route, constraint: Constraint) -> str:
    if not (behind := _permitted(route, constraint)):
        return f"none of its deployments meets {constraint.requires!r}"
    names = ", ".join(repr(each.name) for each in behind)
    return f"of what meets {constraint.requires!r}, {names} only takes over after failures, and being barred is none"


def _is_reached(policy: Policy, policies: PolicySet, constraint: Constraint, rule: Rule | None, most: int) -> bool:
    """Whether a request, among the `most` tried, that the rule gets is refused while the constraint holds for it."""
    sources = [constraint.when.source, *([] if rule is None else [rule.when.source])]
    space = Space([policy], policies.deployments.values(), sources)
    for choice in space.choices(most):
        facts = space.facts(choice)
        match = policy.match(policy.bind(facts, policy.threshold))
        if match is not None and match.rule is rule and any(each is constraint for each in match.constraints):
            decision = decide(policy, facts)
            if not decision.plan and decision.rule == (DEFAULT_RULE if rule is None else rule.name):
                return True
    return False


def _warning(item: Item[Any], node: Node, message: str, suggestion: str) -> Problem:
    within = node.loc[len(item.node.loc) :]
    return _problem(node.place, item.path() if within == ("name",) else item.element(node), message, suggestion)


def _problem(place: Place, path: str, message: str, suggestion: str) -> Problem:
    file, line, column = place
    return Problem(file=file, line=line, column=column, path=path, message=message, suggestion=suggestion)
