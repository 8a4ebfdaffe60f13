import msgspec

from gateway.domain.allowances import NO_LIMITS, Allowance, BudgetTerms, Limits


def test_what_is_not_said_is_not_limited() -> None:
    assert Allowance(owner="key:k").limits is NO_LIMITS
    assert set(msgspec.structs.asdict(NO_LIMITS).values()) == {None}


def test_a_budget_is_hard_and_tells_at_four_fifths_and_at_its_end_unless_it_says_otherwise() -> None:
    terms = BudgetTerms(period="month", limit_nano_usd=1)

    assert (terms.is_hard, terms.alert_at) == (True, (0.8, 1.0))


def test_an_allowance_comes_back_from_json_as_it_went() -> None:
    allowance = Allowance(
        owner="app:support/chat",
        limits=Limits(requests_per_minute=60, concurrent=4),
        budgets=(BudgetTerms(period="week", limit_nano_usd=10**12, is_hard=False),),
    )

    assert msgspec.json.decode(msgspec.json.encode(allowance), type=Allowance) == allowance
