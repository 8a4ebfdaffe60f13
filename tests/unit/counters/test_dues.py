import pytest

from gateway.counters.dues import Batch, Dues
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.meters import meters_of

RATE, MONEY = meters_of(
    (
        Allowance(
            owner="key:k",
            limits=Limits(tokens_per_minute=60),
            budgets=(BudgetTerms(period="day", limit_nano_usd=100_000),),
        ),
    )
)


def _sealed(dues: Dues) -> list[Batch]:
    return [dues.next() for _ in range(dues.seal())]


def test_many_changes_of_one_count_are_told_as_their_sum() -> None:
    dues = Dues("g")
    for units in (5, -2, 4):
        dues.units("t", "rate", RATE, units, 0)
        dues.units("t", "money", MONEY, units, 9)

    (batch,) = _sealed(dues)

    assert dict(zip(batch.keys, batch.changes, strict=True)) == {
        "rate": ("rate", 7e6),  # a token of 60 a minute flows back in a second
        "money": ("budget", 9, 7, 172_800),
    }
    assert batch.meters == (None, MONEY)


def test_amounts_of_two_windows_stay_apart() -> None:
    dues = Dues("g")
    dues.units("t", "money", MONEY, 1, 9)
    dues.units("t", "money", MONEY, 2, 10)

    (batch,) = _sealed(dues)

    assert [change[1:3] for change in batch.changes] == [(9, 1), (10, 2)]


def test_each_hash_tag_has_its_batch_and_each_batch_a_mark_of_its_own_below_it() -> None:
    dues = Dues("g")
    for tag in ("a", "b", "a"):
        dues.units(tag, "money", MONEY, 1, 9)
    first = _sealed(dues)
    dues.leave("a", "places", ["g:1"])
    second = _sealed(dues)

    marks = [batch.mark for batch in (*first, *second)]
    assert len(set(marks)) == 3
    assert sorted(mark.partition("}")[0] for mark in marks) == ["sw:{a", "sw:{a", "sw:{b"]
    assert second[0].changes == (("leave", "g:1"),)


def test_what_may_not_have_been_told_is_told_again_under_the_same_mark_and_first() -> None:
    dues = Dues("g")
    dues.units("t", "money", MONEY, 1, 9)
    (unsure,) = _sealed(dues)
    dues.keep(unsure)
    dues.units("t", "money", MONEY, 5, 9)

    again, new = _sealed(dues)

    assert again is unsure
    assert new.changes == (("budget", 9, 5, 172_800),)


def test_nothing_is_due_where_all_was_as_estimated() -> None:
    dues = Dues("g")
    dues.units("t", "rate", RATE, 0, 0)

    assert not dues
    assert dues.seal() == 0
    with pytest.raises(IndexError):
        dues.next()


def test_without_redis_only_what_was_spent_is_kept_to_be_told() -> None:
    dues = Dues("g")
    dues.units("t", "rate", RATE, 5, 0)
    dues.stay("u", "places", ["g:1"], 5)
    dues.units("t", "money", MONEY, 5, 9)

    dues.forget_rates()

    (batch,) = _sealed(dues)
    assert batch.keys == ("money",)


def test_the_least_a_budget_may_show_is_told_after_what_was_due_before() -> None:
    dues = Dues("g")
    dues.least("t", "money", MONEY, 500, 9)
    dues.units("t", "money", MONEY, 7, 9)

    (batch,) = _sealed(dues)

    assert batch.changes == (("budget", 9, 7, 172_800), ("least", 9, 500, 172_800))
    assert batch.meters == (MONEY, MONEY)


def test_while_nobody_can_be_told_what_was_read_grows_old() -> None:
    dues = Dues("g")
    dues.least("t", "money", MONEY, 500, 9)

    dues.forget_rates()

    assert not dues
