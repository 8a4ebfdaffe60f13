"""Records as a company's month of traffic leaves them: some teams, more apps and keys, hours of work and of rest."""

import random
from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate, pairwise
from math import cos, pi

from msgspec.structs import replace

from gateway.domain.classification import Classification, Contribution
from gateway.domain.record import AttemptRecord, CheckResult, RequestRecord
from gateway.domain.signals import Signals, measure
from gateway.domain.usage import Usage
from tests.builders import a_record, a_request, an_attempt

_KEYS = 60
_APPS = 24
_TEAMS = 12
_HOUR_S = 3_600
_FEATURES = ("short ask", "asks for code", "many tools", "long prompt", "a name of a place", "three questions")
_MODELS = {"small": ("small-a", "small-b"), "large": ("large-a", "large-eu")}


def ledger_records(count: int, *, start: datetime, days: int, seed: int) -> Iterator[RequestRecord]:
    """That many, in the order of their time, more by day than by night; the same for the same seed."""
    draw = random.Random(seed)
    signals = [
        measure(a_request(f"Please answer question {number}: why is that so? " * number)) for number in range(40)
    ]
    hours = days * 24
    weights = [1.0 + 0.8 * cos(2 * pi * ((hour % 24) - 14) / 24) for hour in range(hours)]
    ends = [round(count * sofar / sum(weights)) for sofar in accumulate(weights)]
    for hour, (before, end) in enumerate(pairwise((0, *ends))):
        for place in range(share := end - before):
            at_s = start.timestamp() + (hour + place / share) * _HOUR_S
            yield _record(draw, at_s, draw.choice(signals))


def _record(draw: random.Random, at_s: float, signals: Signals) -> RequestRecord:
    key = int(draw.paretovariate(1.0)) % _KEYS
    tier, rule = draw.choice((("small", "easy goes small"), ("small", "default"), ("large", "hard goes large")))
    usage = Usage(input_tokens=draw.randrange(50, 4_000), output_tokens=draw.randrange(20, 900))
    chance = draw.random()
    attempts = _attempts(draw, tier, usage, chance)
    last = attempts[-1]
    cost = None if chance > 0.998 else sum(attempt.cost_nano_usd or 0 for attempt in attempts)
    large = usage.input_tokens * 2_500 + usage.output_tokens * 10_000
    return replace(
        _TEMPLATE,
        id=f"{int(at_s * 1000):012x}{draw.getrandbits(80):020x}",
        received_at=at_s,
        key_id=f"key_{key:08x}",
        team=f"team-{key % _TEAMS}",
        app=f"app-{key % _APPS}",
        alias="auto" if key % 3 else "assistant",
        stream=chance < 0.6,
        outcome="ok" if last.outcome == "ok" else "failed",
        status=200 if last.outcome == "ok" else 502,
        error_code=last.error_code,
        policy=f"policy-{key % 3}",
        rule=rule,
        deployment=last.deployment,
        tier=last.tier,
        model=last.model,
        signals=signals,
        classification=_classification(draw),
        usage=usage,
        cost_nano_usd=cost,
        unpriced=None if cost is not None else "the model has no price",
        baseline_cost_nano_usd=large,
        total_ms=last.ended_ms + 0.7,
        attempts=attempts,
        session=f"{draw.getrandbits(64):016x}",
    )


def _attempts(draw: random.Random, tier: str, usage: Usage, chance: float) -> tuple[AttemptRecord, ...]:
    """Mostly one; in 2 of 100 a fallback, in 3 an escalation, in 1 a failure."""
    first = _attempt(draw, 1, tier, usage)
    if chance < 0.01:
        return (replace(first, outcome="failed", error_code="upstream_error", status=500),)
    if chance < 0.03:
        return (
            replace(first, outcome="failed", error_code="rate_limited", status=429, usage=None, cost_nano_usd=None),
            _attempt(draw, 2, tier, usage),
        )
    if chance < 0.06 and tier == "small":
        failed = CheckResult(passed=False, failures=("empty",), score=0.31)
        return replace(first, checked=failed), _attempt(draw, 2, "large", usage)
    if chance < 0.2:
        return (replace(first, checked=CheckResult(passed=True, score=0.83)),)
    return (first,)


def _attempt(draw: random.Random, number: int, tier: str, usage: Usage) -> AttemptRecord:
    name, ended_ms = draw.choice(_MODELS[tier]), draw.lognormvariate(6.5, 0.7)
    price = 1 if tier == "small" else 16
    return replace(
        _ATTEMPT,
        number=number,
        deployment=name,
        tier=tier,
        model=f"{name}-model",
        first_byte_ms=ended_ms / 3,
        ended_ms=ended_ms,
        usage=usage,
        cost_nano_usd=price * (usage.input_tokens * 150 + usage.output_tokens * 600),
    )


def _classification(draw: random.Random) -> Classification:
    contributions = tuple(
        Contribution(feature=feature, log_odds=draw.uniform(-2, 2)) for feature in draw.sample(_FEATURES, 4)
    )
    return Classification(
        task="knowledge",
        small_ok=draw.random(),
        confidence=draw.random(),
        has_evidence=True,
        contributions=contributions,
        model="prior@2",
    )


_TEMPLATE = a_record()
_ATTEMPT = an_attempt()
