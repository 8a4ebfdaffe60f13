"""Requests that two policy sets decide differently: found by a bounded search, so that none found proves nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from gateway.domain.decision import Decision, decide
from gateway.domain.facts import Facts
from gateway.domain.policy import Constraint, Deployment, Policy, PolicySet, Rule
from gateway.policyfile.expressions import normal_form, variables
from gateway.policyfile.variables import THRESHOLD
from gateway.policyfile.witnesses import Choice, Space

MOST_EXAMPLES = 3
MOST_TRIED = 30_000
"""Requests tried in all, some seconds at most; the pairs of policies share them."""

_LEAST_TRIED = 2_000
_LEAST_OF_SPACE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request that is planned differently. `given`: what is not ordinary about it, in the words of conditions."""

    given: tuple[str, ...]
    facts: Facts
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """What the search came to for two policies that serve the same aliases.

    is_candidate  they are being rolled out, beside those in force
    tried         how many requests both decided
    """

    aliases: tuple[str, ...]
    is_candidate: bool
    before: Policy
    after: Policy
    tried: int
    examples: tuple[Example, ...]


def divergences(before: PolicySet, after: PolicySet) -> tuple[Divergence, ...]:
    """One for each pair of policies that serve an alias, unless they are the same by their versions."""
    pairs = [*_pairs(before, after, are_candidates=False), *_pairs(before, after, are_candidates=True)]
    deployments = {**before.deployments, **after.deployments}.values()
    hints = _hints(before, after)
    most = max(MOST_TRIED // max(len(pairs), 1), _LEAST_TRIED)
    found = []
    for old, new, aliases, is_candidate in pairs:
        search = _Search(old, new, deployments)
        for sources, share in _plans(old, new, hints, most):
            search.look(sources, share)
        divergence = Divergence(
            aliases=aliases,
            is_candidate=is_candidate,
            before=old,
            after=new,
            tried=search.tried,
            examples=tuple(search.examples),
        )
        found.append(divergence)
    return tuple(found)


class _Search:
    def __init__(self, before: Policy, after: Policy, deployments: Iterable[Deployment]) -> None:
        self._before = before
        self._after = after
        self._deployments = tuple(deployments)
        self._seen: set[tuple[str, str]] = set()
        self.examples: list[Example] = []
        self.tried = 0

    def look(self, sources: Sequence[str], most: int) -> None:
        """Try `most` of the requests that the conditions can tell apart, while examples are wanted.

        Of the requests that the same two rules decide, one is enough.
        """
        if len(self.examples) == MOST_EXAMPLES:
            return
        space = Space([self._before, self._after], self._deployments, sources)
        for choice in space.choices(most):
            self.tried += 1
            decisions = self._different(space.facts(choice))
            if decisions is not None and _rules(decisions) not in self._seen:
                self._seen.add(_rules(decisions))
                self.examples.append(self._example(space, choice, _rules(decisions)))
                if len(self.examples) == MOST_EXAMPLES:
                    return

    def _example(self, space: Space, choice: Choice, rules: tuple[str, str]) -> Example:
        """The request as simple as it can be for the same two rules to plan it differently."""

        def is_one(facts: Facts) -> bool:
            decisions = self._different(facts)
            return decisions is not None and _rules(decisions) == rules

        choice = space.simplest(choice, is_one)
        facts = space.facts(choice)
        before, after = decide(self._before, facts), decide(self._after, facts)
        return Example(given=space.in_words(choice), facts=facts, before=before, after=after)

    def _different(self, facts: Facts) -> tuple[Decision, Decision] | None:
        """The two decisions, where their plans are not the same.

        Requests that a condition fails on are passed over: what they get is chance, and each would be logged.
        """
        if any(each.match(each.bind(facts, each.threshold)) is None for each in (self._before, self._after)):
            return None
        before, after = decide(self._before, facts), decide(self._after, facts)
        return (before, after) if _plan(before) != _plan(after) else None


def _rules(decisions: tuple[Decision, Decision]) -> tuple[str, str]:
    return decisions[0].rule, decisions[1].rule


def _plan(decision: Decision) -> list[str]:
    return [each.name for each in decision.plan]


def _pairs(
    before: PolicySet, after: PolicySet, *, are_candidates: bool
) -> Iterator[tuple[Policy, Policy, tuple[str, ...], bool]]:
    """The policies that serve an alias before and after, with all such aliases."""
    old, new = (before.candidates, after.candidates) if are_candidates else (before.by_alias, after.by_alias)
    aliases: dict[tuple[str, str], list[str]] = {}
    for alias in old.keys() & new.keys():
        aliases.setdefault((old[alias].name, new[alias].name), []).append(alias)
    for served in sorted(aliases.values()):
        first, second = old[served[0]], new[served[0]]
        if first.version != second.version or before.tiers != after.tiers:
            yield first, second, tuple(sorted(served)), are_candidates


def _hints(before: PolicySet, after: PolicySet) -> list[str]:
    """Conditions nobody wrote, on what the changed deployments can and cannot take."""
    hints: set[str] = set()
    for name in before.deployments.keys() & after.deployments.keys():
        old, new = before.deployments[name], after.deployments[name]
        if old.context_window != new.context_window:
            windows = [each for each in (old.context_window, new.context_window) if each is not None]
            hints.update(f"signals.tokens > {window}" for window in windows)
        if old.capabilities != new.capabilities:
            hints |= {"signals.tools > 0", "signals.images > 0", "signals.structured"}
    return sorted(hints)


def _plans(before: Policy, after: Policy, hints: Sequence[str], most: int) -> Iterator[tuple[Sequence[str], int]]:
    """Which conditions to look at together and how many requests to try: first what changed, then all else."""
    changed, sources = _changed(before, after), _sources(before, after)
    stages: list[list[Sequence[str]]] = [
        [(), hints, *([each] for each in changed), *([each, *hints] for each in changed if hints)],
        [[each, *hints] for each in sources],
        [[one, other] for one, other in product(changed, sources) if one != other],
        [[one, other] for one, other in combinations(sources, 2)],
        [[*sources, *hints]],
    ]
    for stage in stages:
        for together in stage:
            yield together, max(most // len(stages) // len(stage), _LEAST_OF_SPACE)


def _sources(before: Policy, after: Policy) -> list[str]:
    each = (each for policy in (before, after) for each in _conditioned(policy))
    return list({normal_form(one.when.source): one.when.source for one in each}.values())


def _changed(before: Policy, after: Policy) -> list[str]:
    """The conditions of constraints and rules that are not in both policies as they are."""
    old, new = ({_said(each): each.when.source for each in _conditioned(policy)} for policy in (before, after))
    changed = [source for said, source in (old | new).items() if (said in old) != (said in new)]
    if before.threshold != after.threshold:
        changed += [source for source in _sources(before, after) if THRESHOLD in variables(source)]
    return list(dict.fromkeys(changed))


def _conditioned(policy: Policy) -> Sequence[Constraint | Rule]:
    return (*policy.constraints, *policy.rules)


def _said(each: Constraint | Rule) -> tuple[str, str, frozenset[str]]:
    condition = normal_form(each.when.source)
    if isinstance(each, Rule):
        return condition, each.goes_to, frozenset()
    return condition, "" if each.instead is None else each.instead.name, each.permitted
