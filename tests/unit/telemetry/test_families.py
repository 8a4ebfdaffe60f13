from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.budget_floors import BudgetFloors
from gateway.domain.allowances import Allowance, BudgetTerms, Limits, allowances_of
from gateway.domain.meters import meters_of
from gateway.policyfile.loader import PolicyStatus, Refusal
from gateway.telemetry.families import (
    allowance_families,
    fleet_families,
    floor_families,
    key_families,
    ledger_families,
    policy_families,
    redis_families,
)
from gateway.telemetry.metrics import MetricsRecorder
from tests.builders import a_ledger_status
from tests.fakes import ManualClock
from tests.unit.telemetry.test_metrics import samples


@pytest.fixture
def metrics() -> MetricsRecorder:
    return MetricsRecorder(CollectorRegistry(), version="1.2.3")


def test_dropped_records_are_read_at_each_scrape(metrics: MetricsRecorder) -> None:
    ledger = a_ledger_status()
    metrics.watch(ledger_families(ledger))

    before = samples(metrics, "sizewise_records_dropped_total")
    ledger.lost = 3

    assert before == {(): 0}
    assert samples(metrics, "sizewise_records_dropped_total") == {(): 3}


def test_dropped_texts_are_counted_apart_from_records(metrics: MetricsRecorder) -> None:
    metrics.watch(ledger_families(a_ledger_status(texts_lost=2)))

    assert samples(metrics, "sizewise_texts_dropped_total") == {(): 2}
    assert samples(metrics, "sizewise_records_dropped_total") == {(): 0}


def test_how_the_spool_fares_is_read_at_each_scrape(metrics: MetricsRecorder) -> None:
    metrics.watch(ledger_families(a_ledger_status(waiting_bytes=4_000, can_record=False, behind_s=2.5)))

    assert samples(metrics, "sizewise_spool_bytes") == {(): 4_000}
    assert samples(metrics, "sizewise_spool_writable") == {(): 0}
    assert samples(metrics, "sizewise_spool_behind_seconds") == {(): 2.5}


def test_how_the_policies_stand_is_asked_for_at_each_scrape(metrics: MetricsRecorder) -> None:
    refusal = Refusal(version="b", since_s=1_790_000_100.0, problems=("p.yaml: wrong",))
    now = [PolicyStatus(version="a", since_s=1_790_000_000.0)]
    metrics.watch(policy_families(lambda: now[0]))

    before = samples(metrics, "sizewise_policy_failing")
    now[0] = PolicyStatus(version="a", since_s=1_790_000_000.0, reloads_ok=2, reloads_failed=1, refused=refusal)

    assert before == {(): 0}
    assert samples(metrics, "sizewise_policy_failing") == {(): 1}
    assert samples(metrics, "sizewise_policy_info") == {("a",): 1}
    assert samples(metrics, "sizewise_policy_loaded_timestamp_seconds") == {(): 1_790_000_000.0}
    assert samples(metrics, "sizewise_policy_reloads_total") == {("ok",): 2, ("failed",): 1}


def test_only_deployments_at_rest_are_listed_with_the_time_they_have_left(metrics: MetricsRecorder) -> None:
    metrics.watch(fleet_families(lambda: {"small-a": 4.5}))

    assert samples(metrics, "sizewise_deployment_resting_seconds") == {("small-a",): 4.5}


def test_how_the_keys_stand_is_asked_for_at_each_scrape(metrics: MetricsRecorder) -> None:
    metrics.watch(key_families(SimpleNamespace(known=7, unverifiable=2, age_s=1.5)))

    assert samples(metrics, "sizewise_virtual_keys") == {(): 7}
    assert samples(metrics, "sizewise_virtual_keys_unverifiable") == {(): 2}
    assert samples(metrics, "sizewise_virtual_keys_age_seconds") == {(): 1.5}


def test_limits_and_budgets_are_told_as_they_fare(metrics: MetricsRecorder) -> None:
    watch = AllowanceWatch()
    metrics.watch(allowance_families(watch))
    (meter,) = meters_of((Allowance(owner="team:t", budgets=(BudgetTerms(period="month", limit_nano_usd=100),)),))
    watch.moved(meter, 1, 0, 90)
    watch.refused(meter)
    watch.refused(meters_of(allowances_of("small-a", Limits(tokens_per_day=1)))[0])

    assert samples(metrics, "sizewise_allowance_refusals_total") == {("budget_month",): 1}
    assert samples(metrics, "sizewise_deployment_limit_reached_total") == {("small-a", "tokens_per_day"): 1}
    assert samples(metrics, "sizewise_budget_used_ratio") == {("budget_month", "team:t"): 0.9}
    assert samples(metrics, "sizewise_budget_alerts_total") == {("budget_month", "0.8", "team:t"): 1}


def test_calls_to_redis_are_timed_by_their_result_and_its_absence_is_seen(metrics: MetricsRecorder) -> None:
    up = [True]
    metrics.watch(redis_families(lambda: up[0]))
    metrics.redis_called(0.0004, "ok")
    metrics.redis_called(0.05, "slow")
    up[0] = False

    assert samples(metrics, "sizewise_redis_call_seconds_count") == {("ok",): 1, ("slow",): 1}
    assert samples(metrics, "sizewise_redis_up") == {(): 0}


def test_looks_into_the_records_are_counted_by_what_came_of_them(metrics: MetricsRecorder) -> None:
    counters = MemoryAllowances(ManualClock(), AllowanceWatch())
    floors = BudgetFloors(list, lambda since_s: (), counters.raise_to, now=float)
    metrics.watch(floor_families(floors))
    floors.looks.update({"ok": 2, "failed": 1})

    assert samples(metrics, "sizewise_budget_looks_total") == {("ok",): 2, ("failed",): 1}
