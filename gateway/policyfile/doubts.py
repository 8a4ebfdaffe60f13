"""What a policy's conditions say that can hardly be meant: values that never are, rules that never match."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from gateway.domain.facts import Facts
from gateway.domain.policy import Constraint, Match, Policy, PolicySet, Rule
from gateway.domain.session import KINDS
from gateway.policyfile.conditions import asked
from gateway.policyfile.expressions import Comparison, comparisons, is_plain, keys, normal_form, variables
from gateway.policyfile.problems import did_you_mean
from gateway.policyfile.values import WORDS, day_of
from gateway.policyfile.witnesses import Space

MOST_TO_EXHAUST = 5_000
"""Requests that all combinations may come to, for it to be tried whether a rule matches any."""
MOST_TO_SEARCH = 500
"""Requests tried for a condition on a single kind of sensitive content."""

_MOST_KNOWN = 25
_OF_DEPLOYMENTS = ("session.deployment", "health.resting", "health.latency_ms")
_EQUALITIES = frozenset({"==", "!=", "in"})
_SENSITIVITY = "signals.sensitivity"
_REMOVE = "write the condition it is for, or remove it"


class Doubt(NamedTuple):
    """`section` and `position` name the constraint or the rule; `offset` counts characters of its condition."""

    section: str
    position: int
    message: str
    suggestion: str
    offset: int = 0


def doubts(policy: Policy, policies: PolicySet) -> Iterator[Doubt]:
    """Nothing more is said of rules that stand after one that always matches."""
    known = _known(policy, policies)
    reached = next((at for at, rule in enumerate(policy.rules) if _is_always(rule)), len(policy.rules) - 1) + 1
    conditions: list[tuple[str, int, Constraint | Rule]] = [
        *(("constraints", at, each) for at, each in enumerate(policy.constraints)),
        *(("rules", at, each) for at, each in enumerate(policy.rules[:reached])),
    ]
    unsound = set()
    for section, at, each in conditions:
        for offset, message, suggestion in _unknown_values(each.when.source, known):
            unsound.add((section, at))
            yield Doubt(section, at, message, suggestion, offset)
        if (doubt := _about_one_kind(policy, policies, each)) is not None:
            yield Doubt(section, at, *doubt)
    for at, constraint in enumerate(policy.constraints):
        if ("constraints", at) not in unsound and _never_holds(policy, policies, constraint, constraint.when.source):
            yield Doubt("constraints", at, "it never applies", _REMOVE)
    for at, rule in enumerate(policy.rules[:reached]):
        if ("rules", at) not in unsound and (said := _about_rule(policy, policies, at, rule)) is not None:
            yield Doubt("rules", at, *said)


def _about_rule(policy: Policy, policies: PolicySet, at: int, rule: Rule) -> tuple[str, str] | None:
    """Why the rule, or what stands after it, has no effect."""
    if rule.route is None and not policy.affinity.is_on:
        suggestion = "leave 'session: {affinity: false}' out, or remove the rule"
        return "it never matches: the policy remembers no session that it could keep to", suggestion
    if _is_always(rule):
        after = len(policy.rules) - at - 1
        unreached = f"the {after} after it and the default are" if after else "the default is"
        suggestion = f"move it to the end, or make {rule.goes_to!r} the default"
        return f"it always matches, so {unreached} never reached", suggestion
    if _never_holds(policy, policies, rule, asked(rule)):
        return "it never matches", _REMOVE
    form = normal_form(rule.when.source)
    for before, other in enumerate(policy.rules[:at]):
        if normal_form(other.when.source) == form and (other.route is not None or rule.route is None):
            return f"it is never reached: rule {before + 1} has the same condition", "remove one of them"
    if before_it := _covering(policy, policies, at, rule):
        which = " and ".join(str(each + 1) for each in before_it)
        hold = f"rule {which} holds" if len(before_it) == 1 else f"rules {which} between them hold"
        return f"it is never reached: {hold} wherever it does", "move it before them, or remove it"
    return None


def _is_always(rule: Rule) -> bool:
    return normal_form(rule.when.source) == "true" and rule.route is not None


def _never_holds(policy: Policy, policies: PolicySet, each: Constraint | Rule, source: str) -> bool:
    """Whether no request can meet the condition; False where that would take too many to try."""
    found = _exhausted(policy, policies, [source])
    return found is not None and not any(each.when.holds(bound) for bound in found)


def _covering(policy: Policy, policies: PolicySet, at: int, rule: Rule) -> Sequence[int]:
    """The rules before it of which one holds wherever it does; none where it may be reached."""
    named = variables(asked(rule))
    earlier = {
        before: other
        for before, other in enumerate(policy.rules[:at])
        if is_plain(asked(other)) and variables(asked(other)) <= named
    }
    found = _exhausted(policy, policies, [asked(rule), *map(asked, earlier.values())]) if earlier else None
    if found is None:
        return ()
    first: set[int] = set()
    for bound in found:
        if rule.when.holds(bound):
            taken = next((before for before, other in earlier.items() if other.when.holds(bound)), None)
            if taken is None:
                return ()
            first.add(taken)
    return sorted(first)


def _exhausted(policy: Policy, policies: PolicySet, sources: Sequence[str]) -> Iterator[Any] | None:
    """What conditions take of every request they can tell apart; None where that is not known or too many."""
    space = Space([policy], policies.deployments.values(), sources)
    if not space.is_complete or space.size > MOST_TO_EXHAUST:
        return None
    return (policy.bind(space.facts(choice), policy.threshold) for choice in space.choices(space.size))


def _known(policy: Policy, policies: PolicySet) -> Mapping[str, Collection[str]]:
    """Variable → all that it may be, or that may be in it."""
    return {
        **WORDS,
        "request.alias": policy.serves,
        "session.tier": ("", *policies.tiers),
        **dict.fromkeys(_OF_DEPLOYMENTS, ("", *policies.deployments)),
    }


def _unknown_values(source: str, known: Mapping[str, Collection[str]]) -> Iterator[tuple[int, str, str]]:
    """What variables are compared with and never are: where it stands, a message, a suggestion."""
    named = [Comparison("health.latency_ms", "in", key) for key in sorted(keys(source, "health.latency_ms"))]
    compared = [each for each in comparisons(source) if each.operator in _EQUALITIES]
    for variable, _, literal in dict.fromkeys((*compared, *named)):
        if not isinstance(literal, str):
            continue
        offset = max(source.find(literal), 0)
        if variable == "time.date" and day_of(literal) is None:
            yield offset, f"{variable!r} is never {literal!r}", "write a date such as 2026-12-24"
        elif literal not in known.get(variable, (literal,)):
            words = sorted(filter(None, known[variable]))
            shown = f"known are {', '.join(words)}" if len(words) <= _MOST_KNOWN else "see policies/README.md"
            yield offset, f"{variable!r} is never {literal!r}", did_you_mean(literal, words) or shown


def _about_one_kind(policy: Policy, policies: PolicySet, each: Constraint | Rule) -> tuple[str, str] | None:
    """Whether a text escapes the condition by holding something graver beside what it is about.

    A condition that also names `none` is about how little a text holds, and means what it says.
    """
    source = each.when.source
    named = {said.literal for said in comparisons(source) if said.variable == _SENSITIVITY}
    if named.isdisjoint(KINDS[1:]) or "none" in named:
        return None
    space = Space([policy], policies.deployments.values(), [source])
    for choice in space.choices(MOST_TO_SEARCH):
        facts = space.facts(choice)
        kind = facts.signals.sensitivity
        for graver in KINDS[: KINDS.index(kind)] if kind in named and kind in KINDS else ():
            both = replace(facts, signals=replace(facts.signals, sensitive=(graver, kind), sensitivity=graver))
            if _escapes(policy, each, facts, both, graver):
                message = f"it is about {kind!r} alone: a text that also holds something {graver!r} is {graver!r}"
                return message, f"write '\"{kind}\" in signals.sensitive'"
    return None


def _escapes(policy: Policy, each: Constraint | Rule, alone: Facts, both: Facts, graver: str) -> bool:
    """Whether the graver text is freed of the constraint, or decided by a later rule that does not speak of it."""
    match, then = _match(policy, alone), _match(policy, both)
    if match is None or then is None:
        return False
    if isinstance(each, Constraint):
        is_lifted = each in match.constraints and each not in then.constraints
        left = [other.permitted for other in then.constraints]
        return is_lifted and not (left and frozenset.intersection(*left) <= each.permitted)
    if then.rule is each:
        return match.rule is not each
    if match.rule is not each:
        return False
    if then.rule is None:
        return True
    names = [rule.name for rule in policy.rules]
    speaks_of_it = any(said.literal == graver for said in comparisons(then.rule.when.source))
    return names.index(then.rule.name) > names.index(each.name) and not speaks_of_it


def _match(policy: Policy, facts: Facts) -> Match | None:
    return policy.match(policy.bind(facts, policy.threshold))
