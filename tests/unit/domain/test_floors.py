from gateway.domain.allowances import Allowance, BudgetTerms, Period
from gateway.domain.budgets import window_of
from gateway.domain.floors import Floor, Spent, budgets_of, floors_of
from gateway.domain.request import NOBODY, Caller

NOW_S = 1_790_000_000.0


def _budget(limit: int = 100, period: Period = "month") -> BudgetTerms:
    return BudgetTerms(period=period, limit_nano_usd=limit)


def _caller(key_id: str, team: str = "", *allowances: Allowance) -> Caller:
    return Caller(key_id=key_id, team=team, app="bot" if team else "", allowances=allowances)


def _told(floors: list[Floor]) -> set[tuple[str, str, int]]:
    return {(each.whose, each.meter.key, each.nano_usd) for each in floors}


KEY = Allowance(owner="key:k", budgets=(_budget(),))
TEAM = Allowance(owner="team:claims", budgets=(_budget(), _budget(period="day")))
APP = Allowance(owner="app:claims/bot", budgets=(_budget(),))
SPENT = (
    Spent(team="claims", app="bot", key_id="k", nano_usd=1),
    Spent(team="claims", app="", key_id="k", nano_usd=10),
    Spent(team="claims", app="bot", key_id="other", nano_usd=100),
    Spent(team="", app="", key_id="alone", nano_usd=1_000),
)


def test_each_owner_has_spent_what_all_its_requests_did() -> None:
    budgets = budgets_of([_caller("k", "claims", KEY, TEAM, APP)])

    floors = floors_of(budgets, {"month": SPENT, "day": SPENT[:1]}, NOW_S)

    assert _told(floors) == {
        ("claims", "key:k:budget_month", 11),
        ("claims", "team:claims:budget_month", 111),
        ("claims", "team:claims:budget_day", 1),
        ("claims", "app:claims/bot:budget_month", 101),
    }
    assert {each.window for each in floors} == {window_of("month", NOW_S), window_of("day", NOW_S)}


def test_a_key_without_a_team_is_counted_by_itself() -> None:
    alone = Allowance(owner="key:alone", budgets=(_budget(),))

    assert _told(floors_of(budgets_of([_caller("alone", "", alone)]), {"month": SPENT}, NOW_S)) == {
        ("alone", "key:alone:budget_month", 1_000)
    }


def test_what_many_keys_share_is_one_budget_at_its_tightest() -> None:
    loose = Allowance(owner="team:claims", budgets=(_budget(900),))
    tight = Allowance(owner="team:claims", budgets=(_budget(50),))

    budgets = budgets_of([_caller("a", "claims", loose), _caller("b", "claims", tight), _caller("c", "claims", loose)])

    assert [meter.limit for meter in budgets.values()] == [50]


def test_callers_without_budgets_and_budgets_without_spending_have_no_floor() -> None:
    idle = Allowance(owner="key:idle", budgets=(_budget(),))

    assert budgets_of([NOBODY]) == {}
    assert floors_of(budgets_of([_caller("idle", "", idle)]), {"month": SPENT}, NOW_S) == []
