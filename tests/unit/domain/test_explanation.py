import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.classification import Contribution
from gateway.domain.explanation import _USED, TOP_CONTRIBUTIONS, explain
from gateway.domain.record import CheckResult, Origin, RequestRecord
from gateway.domain.rollout import Beside
from gateway.domain.usage import COUNTS, MoreUsage, Usage
from tests.builders import a_classification, a_record, an_attempt, some_facts


def _told(record: RequestRecord) -> str:
    return "\n".join(explain(record))


def test_the_story_of_an_ordinary_request() -> None:
    told = _told(a_record(team="claims"))

    assert told == (
        "Request: req-1, 2026-09-21 14:13:20 UTC\n"
        "Asked: key 'test', team 'claims' asked for model alias 'auto'\n"
        "Outcome: answered by small-a (tier small, model small-a-model); HTTP 200\n"
        "Measured: about 11 input tokens in 1 message; the last ask about 7 tokens\n"
        "Classified: as knowledge by prior@1; the small tier is good enough with probability 90.0%"
        " (the policy asks for 60.0%), confidence 80.0%\n"
        "  speaks for small +1.1: short ask\n"
        "Decided: policy default@v1; its rule 'easy goes small' chose route 'small-first'\n"
        "  because of rule 'easy goes small': classification.small_ok >= quality.threshold\n"
        "  left out large-a: cooldown for 3.0 s more\n"
        "Attempts: 1\n"
        "  1. small-a (tier small, model small-a-model): ok, HTTP 200;"
        " took 39.7 ms from 0.3 ms on, first byte at 12.0 ms; 12 input and 30 output tokens; cost $0.0000198\n"
        "Cost: $0.0000198 for 12 input and 30 output tokens\n"
        "Saving: $0.0003102 (94.0%); baseline large-a would have cost $0.00033 for the same tokens\n"
        "Time: 40.4 ms in all; 39.7 ms waiting for upstreams, 0.7 ms in the gateway"
    )


def test_only_telling_signals_are_told() -> None:
    signals = replace(some_facts().signals, tools=2, tool_loop=True, sensitivity="personal", max_output_tokens=1)

    line = next(line for line in explain(a_record(signals=signals)) if line.startswith("Measured: "))

    assert line.endswith(
        "; at most 1 output token wanted; 2 tools; an agent is at work (a tool's result came last); personal data found"
    )


def test_every_kind_of_sensitive_content_is_told() -> None:
    signals = replace(some_facts().signals, sensitivity="secret", sensitive=("secret", "health", "legal"))

    told = _told(a_record(signals=signals))

    assert "; a secret (key or token) found; a matter of health; a matter of law\n" in told


def test_of_code_a_foreign_language_and_a_courtesy_is_told() -> None:
    signals = replace(
        some_facts().signals, code=True, code_language="rust", language="de", trivial=True, asked_tokens=200
    )

    told = _told(a_record(signals=signals))

    assert "; an answer of about 200 tokens asked for; code in rust; language de; nothing but a courtesy\n" in told


def test_what_the_policy_on_its_way_would_have_done_is_told() -> None:
    shadow = Beside(
        policy="next", policy_version="v2", mode="shadow", was_candidate=True, rule="default", route="large-only",
        deployment="large-a", differs=True,
    )  # fmt: skip
    refused = replace(shadow, was_candidate=False, rule="hard", deployment=None, differs=False)

    assert (
        "Roll-out: policy next@v2, which is being rolled out (shadow), would have tried large-a first by its default,"
        " route 'large-only', unlike the policy that decided\nAttempts"
    ) in _told(a_record(beside=shadow))
    assert (
        "which is in force, would have refused it by its rule 'hard', route 'large-only', as the policy that decided"
    ) in _told(a_record(beside=refused))


def test_the_weightiest_contributions_come_first_and_the_rest_is_counted() -> None:
    contributions = tuple(Contribution(feature=f"f{weight}", log_odds=float(-weight)) for weight in range(1, 8))

    told = explain(a_record(classification=a_classification(contributions=contributions)))

    spoken = [line for line in told if line.startswith("  speaks for")]
    assert len(spoken) == TOP_CONTRIBUTIONS
    assert spoken[0] == "  speaks for large -7.0: f7"
    assert "  and 2 lesser reasons" in told


def test_want_of_evidence_is_said() -> None:
    told = explain(a_record(classification=a_classification(has_evidence=False)))

    assert "  too little in the request is known or speaks for the small tier for that to count" in told


def test_the_default_is_not_told_as_a_rule() -> None:
    told = _told(a_record(rule="default", reasons=("no rule matched: the policy's default",)))

    assert "Decided: policy default@v1; no rule matched, so its default chose route 'small-first'" in told


def test_a_constraint_is_told_as_a_cause() -> None:
    told = explain(a_record(reasons=("constraint 'home': only labels.residency == \"on_prem\"",)))

    assert "  because of constraint 'home': only labels.residency == \"on_prem\"" in told


def test_each_attempt_is_told_with_how_it_ended() -> None:
    failed = an_attempt(
        deployment="small-b",
        outcome="failed",
        error_code="upstream_timeout",
        status=None,
        usage=None,
        cost_nano_usd=None,
        unpriced=None,
        first_byte_ms=None,
    )

    told = _told(a_record(attempts=(failed, an_attempt(number=2))))

    assert (
        "Attempts: 2\n  1. small-b (tier small, model small-a-model): failed (upstream_timeout); took 39.7 ms" in told
    )
    assert "\n  2. small-a" in told


def test_an_unknown_cost_is_said_with_its_cause_and_never_as_zero() -> None:
    record = a_record(cost_nano_usd=None, unpriced="no price for model 'x'", attempts=())

    told = _told(record)

    assert "Cost: unknown (no price for model 'x')" in told
    assert "Saving: unknown; baseline large-a would have cost $0.00033" in told


def test_a_decision_that_cost_more_says_so() -> None:
    assert "Saving: none, it cost $0.00001 more; baseline" in _told(
        a_record(cost_nano_usd=20_000, baseline_cost_nano_usd=10_000)
    )


def test_without_a_baseline_no_saving_is_claimed() -> None:
    told = _told(a_record(baseline=None, baseline_cost_nano_usd=None))

    assert "Saving: not measured, the policy declares no baseline" in told


def test_the_span_of_the_saving_is_told_where_it_is_one() -> None:
    span = "between -$0.00001 and $0.0005: it would have answered at a length of its own"

    assert span in _told(a_record(saving_low_nano_usd=-10_000, saving_high_nano_usd=500_000))
    assert "between" not in _told(a_record(saving_low_nano_usd=310_200, saving_high_nano_usd=310_200))


def test_energy_is_told_where_it_is_declared() -> None:
    assert "Energy: 0.0015 Wh, as the deployments declare it" in _told(a_record(energy_uwh=1_500))
    assert "Energy" not in _told(a_record())


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("first", "model small-a-model): ok"),
        ("retry", "model small-a-model), tried again: ok"),
        ("fallback", "model small-a-model), in place of one that could not answer: ok"),
        ("escalation", "model small-a-model), in place of one whose answer failed its check: ok"),
        (None, "model small-a-model): ok"),
    ],
)
def test_why_a_call_was_made_is_told(origin: Origin | None, words: str) -> None:
    assert words in _told(a_record(attempts=(an_attempt(origin=origin),)))


def test_everything_a_call_used_is_told() -> None:
    assert set(_USED) == set(COUNTS)
    usage = Usage(
        input_tokens=12, output_tokens=30, more=MoreUsage(reasoning_tokens=20, searches=1, service_tier="flex")
    )

    told = _told(a_record(attempts=(an_attempt(usage=usage, price_version="0a1b"),)))

    assert "12 input and 30 output tokens, thought 20, searches of the web 1, served at the flex tier" in told
    assert "cost $0.0000198 by price version 0a1b" in told


def test_a_request_that_nothing_could_serve() -> None:
    told = _told(
        a_record(
            outcome="refused", status=503, error_code="no_deployment", deployment=None, tier=None, model=None,
            attempts=(), signals=None, classification=None, usage=None,
        )
    )  # fmt: skip

    assert "Outcome: refused: no deployment may serve it; HTTP 503, error no_deployment" in told
    assert "Measured: nothing, the request did not come to that" in told
    assert "Classified: not at all" in told
    assert "Attempts: none, nothing was sent to any upstream" in told


def test_a_client_that_left_got_no_status() -> None:
    told = _told(a_record(outcome="client_disconnected", status=None))

    assert "Outcome: not delivered: the client had gone; the deployment was small-a (tier small" in told
    assert "; no HTTP status was sent" in told


def test_estimated_and_cached_tokens_are_told_as_such() -> None:
    usage = Usage(input_tokens=100, output_tokens=5, cached_input_tokens=60, estimated=True)

    assert "for 100 input (60 of them cached) and 5 output tokens, estimated" in _told(a_record(usage=usage))


@given(text=st.text())
def test_every_fact_keeps_to_its_line(text: str) -> None:
    record = a_record(alias=text, team=text)

    assert len(explain(record)) == len(explain(a_record(team="x")))
    assert all(line.isprintable() for line in explain(record))


@pytest.mark.parametrize(
    ("checked", "line"),
    [
        (CheckResult(passed=True), "its answer passed the check"),
        (CheckResult(passed=True, score=0.812), "its answer passed the check, right with probability 81.2%"),
        (CheckResult(passed=False, failures=("empty",)), "its answer failed the check: empty"),
        (CheckResult(passed=True, is_whole=False), "the beginning of its answer passed the check"),
    ],
)
def test_what_came_of_testing_an_answer_is_told(checked: CheckResult, line: str) -> None:
    assert f"; {line}; " in _told(a_record(attempts=(an_attempt(checked=checked),)))
