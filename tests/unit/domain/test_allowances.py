import msgspec

from gateway.domain.allowances import NO_LIMITS, Allowance, BudgetTerms, Limits, allowances_of


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


def test_what_a_deployment_may_be_sent_is_counted_under_its_name() -> None:
    limits = Limits(requests_per_minute=3)

    assert allowances_of("small-a", limits) == (Allowance(owner="deployment:small-a", limits=limits),)
