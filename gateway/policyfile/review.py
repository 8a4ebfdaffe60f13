"""What a policy set allows but hardly means: warnings about files that load without a problem.

Meant to raise no false alarm. Of a constraint that leaves a route empty it is only said where a request was found
that the policy refuses. The search is over the values that the conditions themselves mention, so it may miss one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final, get_args

from msgspec.structs import replace

from gateway.domain.classification import Classification, Task
from gateway.domain.policy import Constraint, Facts, Policy, PolicySet, Route, Rule
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.sensitivity import Sensitivity
from gateway.domain.signals import Script, Signals
from gateway.policyfile.conditions import FACTS
from gateway.policyfile.items import Item, Items
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Problem
from gateway.policyfile.schema import RawDeployment, RawPolicy, RawRoute

MOST_CANDIDATES = 100_000
"""Requests tried for each policy, a second or two at most; its pairs of constraint and rule share them."""

_LITERAL = re.compile(r"[\s(]*(true|false)[\s)]*")
_TEXT = re.compile(r"\"([^\"\\]*)\"|'([^'\\]*)'")
_NUMBER = re.compile(r"(?<![\w.])\d{1,15}(?:\.\d+)?(?!\d)")
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "signals.sensitivity": get_args(Sensitivity),
    "signals.script": get_args(Script),
    "classification.task": get_args(Task),
}
_LEAST: Final = {"signals.tokens": 1, "signals.messages": 1}
_PARTS: Final = {"signals.ask_tokens": "signals.tokens", "signals.turns": "signals.messages"}
"""A number that is never above another."""
_NEUTRAL: Final = Facts(
    request=ChatRequest(alias="", messages=(), payload={}, size_bytes=0),
    caller=Caller(key_id="other"),
    signals=Signals(
        tokens=1,
        ask_tokens=1,
        turns=1,
        messages=1,
        tools=0,
        tool_loop=False,
        images=0,
        structured=False,
        code=False,
        maths=False,
        max_output_tokens=0,
        script="latin",
        sensitivity="none",
    ),
    classification=Classification(task="chat", small_ok=0.0, confidence=0.0, has_evidence=False, model=""),
)


def review(policies: PolicySet, items: Items) -> tuple[Problem, ...]:
    """The warnings, in the order of the files. `items` are those the set was compiled from, without a problem."""
    found = [
        *_of_deployments(policies, items.deployments),
        *_of_routes(policies, items.routes),
        *(
            warning
            for policy, item in zip(policies.policies, items.policies, strict=True)
            for warning in _of_policy(policy, item)
        ),
    ]
    return tuple(sorted(found, key=lambda each: (each.file, each.line or 0, each.column or 0)))


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
    used |= {rule.route.name for policy in policies.policies for rule in policy.rules}
    for item in items:
        if item.name not in used:
            yield _warning(item, item.at("name"), "no policy uses it", "let a rule or a default name it, or remove it")


def _of_policy(policy: Policy, item: Item[RawPolicy]) -> Iterator[Problem]:
    if policy.baseline is None:
        suggestion = "write the deployment you would have used as 'baseline'"
        yield _warning(item, item.at("name"), "it has no baseline, so its savings will be unknown", suggestion)
    yield from _of_constraints(policy, item)
    yield from _of_rules(policy, item)


def _of_constraints(policy: Policy, item: Item[RawPolicy]) -> Iterator[Problem]:
    choices = [*((rule, rule.route) for rule in policy.rules), (None, policy.default)]
    emptied = [
        (index, constraint, rule, route)
        for index, constraint in enumerate(policy.constraints)
        for rule, route in choices
        if _is_emptied(route, constraint)
    ]
    for index, constraint in enumerate(policy.constraints):
        if _constant(constraint.when.source) is False:
            when = item.at("constraints", index, "when")
            yield _warning(item, when, "it never applies", "write the condition it is for, or remove it")
    for index, constraint, rule, route in emptied:
        if _is_reached(policy, constraint, rule, MOST_CANDIDATES // len(emptied)):
            chosen = "the default" if rule is None else f"rule {rule.name!r}"
            message = (
                f"where it applies, requests that {chosen} sends to route {route.name!r} are refused: none of its"
                f" deployments meets {constraint.requires!r}"
            )
            suggestion = "put a rule before it that sends them to a route they may take, if that is not intended"
            yield _warning(item, item.at("constraints", index, "when"), message, suggestion)


def _of_rules(policy: Policy, item: Item[RawPolicy]) -> Iterator[Problem]:
    """Nothing more is said of what stands after a rule that always matches."""
    first: dict[str, int] = {}
    for index, rule in enumerate(policy.rules):
        when = item.at("rules", index, "when")
        source = rule.when.source.strip()
        constant = _constant(source)
        if constant is True:
            after = len(policy.rules) - index - 1
            unreached = f"the {after} after it and the default are" if after else "the default is"
            suggestion = f"move it to the end, or make {rule.route.name!r} the default"
            yield _warning(item, when, f"it always matches, so {unreached} never reached", suggestion)
            return
        if constant is False:
            yield _warning(item, when, "it never matches", "write the condition it is for, or remove it")
        elif source in first:
            message = f"it is never reached: rule {first[source] + 1} has the same condition"
            yield _warning(item, when, message, "remove one of them")
        else:
            first[source] = index


def _constant(source: str) -> bool | None:
    """The value of a condition that is a mere literal."""
    match = _LITERAL.fullmatch(source)
    return None if match is None else match[1] == "true"


def _is_emptied(route: Route, constraint: Constraint) -> bool:
    return not any(each.name in constraint.permitted for each in (*route.first, *route.then))


def _is_reached(policy: Policy, constraint: Constraint, rule: Rule | None, most: int) -> bool:
    """Whether there is a request, among the `most` tried, that the constraint holds for and the rule gets."""
    sources = [constraint.when.source, *([] if rule is None else [rule.when.source])]
    for facts in _candidates(policy, sources, most):
        match = policy.match(policy.bind(facts, policy.threshold))
        if match is not None and match.rule is rule and any(each is constraint for each in match.constraints):
            return True
    return False


def _candidates(policy: Policy, sources: Sequence[str], most: int) -> Iterator[Facts]:
    """A request for each of `most` combinations of values of the facts the conditions name; the others are neutral."""
    text = "\n".join(sources)
    named = [name for name in FACTS if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text)]
    neutral = replace(_NEUTRAL, request=replace(_NEUTRAL.request, alias=policy.serves[0]))
    for combination in islice(product(*(_values(policy, name, text) for name in named)), most):
        values = _possible(dict(zip(named, combination, strict=True)))
        if values is not None:
            yield _with(neutral, values)


def _possible(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values, with those of facts that depend on them; None where they contradict each other."""
    possible = dict(values)
    for part, whole in _PARTS.items():
        if part in values and values[part] > values.get(whole, values[part]):
            return None
        if part in values:
            possible[whole] = values.get(whole, max(values[part], _LEAST[whole]))
    return possible


def _values(policy: Policy, name: str, text: str) -> Sequence[Any]:
    neutral = _read(_NEUTRAL, FACTS[name].attribute)
    if isinstance(neutral, bool):
        return (False, True)
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if isinstance(neutral, float):
        near = {0.0, 1.0, policy.threshold, *numbers, *(number / 2 for number in numbers)}
        return sorted(number for number in near if 0 <= number <= 1)
    if isinstance(neutral, int):
        near_by = {0, 1, *(int(number) + step for number in numbers for step in (-1, 0, 1))}
        return sorted(number for number in near_by if number >= _LEAST.get(name, 0))
    if name == "request.alias":
        return policy.serves
    return _WORDS.get(name) or sorted({neutral, "other", *(first or second for first, second in _TEXT.findall(text))})


def _read(facts: Facts, attribute: str) -> Any:
    part, _, field = attribute.partition(".")
    return getattr(getattr(facts, part), field)


def _with(facts: Facts, values: Mapping[str, Any]) -> Facts:
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, _, field = FACTS[name].attribute.partition(".")
        parts.setdefault(part, {})[field] = value
    return replace(facts, **{part: replace(getattr(facts, part), **fields) for part, fields in parts.items()})


def _warning(item: Item[Any], node: Node, message: str, suggestion: str) -> Problem:
    within = node.loc[len(item.node.loc) :]
    file, line, column = node.place
    return Problem(
        file=file,
        line=line,
        column=column,
        path=item.path() if within == ("name",) else item.element(node),
        message=message,
        suggestion=suggestion,
    )
