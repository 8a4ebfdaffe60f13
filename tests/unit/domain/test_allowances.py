import msgspec

from gateway.domain.allowances import NO_LIMITS, Allowance, BudgetTerms, Limits


def test_what_is_not_limited_is_not_written() -> None:
    assert msgspec.json.encode(NO_LIMITS) == b"{}"
    assert msgspec.json.encode(Limits(concurrent=4)) == b'{"concurrent":4}'


def test_a_budget_is_hard_and_told_at_four_fifths_and_when_it_is_spent_unless_it_says_otherwise() -> None:
    terms = BudgetTerms(period="month", limit_nano_usd=10**9)

    assert (terms.is_hard, terms.alert_at) == (True, (0.8, 1.0))
    assert msgspec.json.encode(terms) == b'{"period":"month","limit_nano_usd":1000000000}'


def test_what_a_later_release_writes_beside_it_is_read_past() -> None:
    assert msgspec.json.decode(b'{"concurrent":4,"images_per_day":9}', type=Limits) == Limits(concurrent=4)


def test_allowances_are_values() -> None:
    assert len({Allowance(owner="key:a"), Allowance(owner="key:a", limits=Limits(), budgets=())}) == 1
