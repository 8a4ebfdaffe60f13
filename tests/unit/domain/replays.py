"""Records as a replay reads them, and what a replay tells, for tests."""

from typing import Any

from msgspec.structs import replace

from gateway.domain.change import Change, Changes, Latency, Quality
from gateway.domain.decision import Decision
from gateway.domain.errors import NoDeploymentError
from gateway.domain.facts import Facts
from gateway.domain.logged import Logged
from gateway.domain.policy import Policy
from gateway.domain.record import RequestRecord
from gateway.story import Story
from tests.builders import an_attempt
from tests.fakes import ManualClock

NOTHING = Change(
    requests=0,
    moved=0,
    refused_before=0,
    refused_after=0,
    refusals_gained=0,
    refusals_lost=0,
    cost_compared=0,
    cost_unknown=0,
    cost_before_nano_usd=None,
    cost_after_nano_usd=None,
)


def recorded(policy: Policy, facts: Facts, decision: Decision) -> RequestRecord:
    """The record the gateway would leave of that decision, its first deployment having answered."""
    clock = ManualClock(now_s=facts.at_s)
    story = Story(facts.request_id, facts.caller, facts.request, policy, clock, session_key=facts.session_key)
    story.signals, story.classification = facts.signals, facts.classification
    story.facts, story.decision = facts, decision
    if decision.plan:
        first = decision.plan[0]
        story.trail.attempts.append(an_attempt(deployment=first.name, tier=first.tier))
        story.trail.served_by = first
        story.succeeded()
    else:
        story.failed(NoDeploymentError("nobody may"), 503)
    return story.told()


def logged_of(record: RequestRecord) -> Logged:
    """What the store would read of it."""
    first = record.attempts[0] if record.attempts else None
    return Logged(
        id=record.id,
        at_s=record.received_at,
        alias=record.alias,
        key_id=record.key_id,
        team=record.team,
        app=record.app,
        stream=record.stream,
        outcome=record.outcome,
        policy=record.policy,
        policy_version=record.policy_version,
        rule=record.rule,
        first=None if first is None else first.deployment,
        first_tier="" if first is None else first.tier,
        at_first_try=first is not None and first.outcome == "ok",
        signals=record.signals,
        classification=record.classification,
        usage=record.usage,
        cost_nano_usd=record.cost_nano_usd,
        total_ms=record.total_ms,
        session=record.session or "",
        context=record.context,
        beside=record.beside,
    )


def some_changes(latency: Latency | None = None, quality: Quality | None = None, **changes: Any) -> Changes:
    return Changes(
        total=replace(NOTHING, **changes),
        unserved=0,
        moves=(),
        by_rule=(),
        by_team=(),
        by_app=(),
        latency=latency,
        quality=quality,
        movers=(),
    )
