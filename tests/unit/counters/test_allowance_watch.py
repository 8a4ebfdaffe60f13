from gateway.counters import allowance_watch
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.domain.allowances import Allowance, BudgetTerms, Limits, allowances_of
from gateway.domain.meters import Meter, meters_of


def _budget(owner: str = "team:t") -> Meter:
    return meters_of((Allowance(owner=owner, budgets=(BudgetTerms(period="day", limit_nano_usd=100),)),))[0]


def test_a_level_is_told_once_a_window_and_again_in_the_next() -> None:
    watch = AllowanceWatch()

    for window in (1, 2):
        watch.moved(_budget(), window, 0, 85)
        watch.moved(_budget(), window, 85, 70)
        watch.moved(_budget(), window, 70, 90)

    assert watch.alerts == {("team:t", "budget_day", "0.8"): 2}


def test_the_share_that_is_used_is_the_latest() -> None:
    watch = AllowanceWatch()
    watch.moved(_budget(), 1, 0, 85)
    watch.moved(_budget(), 1, 85, 30)

    assert watch.used_ratios == {("team:t", "budget_day"): 0.3}


def test_there_are_only_so_many_series_whatever_the_number_of_owners() -> None:
    watch = AllowanceWatch()

    for number in range(allowance_watch.MOST_OWNERS + 50):
        watch.moved(_budget(f"key:{number}"), 1, 0, 100)

    assert len(watch.used_ratios) == allowance_watch.MOST_OWNERS
    assert len(watch.alerts) == 2 * allowance_watch.MOST_OWNERS


def test_a_refusal_is_counted_by_the_name_of_its_meter() -> None:
    watch = AllowanceWatch()
    watch.refused(_budget())

    assert watch.refusals == {"budget_day": 1}


def test_a_deployment_that_is_passed_over_is_no_refusal_of_a_request() -> None:
    watch = AllowanceWatch()

    watch.refused(meters_of(allowances_of("small-a", Limits(requests_per_minute=1)))[0])

    assert (watch.passed, watch.refusals) == ({("small-a", "requests_per_minute"): 1}, {})
