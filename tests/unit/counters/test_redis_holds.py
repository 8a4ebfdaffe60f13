from gateway.counters.redis_holds import Counted
from gateway.domain.allowances import Allowance, BudgetTerms, Limits

ALLOWANCES = (
    Allowance(owner="key:k", limits=Limits(requests_per_minute=5, concurrent=2)),
    Allowance(owner="team:a}b", budgets=(BudgetTerms(period="day", limit_nano_usd=7, is_hard=False),)),
)


def test_all_keys_of_one_call_share_a_hash_tag_whatever_the_name_of_the_team() -> None:
    counted = Counted("a}{b", ALLOWANCES)

    assert {key.partition("{")[2].partition("}")[0] for key in counted.keys} == {"a%7D%7Bb"}
    assert len(set(counted.keys)) == 3


def test_two_teams_share_no_key() -> None:
    assert not set(Counted("a", ALLOWANCES).keys) & set(Counted("b", ALLOWANCES).keys)


def test_a_soft_budget_is_asked_for_without_a_limit() -> None:
    counted = Counted("t", ALLOWANCES)

    assert [counted.row(meter, 3, 4) for meter in counted.meters] == [
        ("rate", 5, 3, 4, 60e6),
        ("concurrent", 2),
        ("budget", -1, 3, 4, "day", 172_800),
    ]
    assert (counted.has_places, counted.places) == (True, [counted.keys[1]])
