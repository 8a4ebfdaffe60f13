import pytest

from gateway.domain.errors import AttemptsExhaustedError, NoDeploymentError, UpstreamInterruptedError
from gateway.domain.policy import Deployment, KeepText
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.request import Caller
from gateway.domain.session import Session
from gateway.domain.signals import measure
from gateway.domain.usage import Usage
from gateway.story import Story
from tests.builders import (
    a_classification,
    a_decision,
    a_deployment,
    a_policy,
    a_price,
    a_request,
    an_attempt,
)
from tests.fakes import ManualClock

_SMALL = a_deployment("small-a")
_BASELINE = a_deployment("large-a", price=a_price(2_500, 10_000))


def _story(clock: ManualClock | None = None, *, baseline: Deployment | None = _BASELINE, stream: bool = False) -> Story:
    return Story(
        "req-7",
        Caller(key_id="key_1", team="claims", app="mailbot"),
        a_request(stream=stream),
        a_policy(name="support", version="v3", baseline=baseline),
        clock or ManualClock(),
    )


def _told(*attempts: AttemptRecord, served_by: Deployment | None = _SMALL, stream: bool = False) -> RequestRecord:
    """The record of a story of these attempts, of which the last answered where someone served."""
    story = _story(stream=stream)
    story.trail.attempts.extend(attempts)
    story.trail.served_by = served_by
    story.trail.has_answered = served_by is not None
    return story.told()


def test_a_story_nobody_ended_is_a_fault_of_our_own() -> None:
    record = _story().told()

    assert (record.outcome, record.status, record.error_code) == ("failed", 500, "internal_error")


def test_a_story_without_a_decision_still_names_its_request_caller_and_policy() -> None:
    record = _story().told()

    assert (record.id, record.alias, record.key_id, record.team, record.app) == (
        "req-7",
        "auto",
        "key_1",
        "claims",
        "mailbot",
    )
    assert (record.policy, record.policy_version, record.route, record.rule) == ("support", "v3", "", "")
    assert (record.signals, record.classification, record.threshold) == (None, None, None)
    assert (record.deployment, record.usage, record.cost_nano_usd) == (None, None, 0)


def test_what_was_measured_classified_and_decided_is_told() -> None:
    story = _story()
    story.signals = measure(a_request())
    story.classification = a_classification()
    story.decision = a_decision(excluded={"large-a": "constraint 'stays home'"})

    record = story.told()

    assert (record.signals, record.classification) == (story.signals, story.classification)
    assert (record.route, record.rule) == ("small-first", "easy goes small")
    assert (record.reasons, record.excluded) == (story.decision.reasons, story.decision.excluded)
    assert record.threshold == story.decision.threshold


def test_success_is_ok_with_200() -> None:
    story = _story()

    story.succeeded()

    record = story.told()
    assert (record.outcome, record.status, record.error_code) == ("ok", 200, None)


def test_no_deployment_is_a_refusal() -> None:
    story = _story()

    story.failed(NoDeploymentError("nothing may serve it"), 403)

    record = story.told()
    assert (record.outcome, record.status, record.error_code) == ("refused", 403, "no_deployment")


@pytest.mark.parametrize(("has_answered", "outcome"), [(False, "failed"), (True, "interrupted")])
def test_an_error_interrupts_an_answer_that_had_begun_and_fails_one_that_had_not(
    has_answered: bool, outcome: str
) -> None:
    story = _story()
    story.trail.has_answered = has_answered

    story.failed(UpstreamInterruptedError("broke off"), 502)

    record = story.told()
    assert (record.outcome, record.error_code) == (outcome, "upstream_interrupted")


@pytest.mark.parametrize(("has_answered", "status"), [(False, None), (True, 200)])
def test_a_client_that_left_saw_the_status_only_if_an_answer_had_begun(has_answered: bool, status: int | None) -> None:
    story = _story()
    story.trail.has_answered = has_answered

    story.abandoned()

    record = story.told()
    assert (record.outcome, record.status, record.error_code) == ("client_disconnected", status, None)


def test_the_overhead_is_the_total_less_what_upstreams_took() -> None:
    clock = ManualClock()
    story = _story(clock)
    story.trail.attempts += [
        an_attempt(number=1, started_ms=1.0, ended_ms=101.0),
        an_attempt(number=2, started_ms=102.0, ended_ms=302.0),
    ]
    clock.advance(0.305)

    record = story.told()

    assert record.total_ms == pytest.approx(305.0)
    assert record.upstream_ms == pytest.approx(300.0)
    assert record.overhead_ms == pytest.approx(5.0)


def test_rounding_never_makes_the_overhead_negative() -> None:
    assert _told(an_attempt(started_ms=0.0, ended_ms=1e-9)).overhead_ms == 0.0


def test_the_time_of_arrival_is_that_of_the_storys_beginning() -> None:
    clock = ManualClock(now_s=1_790_000_123.0)
    story = _story(clock)
    clock.advance(10.0)

    assert story.told().received_at == 1_790_000_123.0


def test_the_cost_and_the_usage_are_those_of_all_attempts() -> None:
    record = _told(
        an_attempt(number=1, outcome="failed", usage=Usage(input_tokens=12, output_tokens=3), cost_nano_usd=70),
        an_attempt(number=2, outcome="failed", usage=None, cost_nano_usd=0),
        an_attempt(number=3, usage=Usage(input_tokens=12, output_tokens=30, estimated=True), cost_nano_usd=30),
    )

    assert record.cost_nano_usd == 100
    assert record.usage == Usage(input_tokens=24, output_tokens=33, estimated=True)


def test_one_unpriced_attempt_makes_the_request_unpriced_and_says_which() -> None:
    record = _told(an_attempt(number=1), an_attempt(number=2, cost_nano_usd=None, unpriced="no price in the map"))

    assert record.cost_nano_usd is None
    assert record.unpriced == "attempt 2: no price in the map"
    assert record.saving_nano_usd is None


def test_the_baseline_is_priced_for_the_answers_tokens_alone() -> None:
    record = _told(
        an_attempt(number=1, outcome="failed", usage=Usage(input_tokens=999, output_tokens=999)),
        an_attempt(number=2, usage=Usage(input_tokens=12, output_tokens=30), cost_nano_usd=19_800),
    )

    assert record.baseline == "large-a"
    assert record.baseline_cost_nano_usd == 12 * 2_500 + 30 * 10_000


def test_the_saving_is_told_against_the_baseline() -> None:
    record = _told(an_attempt(cost_nano_usd=19_800))

    assert record.saving_nano_usd == 12 * 2_500 + 30 * 10_000 - 19_800


@pytest.mark.parametrize("baseline", [None, a_deployment("large-a", price=None)])
def test_without_a_priced_baseline_there_is_no_baseline_cost(baseline: Deployment | None) -> None:
    story = _story(baseline=baseline)
    story.trail.attempts.append(an_attempt())
    story.trail.served_by = _SMALL

    assert story.told().baseline_cost_nano_usd is None


def test_the_saving_has_a_span_where_another_would_have_answered() -> None:
    record = _told(an_attempt(cost_nano_usd=19_800))

    low, high = record.saving_low_nano_usd, record.saving_high_nano_usd
    assert low is not None
    assert high is not None
    assert record.saving_nano_usd is not None
    assert low < record.saving_nano_usd < high


def test_the_energy_of_a_request_is_that_of_all_its_calls() -> None:
    failed = an_attempt(outcome="failed", usage=None, cost_nano_usd=0)

    assert _told(an_attempt(energy_uwh=7), failed, an_attempt(energy_uwh=5)).energy_uwh == 12
    assert _told(an_attempt(energy_uwh=7), an_attempt()).energy_uwh is None
    assert _told(failed, served_by=None).energy_uwh is None


def test_without_an_answer_there_is_nothing_to_compare() -> None:
    record = _told(an_attempt(outcome="failed", usage=None, cost_nano_usd=0), served_by=None)

    assert (record.deployment, record.tier, record.model) == (None, None, None)
    assert record.baseline_cost_nano_usd is None
    assert record.ttft_ms is None


def test_the_deployment_told_is_the_one_that_answered() -> None:
    record = _told(an_attempt(number=1, outcome="failed"), an_attempt(number=2))

    assert (record.deployment, record.tier, record.model) == ("small-a", "small", "small-a-model")


@pytest.mark.parametrize(("stream", "ttft_ms"), [(True, 12.0), (False, None)])
def test_only_a_stream_has_a_time_to_its_first_token(stream: bool, ttft_ms: float | None) -> None:
    assert _told(an_attempt(first_byte_ms=12.0), stream=stream).ttft_ms == ttft_ms


def test_the_head_of_a_refusal_says_how_many_attempts_there_were() -> None:
    story = _story()
    story.decision = a_decision()
    story.trail.attempts += [an_attempt(number=1), an_attempt(number=2)]
    story.failed(AttemptsExhaustedError(()), 502)

    head = story.head()

    assert (head.decision, head.attempts, head.deployment) == (story.decision, 2, None)


def test_before_a_decision_there_is_nothing_to_remember() -> None:
    assert _story().remembered() is None


def test_a_session_is_who_served_it_and_what_was_decided() -> None:
    story = _story()
    story.signals = measure(a_request("I am jane.doe@example.com"))
    story.decision = a_decision()
    story.trail.served_by = _SMALL

    assert story.remembered() == Session(
        rule="easy goes small",
        route="small-first",
        deployment="small-a",
        tier="small",
        prefix_tokens=story.signals.tokens,
        seen_at_s=story.received_at,
    )


def test_where_nobody_answered_there_is_nothing_new_to_remember() -> None:
    story = _story()
    story.signals = measure(a_request())
    story.decision = a_decision()

    assert story.remembered() is None


def _said(team: str, keep: KeepText | None, delivered: bytes = b"") -> tuple[bool, bool]:
    """Whether what was delivered is collected, and whether there is anything to keep."""
    policy = a_policy(keep_text=keep)
    story = Story("req-7", Caller(key_id="key_1", team=team), a_request(), policy, ManualClock())
    if story.trail.delivered is not None:
        story.trail.delivered.add(delivered)
    said = story.said()
    assert said is None or said.delivered == delivered
    return story.trail.delivered is not None, said is not None


@pytest.mark.parametrize(
    ("team", "keep", "kept"),
    [
        ("claims", None, (False, False)),
        ("claims", KeepText(teams=frozenset({"claims"}), days=1), (True, True)),
        ("claims", KeepText(teams=frozenset({"legal"}), days=1), (False, False)),
        ("claims", KeepText(teams=None, days=1), (True, True)),
        ("", KeepText(teams=None, days=1), (True, True)),
        ("", KeepText(teams=frozenset({"claims"}), days=1), (False, False)),
    ],
)
def test_what_was_said_is_kept_of_the_teams_the_policy_names(
    team: str, keep: KeepText | None, kept: tuple[bool, bool]
) -> None:
    assert _said(team, keep, b"{}" if kept[0] else b"") == kept


def test_where_answers_are_not_kept_nothing_of_them_is_collected() -> None:
    assert _said("claims", KeepText(teams=None, days=1, answers=False)) == (False, True)


def test_what_is_kept_says_whose_it_is_how_much_and_for_how_long() -> None:
    policy = a_policy(keep_text=KeepText(teams=None, days=9, max_bytes=512))
    story = Story("req-7", Caller(key_id="key_1", team="claims"), a_request("x" * 9_000), policy, ManualClock())

    said = story.said()

    assert said is not None
    assert (said.request_id, said.team, said.days, said.most_bytes) == ("req-7", "claims", 9, 512)
    assert said.received_at == story.received_at
    assert len(said.conversation.messages[0].text) < 9_000
