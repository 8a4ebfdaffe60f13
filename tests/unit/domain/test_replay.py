from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.classification import Classification
from gateway.domain.context import Context
from gateway.domain.decision import decide
from gateway.domain.facts import Budget, Facts, Fleet
from gateway.domain.logged import UNMEASURED, UNTRIED, Logged
from gateway.domain.policy import PolicySet
from gateway.domain.replay import NO_SECOND_DECISION, Replay, RolloutReplay
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.rollout import Beside
from gateway.domain.session import Session
from gateway.domain.signals import Signals
from tests.builders import a_classification, some_facts
from tests.unit.domain.replays import logged_of, recorded
from tests.unit.policyfile.folder import load

_POLICIES = """
tiers: [small, large]
deployments:
  - {name: small-a, tier: small, provider: openai, model: s, labels: {home: true}, context_window: 20000,
     capabilities: [tools], price: {input_per_mtok_usd: 1, output_per_mtok_usd: 1}}
  - {name: small-b, tier: small, provider: openai, model: s, labels: {home: true},
     price: {input_per_mtok_usd: 2, output_per_mtok_usd: 2}}
  - {name: large-a, tier: large, provider: openai, model: l, labels: {home: false},
     price: {input_per_mtok_usd: 10, output_per_mtok_usd: 10}}
  - {name: large-b, tier: large, provider: openai, model: l, labels: {home: false}}
routes:
  - {name: spread, try: [small-a, small-b], strategy: weighted, weights: {small-a: 2, small-b: 1}, then: [large-a]}
  - {name: fastest, try: [large-a, large-b, small-b], strategy: least_latency}
  - {name: thrifty, try: [large-a, small-a], strategy: cheapest}
  - {name: hashed, try: [small-a, small-b, large-a], strategy: sticky}
  - {name: home, try: [small-a], then: [{try: [large-b], after: [timeout]}]}
policies:
  - name: default
    serves: [auto]
    headers: [x-plan]
    timezone: Europe/Berlin
    constraints:
      - {name: stays home, when: '"personal" in signals.sensitive', require: labels.home == true}
      - {name: broke, when: budget.used_ratio > 0.9, require: labels.home == true, on_unavailable: home}
    rules:
      - {name: gold, when: '"x-plan" in request.headers && request.headers["x-plan"] == "gold"', route: fastest}
      - {name: told, when: '"cheap" in request.metadata', route: thrifty}
      - {name: tagged, when: '"bulk" in key.tags', route: spread}
      - {name: searches, when: 'request.tools.exists(name, name == "search")', route: hashed}
      - {name: looping, when: signals.tool_loop && signals.tools > 3, route: fastest}
      - {name: night, when: time.hour < 6, route: spread}
      - {name: ailing, when: '"small-a" in health.resting', route: hashed}
      - {name: at home already, when: session.deployment == "small-b", route: sticky}
      - {name: easy, when: classification.small_ok >= quality.threshold, route: spread}
    default: fastest
"""
_DEPLOYMENTS = ("small-a", "small-b", "large-a", "large-b")
_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return load(tmp_path_factory.mktemp("policies"), p=_POLICIES)


@st.composite
def _some_facts(draw: st.DrawFn) -> Facts:
    names = draw(st.lists(st.sampled_from(["search", "write"]), max_size=2))
    metadata = draw(st.dictionaries(st.sampled_from(["cheap", "other"]), _texts, max_size=2))
    at_s = 1_790_000_000 + draw(st.integers(0, 10_000_000)) / 64
    rank = draw(st.integers(0, 1))
    session = Session(
        rule=draw(st.sampled_from(["easy", "gold", "gone"])),
        route=draw(st.sampled_from(["spread", "fastest", "hashed", "gone"])),
        deployment=draw(st.sampled_from([name for name in _DEPLOYMENTS if name.startswith(("small", "large")[rank])])),
        tier=("small", "large")[rank],
        rank=rank,
        prefix_tokens=draw(st.integers(0, 9_000)),
        seen_at_s=at_s - draw(st.sampled_from([1.5, 299.0, 301.0, 3599.0, 3601.0])),
    )
    sensitive: Any = draw(st.sampled_from([(), ("personal",), ("secret", "personal")]))
    signals = Signals(
        tokens=draw(st.integers(1, 40_000)),
        ask_tokens=10,
        turns=1,
        messages=2,
        tools=len(names) + draw(st.sampled_from([0, 4])),
        tool_loop=draw(st.booleans()),
        images=0,
        structured=draw(st.booleans()),
        code=False,
        maths=False,
        max_output_tokens=0,
        script="latin",
        sensitivity=sensitive[0] if sensitive else "none",
        sensitive=sensitive,
    )
    return Facts(
        request=ChatRequest(
            alias="auto",
            messages=(),
            payload={"metadata": metadata, "tools": [{"function": {"name": name}} for name in names]},
            size_bytes=0,
            stream=draw(st.booleans()),
            tools=len(names),
        ),
        caller=Caller(key_id="key_1", team="claims", app="bot", tags=draw(st.sampled_from([(), ("bulk",)]))),
        signals=signals,
        classification=Classification(
            task="chat", small_ok=draw(st.floats(0, 1)), confidence=0.5, has_evidence=True, model="prior@1"
        ),
        headers=draw(st.sampled_from([{}, {"x-plan": "gold"}, {"x-plan": "tin"}])),
        request_id=draw(st.uuids()).hex,
        session_key=draw(st.sampled_from(["", "c0ffee", "decaf"])),
        session=draw(st.none() | st.just(session)),
        budget=Budget(exists=True, used_ratio=draw(st.floats(0, 1.2))) if draw(st.booleans()) else Budget(),
        fleet=Fleet(
            cooling=draw(st.dictionaries(st.sampled_from(_DEPLOYMENTS), st.floats(0.1, 60), max_size=4)),
            latency_ms=draw(st.dictionaries(st.sampled_from(_DEPLOYMENTS), st.floats(1, 9_000), max_size=4)),
        ),
        at_s=at_s,
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=_some_facts())
def test_under_the_policies_that_wrote_the_log_every_decision_is_the_same(policies: PolicySet, facts: Facts) -> None:
    policy = policies.serving("auto")
    live = decide(policy, facts)
    logged = logged_of(recorded(policy, facts, live))
    replay = Replay(policies)

    again = decide(policy, replay.facts_of(logged, policy))
    replay.add(logged)

    assert again == live
    outcome = replay.outcome()
    assert outcome.changes.total.moved == 0
    assert outcome.unrecorded == 0
    assert [(group.policy, group.name) for group in outcome.changes.by_rule] == [("default", live.rule)]


def _a_logged(policies: PolicySet, facts: Facts | None = None, **changes: Any) -> Logged:
    """Decided by the policy for `auto`."""
    facts = facts or replace(some_facts(classification=a_classification(0.9)), request_id="req-1", at_s=1_790_000_000.0)
    policy = policies.serving("auto")
    return replace(logged_of(recorded(policy, facts, decide(policy, facts))), **changes)


def _stricter(tmp_path: Path, text: str = _POLICIES) -> PolicySet:
    return load(tmp_path, p=text.replace("classification.small_ok >=", "classification.small_ok - 0.5 >="))


def test_a_stricter_candidate_moves_what_was_easy(policies: PolicySet, tmp_path: Path) -> None:
    logged = _a_logged(policies)
    replay = Replay(_stricter(tmp_path))

    replay.add(logged)

    outcome = replay.outcome()
    (mover,) = outcome.changes.movers
    assert (mover.rule_before, mover.rule_after) == ("easy", "default")
    assert (mover.before, mover.after) == (logged.first, "large-a")
    assert outcome.classifiers == ("prior@1",)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"signals": None}, UNMEASURED),
        ({"classification": None}, UNMEASURED),
        ({"first": None, "outcome": "client_disconnected"}, UNTRIED),
        ({"unreadable": "an odd task"}, "an odd task"),
    ],
)
def test_what_cannot_be_decided_again_is_counted_with_its_reason(
    policies: PolicySet, changes: dict[str, Any], why: str
) -> None:
    replay = Replay(policies)

    replay.add(_a_logged(policies, **changes))

    outcome = replay.outcome()
    assert (outcome.read, outcome.not_replayed, outcome.changes.total.requests) == (1, {why: 1}, 0)


def test_an_alias_nobody_serves_any_more_is_refused_and_told_apart(policies: PolicySet) -> None:
    replay = Replay(policies)

    replay.add(_a_logged(policies, alias="gone"))

    changes = replay.outcome().changes
    assert (changes.unserved, changes.total.refusals_gained, changes.total.moved) == (1, 1, 1)
    assert changes.moves[0].unserved


def test_facts_that_nobody_recorded_are_counted(policies: PolicySet) -> None:
    replay = Replay(policies)
    signals = replace(some_facts().signals, tools=1)

    replay.add(_a_logged(policies, policy_version="older", context=None, signals=signals))

    outcome = replay.outcome()
    names = ("request.headers", "request.metadata", "request.tools", "key.tags")
    assert outcome.unrecorded == 1
    assert outcome.facts == dict.fromkeys(names, 1)


def test_a_request_without_tools_has_no_unrecorded_tools(policies: PolicySet) -> None:
    replay = Replay(policies)

    replay.add(_a_logged(policies, policy_version="older", context=None))

    assert "request.tools" not in replay.outcome().facts


def test_a_route_by_latency_counts_where_no_latency_was_recorded(policies: PolicySet) -> None:
    replay = Replay(policies)
    hard = replace(some_facts(classification=a_classification(0.1)), at_s=1_790_000_000.0)

    replay.add(_a_logged(policies, hard, policy_version="older", context=None))

    assert replay.outcome().facts["health.latency_ms"] == 1


def test_a_header_the_candidate_does_not_list_is_not_shown_to_it(policies: PolicySet) -> None:
    context = Context(headers={"x-plan": "gold", "x-other": "1"})
    logged = _a_logged(policies, context=context)

    facts = Replay(policies).facts_of(logged, policies.serving("auto"))

    assert facts.headers == {"x-plan": "gold"}


def _beside(**changes: Any) -> Beside:
    beside = Beside(
        policy="next",
        policy_version="v2",
        mode="shadow",
        was_candidate=True,
        rule="hard",
        route="fastest",
        deployment="large-a",
        differs=True,
    )
    return replace(beside, **changes)


def test_what_a_shadow_decided_is_compared_without_deciding_again(policies: PolicySet) -> None:
    rollout = RolloutReplay(policies)

    rollout.add(_a_logged(policies, beside=_beside()))
    rollout.add(_a_logged(policies))

    outcome = rollout.outcome()
    (rolled,) = outcome.rolled
    assert (outcome.read, outcome.not_compared) == (2, {NO_SECOND_DECISION: 1})
    assert (rolled.policy, rolled.policy_version, rolled.mode) == ("next", "v2", "shadow")
    assert (rolled.changes.total.requests, rolled.changes.total.moved) == (1, 1)
    assert [(group.policy, group.name) for group in rolled.changes.by_rule] == [("next", "hard")]


def test_a_canary_s_two_sides_are_one_candidate(policies: PolicySet) -> None:
    rollout = RolloutReplay(policies)
    acted = _beside(mode="canary", was_candidate=False, policy="default", policy_version="v1", rule="easy")

    rollout.add(_a_logged(policies, beside=_beside(mode="canary")))
    rollout.add(_a_logged(policies, policy="next", policy_version="v2", rule="hard", beside=acted))

    (rolled,) = rollout.outcome().rolled
    assert (rolled.policy, rolled.mode, rolled.changes.total.requests) == ("next", "canary", 2)
    assert {(mover.before, mover.after) for mover in rolled.changes.movers} == {
        (_a_logged(policies).first, "large-a"),
        ("large-a", _a_logged(policies).first),
    }
    assert {mover.rule_after for mover in rolled.changes.movers} == {"hard"}
