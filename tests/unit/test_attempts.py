import asyncio

import orjson
import pytest

from gateway.attempts import BUSY_RETRY_S
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.retries import MemoryRetryBudgets
from gateway.deadlines import TICK_S
from gateway.domain.allowances import Limits
from gateway.domain.decision import Decision
from gateway.domain.errors import (
    AllBusyError,
    AllRestingError,
    AttemptsExhaustedError,
    ContentFilterError,
    ContextOverflowError,
    CountersUnavailableError,
    NoDeploymentError,
    PromptTooLongError,
    Trigger,
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamMissingModelError,
    UpstreamQuotaError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from gateway.domain.policy import Concurrency, Deployment
from gateway.domain.request import ChatRequest
from gateway.domain.signals import measure
from gateway.domain.tokens import estimated_tokens
from gateway.domain.usage import Usage
from tests.builders import a_decision, a_deployment, a_request, a_route
from tests.fakes import Answers, Fails, FakeCallLimits, ManualClock, Outcome, Streams
from tests.unit.walks import COST, DOWN, FOR_EVER_S, LARGE, SMALL, STREAMED, USAGE, a_plan, walk_plan


def test_the_first_deployment_that_answers_is_the_only_one_called() -> None:
    walk = walk_plan(Answers(body=b"{}", usage=USAGE))

    assert walk.error is None
    assert walk.provider.called == ["small-a"]
    assert walk.exchange.sent == [b"{}"]
    assert walk.trail.served_by == SMALL
    assert walk.outcomes == ["ok"]


def test_deployments_are_tried_in_the_order_of_the_plan() -> None:
    walk = walk_plan(Fails(error=DOWN), Answers())

    assert walk.provider.called == ["small-a", "large-a"]
    assert walk.outcomes == ["failed", "ok"]
    assert walk.trail.served_by == LARGE


@pytest.mark.parametrize(
    "kind",
    [
        ContentFilterError,
        ContextOverflowError,
        UpstreamConnectError,
        UpstreamCredentialsError,
        UpstreamInterruptedError,
        UpstreamInvalidAnswerError,
        UpstreamMissingModelError,
        UpstreamQuotaError,
        UpstreamRateLimitError,
        UpstreamTimeoutError,
        UpstreamUnavailableError,
    ],
)
@pytest.mark.parametrize("request_", [a_request(), STREAMED], ids=["whole", "streamed"])
def test_what_another_deployment_may_do_better_falls_back(kind: type[UpstreamError], request_: ChatRequest) -> None:
    answer = Streams() if request_.stream else Answers()

    walk = walk_plan(Fails(error=kind("failed")), answer, request=request_)

    assert walk.error is None
    assert walk.provider.called == ["small-a", "large-a"]
    assert walk.attempts[0].error_code == kind.code


def test_a_rejected_request_is_not_tried_elsewhere() -> None:
    rejection = UpstreamRejectedError("malformed", status=400)

    walk = walk_plan(Fails(error=rejection), decision=a_plan(retries=2))

    assert walk.error is rejection
    assert walk.provider.called == ["small-a"]


def test_when_every_deployment_fails_the_error_holds_all_of_theirs() -> None:
    errors = (DOWN, UpstreamTimeoutError("slow"))

    walk = walk_plan(*(Fails(error=error) for error in errors))

    assert isinstance(walk.error, AttemptsExhaustedError)
    assert walk.error.errors == errors
    assert walk.exchange.heads == []


def test_when_every_deployment_fails_alike_the_error_is_the_last_of_them() -> None:
    errors = (UpstreamRateLimitError("busy"), UpstreamRateLimitError("busy", retry_after_s=3.0))

    walk = walk_plan(*(Fails(error=error) for error in errors))

    assert walk.error is errors[1]


def test_an_empty_plan_is_refused_with_the_reasons_and_nothing_is_called() -> None:
    empty = a_decision(plan=(), excluded={"small-a": "constraint 'stays home'"})

    walk = walk_plan(decision=empty)

    assert isinstance(walk.error, NoDeploymentError)
    assert "small-a: constraint 'stays home'" in str(walk.error)
    assert walk.provider.called == []


def test_a_retryable_error_is_retried_on_the_same_deployment_before_the_next() -> None:
    walk = walk_plan(Fails(error=DOWN), Fails(error=DOWN), Answers(), decision=a_plan(retries=1))

    assert walk.provider.called == ["small-a", "small-a", "large-a"]
    assert [attempt.number for attempt in walk.attempts] == [1, 2, 3]


def test_an_error_that_is_not_retryable_goes_to_the_next_at_once() -> None:
    walk = walk_plan(Fails(error=UpstreamTimeoutError("slow")), Answers(), decision=a_plan(retries=3))

    assert walk.provider.called == ["small-a", "large-a"]


def test_there_are_no_more_calls_than_deployments_times_one_and_the_retries() -> None:
    walk = walk_plan(*[Fails(error=DOWN)] * 6, decision=a_plan(retries=2))

    assert walk.provider.called == ["small-a"] * 3 + ["large-a"] * 3
    assert walk.error is DOWN


def test_a_retry_waits_a_little_and_longer_each_time_and_a_fallback_does_not_wait() -> None:
    walk = walk_plan(*[Fails(error=DOWN)] * 3, Answers(), decision=a_plan(retries=2))

    started = [attempt.started_ms for attempt in walk.attempts]
    assert started == pytest.approx([0.0, 50.0, 150.0, 150.0])


def test_each_attempt_tells_the_health_board_once() -> None:
    walk = walk_plan(Fails(error=DOWN), Answers())

    assert walk.health.told == [("small-a", "upstream_unavailable"), ("large-a", None)]


def test_an_attempts_times_are_milliseconds_since_the_arrival() -> None:
    walk = walk_plan(Fails(error=DOWN, after_s=0.5), Streams(steps=(1.0, b"a", 2.0, b"b")), request=STREAMED)

    failed, answered = walk.attempts
    assert failed.first_byte_ms is None
    assert (failed.started_ms, failed.ended_ms) == pytest.approx((0.0, 500.0))
    assert (answered.started_ms, answered.first_byte_ms, answered.ended_ms) == pytest.approx((500.0, 1500.0, 3500.0))


def test_a_whole_answer_is_priced_from_the_usage_it_reports() -> None:
    walk = walk_plan(Answers(usage=USAGE))

    (attempt,) = walk.attempts
    assert (attempt.usage, attempt.cost_nano_usd, attempt.unpriced, attempt.status) == (USAGE, COST, None, 200)
    assert walk.exchange.heads[0].cost_nano_usd == COST


def test_the_head_says_who_answers_and_after_how_many_attempts() -> None:
    walk = walk_plan(Fails(error=DOWN), Answers(usage=USAGE))

    (head,) = walk.exchange.heads
    assert (head.deployment, head.attempts) == (LARGE, 2)
    assert head.decision is not None


def test_a_whole_answer_without_usage_is_estimated_and_says_so() -> None:
    text, arguments = "The claim is covered. " * 20, '{"claim": 7}'
    call = {"function": {"name": "settle", "arguments": arguments}}
    body = orjson.dumps({"choices": [{"message": {"content": text, "tool_calls": [call]}}]})

    walk = walk_plan(Answers(body=body, usage=None))

    usage = walk.attempts[0].usage
    said = estimated_tokens(f"{text}settle{arguments}")
    assert usage == Usage(input_tokens=measure(a_request()).tokens, output_tokens=said, estimated=True)
    assert walk.attempts[0].cost_nano_usd is not None


@pytest.mark.parametrize(
    ("unpriced", "why"), [("no token prices in the map", "no token prices in the map"), (None, "has no price")]
)
def test_an_unknown_price_is_unpriced_with_the_reason_never_zero(unpriced: str | None, why: str) -> None:
    deployment = a_deployment("free-a", price=None, unpriced=unpriced)

    walk = walk_plan(Answers(usage=USAGE), decision=a_decision(deployment))

    (attempt,) = walk.attempts
    assert attempt.cost_nano_usd is None
    assert why in (attempt.unpriced or "")


@pytest.mark.parametrize("error", [DOWN, UpstreamConnectError("refused")])
def test_an_upstream_that_answered_with_an_error_or_was_never_reached_bills_nothing(error: UpstreamError) -> None:
    walk = walk_plan(Fails(error=error), Answers())

    assert (walk.attempts[0].cost_nano_usd, walk.attempts[0].unpriced) == (0, None)
    assert walk.attempts[0].status == error.status


@pytest.mark.parametrize("error", [UpstreamTimeoutError("slow"), UpstreamInterruptedError("broke off")])
def test_a_call_that_may_have_generated_something_is_unpriced(error: UpstreamError) -> None:
    walk = walk_plan(Fails(error=error), Answers())

    assert walk.attempts[0].cost_nano_usd is None
    assert walk.attempts[0].unpriced == "the call ended before its usage was known"


def test_a_whole_answer_that_does_not_come_in_time_falls_back() -> None:
    walk = walk_plan(Answers(after_s=FOR_EVER_S), Answers())

    assert walk.outcomes == ["failed", "ok"]
    assert walk.attempts[0].ended_ms == pytest.approx(60_000, abs=TICK_S * 1e3)
    assert walk.attempts[0].error_code == "upstream_timeout"


def test_a_cancelled_call_is_one_cancelled_attempt_and_falls_back_to_nobody() -> None:
    walk = walk_plan(Answers(after_s=5.0), cancel_at_s=1.0)

    assert isinstance(walk.error, asyncio.CancelledError)
    assert walk.outcomes == ["cancelled"]
    assert walk.provider.called == ["small-a"]
    assert walk.health.told == [("small-a", "left")]


@pytest.mark.parametrize("request_", [a_request(), STREAMED], ids=["whole", "streamed"])
def test_a_client_that_leaves_while_the_last_of_its_answer_is_sent_does_not_undo_the_attempt(
    request_: ChatRequest,
) -> None:
    answer = Streams(steps=(b"a",), usage=USAGE) if request_.stream else Answers(usage=USAGE)

    walk = walk_plan(answer, request=request_, takes_s=4.0, cancel_at_s=6.0 if request_.stream else 2.0)

    assert isinstance(walk.error, asyncio.CancelledError)
    assert (walk.outcomes, walk.attempts[0].cost_nano_usd) == (["ok"], COST)


@pytest.mark.parametrize(
    "outcomes",
    [
        (Fails(error=DOWN), Fails(error=DOWN), Streams()),
        (Streams(steps=(UpstreamInterruptedError("a"),)), Streams(steps=(9.0,)), Streams(steps=(b"a", DOWN))),
        (Streams(after_s=9.0), Fails(error=ContextOverflowError("long")), Streams()),
    ],
)
def test_each_call_leaves_exactly_one_attempt(outcomes: tuple[Outcome, ...]) -> None:
    walk = walk_plan(*outcomes, request=STREAMED, decision=a_plan(retries=1))

    assert [attempt.deployment for attempt in walk.attempts] == walk.provider.called
    assert [attempt.number for attempt in walk.attempts] == list(range(1, len(walk.attempts) + 1))


@pytest.mark.parametrize(
    ("outcome", "send_error"),
    [(Fails(error=ValueError("a bug")), None), (Streams(usage=USAGE), ValueError("a bug"))],
)
def test_a_bug_while_calling_leaves_an_attempt_too(outcome: Outcome, send_error: Exception | None) -> None:
    walk = walk_plan(outcome, request=STREAMED, send_error=send_error)

    assert isinstance(walk.error, ValueError)
    assert [attempt.deployment for attempt in walk.attempts] == walk.provider.called


def test_a_provider_is_chosen_by_the_deployments_provider_name() -> None:
    walk = walk_plan(Fails(error=DOWN), Answers())

    assert walk.asked == ["openai", "azure"]


def test_a_prompt_longer_than_every_window_is_refused_as_too_long() -> None:
    too_long = a_decision(plan=(), excluded={"small-a": "context window 10 < 99 tokens"})

    walk = walk_plan(decision=too_long)

    assert isinstance(walk.error, PromptTooLongError)
    assert walk.error.code == "context_length_exceeded"


def _taking_over(*kinds: Trigger) -> Decision:
    """`small-a`, then `large-a` after these failures only."""
    route = a_route("r", SMALL, then=(LARGE,), triggers={"large-a": frozenset(kinds)})
    return a_decision(SMALL, LARGE, route=route)


@pytest.mark.parametrize(
    ("error", "trigger"),
    [
        (DOWN, "error"),
        (UpstreamTimeoutError("slow"), "timeout"),
        (UpstreamRateLimitError("busy", status=429), "rate_limit"),
        (ContextOverflowError("long", status=400), "context_overflow"),
        (ContentFilterError("no", status=400), "content_filter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fallback_takes_over_after_its_kind_of_failure_and_after_no_other(
    error: UpstreamError, trigger: Trigger
) -> None:
    every: set[Trigger] = {"error", "timeout", "rate_limit", "context_overflow", "content_filter", "failed_check"}

    taken = walk_plan(Fails(error=error), Answers(), decision=_taking_over(trigger))
    passed = walk_plan(Fails(error=error), decision=_taking_over(*(every - {trigger})))

    assert taken.provider.called == ["small-a", "large-a"]
    assert passed.provider.called == ["small-a"]
    assert passed.error is error


class _Spent:
    """`RetryBudgets` of which nothing is left."""

    def request(self, route: str, now_s: float) -> None: ...
    def spend(self, route: str, now_s: float) -> bool:
        return False

    def unspend(self, route: str, now_s: float) -> None:
        raise AssertionError("nothing was spent")


def test_where_the_retry_budget_is_spent_a_failure_is_told_at_once_and_the_client_is_asked_not_to_repeat() -> None:
    walk = walk_plan(Fails(error=DOWN), decision=a_plan(retries=3), budgets=_Spent())

    assert walk.provider.called == ["small-a"]
    assert walk.error is DOWN
    assert walk.trail.is_budget_spent


class _Counted(MemoryRetryBudgets):
    """How many calls are spent and not given back."""

    calls = 0

    def spend(self, route: str, now_s: float) -> bool:
        self.calls += 1
        return super().spend(route, now_s)

    def unspend(self, route: str, now_s: float) -> None:
        self.calls -= 1
        super().unspend(route, now_s)


def test_a_deployment_that_is_passed_over_spends_no_retry_budget() -> None:
    tried, resting = _Counted(), _Counted()

    walk_plan(Fails(error=DOWN), Answers(), budgets=tried)
    walk_plan(Fails(error=DOWN), cooling={"large-a": 3.0}, budgets=resting)

    assert (tried.calls, resting.calls) == (1, 0)


@pytest.mark.parametrize("error", [ContextOverflowError("long", status=400), ContentFilterError("no", status=400)])
def test_what_the_request_itself_brought_about_spends_no_retry_budget(error: UpstreamError) -> None:
    walk = walk_plan(Fails(error=error), Answers(), budgets=_Spent())

    assert walk.error is None
    assert not walk.trail.is_budget_spent


def test_a_prompt_too_long_for_one_is_not_tried_on_a_window_that_is_no_larger() -> None:
    small, same = a_deployment("small-a", context_window=8_000), a_deployment("small-b", context_window=8_000)
    large = a_deployment("large-a", context_window=128_000)
    overflow = Fails(error=ContextOverflowError("long", status=400))

    walk = walk_plan(
        overflow, Answers(), decision=a_decision(small, same, large, route=a_route("r", small, same, large))
    )

    assert walk.provider.called == ["small-a", "large-a"]


def test_a_deployment_that_began_to_rest_since_the_plan_was_made_is_passed_over() -> None:
    walk = walk_plan(Answers(), cooling={"small-a": 5.0})

    assert walk.provider.called == ["large-a"]
    assert list(walk.trail.passed) == ["small-a"]


def test_where_all_rest_they_are_called_all_the_same() -> None:
    walk = walk_plan(Fails(error=DOWN), Answers(), cooling={"small-a": 5.0, "large-a": 3.0})

    assert walk.error is None
    assert walk.provider.called == ["small-a", "large-a"]


def test_where_all_rest_and_the_route_does_not_insist_the_request_is_refused_with_the_time_to_wait() -> None:
    decision = a_decision(SMALL, LARGE, route=a_route("r", SMALL, LARGE, insists=False))

    walk = walk_plan(decision=decision, cooling={"small-a": 5.0, "large-a": 3.0})

    assert isinstance(walk.error, AllRestingError)
    assert walk.error.retry_after_s == 3.0
    assert walk.provider.called == []


def test_a_plan_left_empty_by_rests_says_when_the_first_is_back() -> None:
    empty = a_decision(plan=(), excluded={"small-a": "cooldown for 5.0 s more"})

    walk = walk_plan(decision=empty, cooling={"small-a": 5.0})

    assert isinstance(walk.error, AllRestingError)
    assert walk.error.retry_after_s == 5.0


def _limited(calls: int, queue: int = 0) -> Deployment:
    return a_deployment("small-a", concurrency=Concurrency(calls=calls, queue=queue, queue_s=1.0))


def test_a_deployment_that_has_as_many_calls_as_it_may_is_passed_over() -> None:
    full = _limited(0)

    walk = walk_plan(Answers(), decision=a_decision(full, LARGE, route=a_route("r", full, LARGE)))

    assert walk.provider.called == ["large-a"]
    assert walk.trail.passed["small-a"].startswith("busy")


def test_where_every_deployment_is_busy_the_request_is_shed_at_once() -> None:
    full = _limited(0)

    walk = walk_plan(decision=a_decision(full, route=a_route("r", full)))

    assert isinstance(walk.error, AllBusyError)
    assert walk.error.retry_after_s == BUSY_RETRY_S
    assert walk.provider.called == []


@pytest.mark.parametrize(
    "outcome",
    [Answers(), Fails(error=DOWN), Fails(error=ValueError("a bug"))],
    ids=["answered", "failed", "a bug"],
)
def test_each_call_gives_its_place_back(outcome: Outcome) -> None:
    one = _limited(1)

    walk = walk_plan(outcome, Answers(), decision=a_decision(one, LARGE, route=a_route("r", one, LARGE)))

    assert walk.lanes.calls("small-a") == 0


TWICE = a_deployment("small-a", limits=Limits(requests_per_minute=2))
AFTER_TWICE = a_decision(TWICE, LARGE, route=a_route("r", TWICE, LARGE))
TWICE_ONLY = a_decision(TWICE, route=a_route("r", TWICE))


def _counted() -> MemoryAllowances:
    return MemoryAllowances(ManualClock(), AllowanceWatch())


def test_a_deployment_at_its_limit_is_passed_over_and_the_trail_says_which_and_until_when() -> None:
    counted = _counted()

    walks = [walk_plan(Answers(), decision=AFTER_TWICE, limits=counted) for _ in range(3)]

    assert [walk.provider.called for walk in walks] == [["small-a"], ["small-a"], ["large-a"]]
    assert walks[2].error is None
    assert walks[2].trail.passed == {
        "small-a": "limit: the limit of 2 requests a minute of deployment 'small-a' is used up for this request, "
        "which counts for 1; it is free in 30.000 s"
    }
    assert walks[2].attempts[0].origin == "fallback"


def test_where_every_deployment_is_at_its_limit_the_client_is_told_when_the_first_is_free() -> None:
    counted = _counted()
    hourly = a_deployment("large-a", limits=Limits(requests_per_day=1))
    both = a_decision(TWICE, hourly, route=a_route("r", TWICE, hourly))
    for _ in range(3):
        walk_plan(Answers(), decision=both, limits=counted)

    walk = walk_plan(decision=both, limits=counted)

    assert isinstance(walk.error, AllBusyError)
    assert walk.error.retry_after_s == pytest.approx(30.0)
    assert walk.provider.called == []


def test_a_busy_deployment_beside_one_at_its_limit_is_free_first() -> None:
    counted, full = _counted(), a_deployment("large-a", concurrency=Concurrency(calls=0))
    both = a_decision(TWICE, full, route=a_route("r", TWICE, full))
    for _ in range(2):
        walk_plan(Answers(), decision=both, limits=counted)

    walk = walk_plan(decision=both, limits=counted)

    assert isinstance(walk.error, AllBusyError)
    assert walk.error.retry_after_s == BUSY_RETRY_S


def test_a_request_that_is_too_long_for_the_limits_of_all_is_told_no_time_to_wait() -> None:
    narrow = a_deployment("small-a", limits=Limits(tokens_per_minute=10))

    walk = walk_plan(decision=a_decision(narrow, route=a_route("r", narrow)), request=a_request(max_output_tokens=99))

    assert isinstance(walk.error, AllBusyError)
    assert walk.error.retry_after_s is None
    assert "never lets this request pass" in walk.error.message


def test_a_limit_is_not_overruled_where_every_other_deployment_rests() -> None:
    counted = _counted()
    for _ in range(2):
        walk_plan(Answers(), decision=AFTER_TWICE, limits=counted)

    walk = walk_plan(Answers(), decision=AFTER_TWICE, limits=counted, cooling={"large-a": 5.0})

    assert walk.provider.called == ["large-a"]
    assert walk.trail.passed["small-a"].startswith("limit: ")


def test_each_try_counts_as_a_call() -> None:
    decision = a_decision(TWICE, LARGE, route=a_route("r", TWICE, LARGE, retries=2))

    walk = walk_plan(Fails(error=DOWN), Fails(error=DOWN), Answers(), decision=decision)

    assert walk.provider.called == ["small-a", "small-a", "large-a"]
    assert walk.trail.passed["small-a"].startswith("limit: ")


def test_a_call_is_settled_by_its_own_record() -> None:
    counted = FakeCallLimits()

    walk = walk_plan(Fails(error=DOWN), Answers(usage=USAGE), decision=AFTER_TWICE, limits=counted)

    assert counted.asked == [("small-a", TWICE.limits)]
    assert counted.hold.settled == [(walk.attempts[0],)]


def test_a_call_whose_client_leaves_is_settled_too() -> None:
    counted = FakeCallLimits()

    walk = walk_plan(Answers(after_s=FOR_EVER_S), decision=TWICE_ONLY, limits=counted, cancel_at_s=1.0)

    assert counted.hold.settled == [(walk.attempts[0],)]


@pytest.mark.parametrize("cancel_at_s", [None, 1.0], ids=["no room", "the client leaves meanwhile"])
def test_a_call_that_its_limits_do_not_let_pass_gives_its_place_back(cancel_at_s: float | None) -> None:
    one = a_deployment("small-a", concurrency=Concurrency(calls=1), limits=Limits(requests_per_minute=1))
    gone = CountersUnavailableError("the counts cannot be reached", retry_after_s=2.0)
    counted = FakeCallLimits(gone, takes_s=2.0)

    walk = walk_plan(decision=a_decision(one, route=a_route("r", one)), limits=counted, cancel_at_s=cancel_at_s)

    assert walk.lanes.calls("small-a") == 0
    assert walk.health.told == [("small-a", "left")]
    assert walk.provider.called == []
    if cancel_at_s is None:
        assert isinstance(walk.error, AllBusyError)
        assert walk.error.retry_after_s == 2.0


def test_a_deployment_without_limits_is_not_counted() -> None:
    counted = FakeCallLimits()

    walk_plan(Answers(), limits=counted)

    assert counted.asked == []
