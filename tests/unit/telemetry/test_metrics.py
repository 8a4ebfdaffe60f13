from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from gateway.domain.record import CheckResult
from gateway.domain.rollout import Beside
from gateway.domain.usage import Usage
from gateway.telemetry.metrics import MetricsRecorder
from tests.builders import a_record, an_attempt


@pytest.fixture
def metrics() -> MetricsRecorder:
    return MetricsRecorder(CollectorRegistry(), version="1.2.3")


def samples(metrics: MetricsRecorder, name: str) -> dict[tuple[str, ...], float]:
    """The samples of that name: the values of their labels, in the order of the labels' names → value."""
    text = metrics.expose()[0].decode()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def record(metrics: MetricsRecorder, **changes: Any) -> None:
    metrics.begun()
    metrics.record(a_record(**changes))


def test_a_request_is_counted_by_names_from_the_configuration(metrics: MetricsRecorder) -> None:
    record(metrics)
    record(metrics)

    by_deployment_outcome_policy_route_stream_tier = ("small-a", "ok", "default", "small-first", "false", "small")
    assert samples(metrics, "sizewise_requests_total") == {by_deployment_outcome_policy_route_stream_tier: 2}
    assert samples(metrics, "sizewise_decisions_total") == {("default", "easy goes small", "small"): 2}


def test_nothing_a_client_sent_becomes_a_label(metrics: MetricsRecorder) -> None:
    record(metrics, id="canary", alias="canary", key_id="canary", team="canary", app="canary", stream=True)
    metrics.rejected("invalid_api_key")

    assert b"canary" not in metrics.expose()[0]


def test_requests_in_flight_go_up_and_down(metrics: MetricsRecorder) -> None:
    metrics.begun()
    metrics.begun()
    metrics.record(a_record())

    assert samples(metrics, "sizewise_inflight_requests") == {(): 1}


def test_the_overhead_is_in_seconds_and_resolved_below_a_millisecond(metrics: MetricsRecorder) -> None:
    record(metrics, overhead_ms=0.45)

    buckets = samples(metrics, "sizewise_overhead_seconds_bucket")
    assert samples(metrics, "sizewise_overhead_seconds_sum") == {(): pytest.approx(0.00045)}
    assert (buckets["0.0004",], buckets["0.0005",]) == (0, 1)
    assert min(float(bound) for (bound,) in buckets) == 5e-05
    assert max(float(bound) for (bound,) in buckets if bound != "+Inf") == 0.1


def test_a_bucket_counts_all_observations_up_to_its_bound_and_the_bound_itself(metrics: MetricsRecorder) -> None:
    for overhead_ms in (0.3, 0.4, 0.41, 1e6):
        record(metrics, overhead_ms=overhead_ms)

    buckets = samples(metrics, "sizewise_overhead_seconds_bucket")
    assert [buckets[bound,] for bound in ("0.0002", "0.0003", "0.0004", "0.0005", "0.1", "+Inf")] == [0, 1, 2, 3, 3, 4]
    assert samples(metrics, "sizewise_overhead_seconds_count") == {(): 4}


def test_the_overhead_is_there_before_the_first_request(metrics: MetricsRecorder) -> None:
    assert samples(metrics, "sizewise_overhead_seconds_count") == {(): 0}


def test_each_attempt_is_timed_on_its_own(metrics: MetricsRecorder) -> None:
    first = an_attempt(outcome="failed", error_code="upstream_connect", started_ms=0.0, ended_ms=10.0, usage=None)
    second = an_attempt(number=2, deployment="large-a", tier="large", started_ms=12.0, ended_ms=2012.0)

    record(metrics, attempts=(first, second))

    sums = samples(metrics, "sizewise_upstream_seconds_sum")
    assert sums == {("small-a",): pytest.approx(0.01), ("large-a",): pytest.approx(2.0)}
    bounds = {float(bound) for _, bound in samples(metrics, "sizewise_upstream_seconds_bucket")}
    assert {0.01, 163.84} < bounds


def test_the_time_to_first_token_is_that_of_streams(metrics: MetricsRecorder) -> None:
    record(metrics)
    record(metrics, stream=True, ttft_ms=30.0)

    assert samples(metrics, "sizewise_time_to_first_token_seconds_sum") == {("small-a",): pytest.approx(0.03)}


def test_tokens_are_counted_by_type(metrics: MetricsRecorder) -> None:
    usage = Usage(input_tokens=100, output_tokens=7, cached_input_tokens=60)

    record(metrics, attempts=(an_attempt(usage=usage),))

    assert samples(metrics, "sizewise_tokens_total") == {
        ("small-a", "input"): 100,
        ("small-a", "cached_input"): 60,
        ("small-a", "output"): 7,
    }


def test_the_cost_is_counted_in_dollars_for_every_attempt(metrics: MetricsRecorder) -> None:
    first = an_attempt(outcome="interrupted", cost_nano_usd=1_000_000_000)
    second = an_attempt(number=2, deployment="large-a", cost_nano_usd=2_500_000_000)

    record(metrics, attempts=(first, second))

    assert samples(metrics, "sizewise_cost_usd_total") == {("small-a",): 1.0, ("large-a",): 2.5}


def test_the_saving_is_a_difference_of_two_counters_so_that_it_may_be_negative(metrics: MetricsRecorder) -> None:
    record(metrics, cost_nano_usd=1_000_000_000, baseline_cost_nano_usd=4_000_000_000)
    record(metrics, cost_nano_usd=7_000_000_000, baseline_cost_nano_usd=2_000_000_000)

    assert samples(metrics, "sizewise_baseline_cost_usd_total") == {("default",): 6.0}
    assert samples(metrics, "sizewise_actual_cost_usd_total") == {("default",): 8.0}


@pytest.mark.parametrize("unknown", ["cost_nano_usd", "baseline_cost_nano_usd"])
def test_a_request_of_unknown_cost_is_left_out_of_both_sides_of_the_saving(
    metrics: MetricsRecorder, unknown: str
) -> None:
    record(metrics, **{unknown: None})

    assert samples(metrics, "sizewise_baseline_cost_usd_total") == {}
    assert samples(metrics, "sizewise_actual_cost_usd_total") == {}


def test_an_unknown_price_is_counted_as_missing_and_never_as_zero_cost(metrics: MetricsRecorder) -> None:
    record(metrics, attempts=(an_attempt(cost_nano_usd=None, unpriced="no price for 'small-a-model'"),))

    assert samples(metrics, "sizewise_price_missing_total") == {("small-a",): 1}
    assert samples(metrics, "sizewise_cost_usd_total") == {}


def test_a_retry_is_no_fallback(metrics: MetricsRecorder) -> None:
    failed = an_attempt(outcome="failed", error_code="upstream_connect", usage=None, cost_nano_usd=None)

    record(metrics, attempts=(failed, an_attempt(number=2)))

    assert samples(metrics, "sizewise_fallbacks_total") == {}
    assert samples(metrics, "sizewise_attempts_total") == {("small-a", "failed"): 1, ("small-a", "ok"): 1}


def test_a_fallback_is_counted_with_the_error_that_caused_it(metrics: MetricsRecorder) -> None:
    failed = an_attempt(outcome="failed", error_code="upstream_unavailable", usage=None, cost_nano_usd=None)
    answered = an_attempt(number=2, deployment="large-a", tier="large")

    record(metrics, deployment="large-a", tier="large", attempts=(failed, answered))

    by_cause_from_to = {("upstream_unavailable", "small-a", "large-a"): 1}
    assert samples(metrics, "sizewise_fallbacks_total") == by_cause_from_to


def test_a_decision_is_counted_by_the_tier_it_chose_and_a_request_by_the_tier_that_answered(
    metrics: MetricsRecorder,
) -> None:
    failed = an_attempt(outcome="failed", error_code="upstream_unavailable", usage=None, cost_nano_usd=None)
    answered = an_attempt(number=2, deployment="large-a", tier="large")

    record(metrics, deployment="large-a", tier="large", attempts=(failed, answered))

    assert samples(metrics, "sizewise_decisions_total") == {("default", "easy goes small", "small"): 1}
    assert [labels[-1] for labels in samples(metrics, "sizewise_requests_total")] == ["large"]


def test_a_request_no_deployment_may_serve_is_counted(metrics: MetricsRecorder) -> None:
    record(metrics, outcome="refused", deployment=None, tier=None, model=None, usage=None, attempts=())

    counted = samples(metrics, "sizewise_requests_total")
    assert counted == {("", "refused", "default", "small-first", "false", ""): 1}
    assert samples(metrics, "sizewise_inflight_requests") == {(): 0}


def test_a_request_that_was_not_accepted_is_counted_by_its_code(metrics: MetricsRecorder) -> None:
    metrics.rejected("invalid_api_key")
    metrics.rejected("invalid_api_key")

    assert samples(metrics, "sizewise_rejected_total") == {("invalid_api_key",): 2}
    assert samples(metrics, "sizewise_inflight_requests") == {(): 0}


def _beside(*, was_candidate: bool, differs: bool) -> Beside:
    return Beside(
        policy="next" if was_candidate else "default",
        policy_version="v2",
        mode="canary",
        was_candidate=was_candidate,
        rule="default",
        route="large-only",
        deployment="large-a",
        differs=differs,
    )


@pytest.mark.parametrize(("differs", "result"), [(True, "moved"), (False, "same")])
def test_a_decision_the_candidate_made_too_is_counted_by_whether_it_moved(
    metrics: MetricsRecorder, differs: bool, result: str
) -> None:
    record(metrics, policy="default", beside=_beside(was_candidate=True, differs=differs))
    record(metrics, policy="next", beside=_beside(was_candidate=False, differs=differs))

    by_acted_candidate_mode_policy_result = {
        ("live", "next", "canary", "default", result): 1,
        ("candidate", "next", "canary", "default", result): 1,
    }
    assert samples(metrics, "sizewise_rollout_decisions_total") == by_acted_candidate_mode_policy_result


def test_without_a_candidate_no_roll_out_is_counted(metrics: MetricsRecorder) -> None:
    record(metrics)

    assert samples(metrics, "sizewise_rollout_decisions_total") == {}


def test_a_scrape_tells_the_build_and_the_process(metrics: MetricsRecorder) -> None:
    text, content_type = metrics.expose()

    assert content_type.startswith("text/plain; version=0.0.4")
    assert samples(metrics, "sizewise_build_info") == {("1.2.3",): 1}
    assert b"process_resident_memory_bytes" in text
    assert b"python_info" in text


def test_no_metric_is_registered_anywhere_but_in_the_registry_given() -> None:
    first = MetricsRecorder(CollectorRegistry(), version="1")
    second = MetricsRecorder(CollectorRegistry(), version="2")

    first.rejected("invalid_request")

    assert samples(second, "sizewise_rejected_total") == {}


def test_what_went_wrong_upstream_is_counted_by_deployment_and_code(metrics: MetricsRecorder) -> None:
    record(metrics, attempts=(an_attempt(outcome="failed", error_code="upstream_tls"), an_attempt(number=2)))

    by_code_and_deployment = {("upstream_tls", "small-a"): 1}
    assert samples(metrics, "sizewise_upstream_errors_total") == by_code_and_deployment


def test_tested_answers_are_counted_by_the_first_test_they_failed(metrics: MetricsRecorder) -> None:
    failed = an_attempt(checked=CheckResult(passed=False, failures=("refused", "truncated")))

    record(metrics, attempts=(failed, an_attempt(checked=CheckResult(passed=True)), an_attempt()))

    assert samples(metrics, "sizewise_checks_total") == {("small-a", "refused"): 1, ("small-a", "passed"): 1}
