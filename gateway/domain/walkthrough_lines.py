"""A walkthrough in plain words, for people. Never prompt text; values of headers and metadata are shown."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.domain.explanation import classified, decided, dollars, measured, rolled_out
from gateway.domain.facts import Facts
from gateway.domain.walkthrough import Asked, Candidate, Walkthrough

_LONGEST_VALUE = 200
_ANSWERS = {True: "true", False: "false", None: "not asked"}


def lines(walkthrough: Walkthrough) -> Iterator[str]:
    """Lines of `Heading: what is so`, in the words of `explanation.explain`; below a heading what belongs to it."""
    facts, decision = walkthrough.facts, walkthrough.decision
    yield _asked(facts)
    yield from measured(facts.signals)
    yield from classified(facts.classification, decision.threshold)
    yield from _given(facts)
    yield from _session(walkthrough)
    yield from _conditions("Constraints", "the policy has none", "only", walkthrough.constraints)
    yield from _conditions("Rules", "the policy has none", "route", walkthrough.rules)
    policy = f"{decision.policy}@{decision.policy_version}"
    yield from decided(policy, decision.rule, decision.route.name, decision.reasons, decision.excluded)
    yield from _plan(walkthrough)
    yield from rolled_out(walkthrough.beside)


def _asked(facts: Facts) -> str:
    caller = facts.caller
    owner = "".join(f", {word} {name!r}" for word, name in (("team", caller.team), ("app", caller.app)) if name)
    tags = f", tags {', '.join(map(repr, caller.tags))}" if caller.tags else ""
    return f"Asked: model alias {facts.request.alias!r}{owner}{tags}"


def _given(facts: Facts) -> Iterator[str]:
    taken = []
    if facts.budget.exists:
        taken.append(f"{facts.budget.used_ratio:.1%} of the budget used")
    if facts.fleet.cooling:
        taken.append(f"at rest: {', '.join(sorted(facts.fleet.cooling))}")
    if facts.fleet.latency_ms:
        latencies = (f"{name} {latency_ms:.0f} ms" for name, latency_ms in sorted(facts.fleet.latency_ms.items()))
        taken.append(f"first bytes lately: {', '.join(latencies)}")
    if taken:
        yield f"Given: {'; '.join(taken)}"


def _session(walkthrough: Walkthrough) -> Iterator[str]:
    session = walkthrough.facts.session
    if session is None:
        return
    served = f"{session.deployment} (tier {session.tier})" if session.deployment else "nobody yet"
    forgotten = "" if walkthrough.is_remembered else "; the policy does not go by it"
    yield f"Session: served by {served}, route {session.route!r} by rule {session.rule!r}{forgotten}"


def _conditions(heading: str, none: str, leads: str, asked: Sequence[Asked]) -> Iterator[str]:
    yield f"{heading}: {'in this order' if asked else none}"
    for each in asked:
        answer = "failed" if each.failed else _ANSWERS[each.holds]
        yield f"  {answer:<9}  {each.name}: {_one_line(each.when)} -> {leads} {each.leads_to}"
        if each.failed:
            yield f"             taken as {_ANSWERS[each.holds]}: {each.failed}"
        for name, value in each.values.items():
            yield f"             {name} = {_shown(value)}"


def _plan(walkthrough: Walkthrough) -> Iterator[str]:
    planned = [each for each in walkthrough.candidates if each.place is not None]
    others = [each for each in walkthrough.candidates if each.place is None]
    if planned:
        yield f"Plan: in this order; costs are for about {walkthrough.output_tokens} tokens of answer"
    else:
        yield "Plan: none, it would be refused: no deployment may serve it"
    for each in planned:
        yield f"  {each.place}. {_costed(each)}"
    if others:
        yield "Could serve it too:"
        for each in others:
            yield f"  {_costed(each)}"


def _costed(candidate: Candidate) -> str:
    cost = candidate.cost_nano_usd
    costs = f"unpriced: {candidate.unpriced}" if cost is None else f"about {dollars(cost)}"
    return f"{candidate.deployment} (tier {candidate.tier}, model {candidate.model}), {costs}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shown(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else msgspec.json.encode(value).decode()
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: _LONGEST_VALUE + 1])
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
