import pytest

from gateway.domain.allowances import BudgetTerms
from gateway.domain.key_names import LONGEST, MOST, KeyTermsError, check_budgets, check_name, check_names


def _is_refused(*, team: str, app: str, tags: tuple[str, ...], models: tuple[str, ...] | None) -> bool:
    try:
        check_names(team=team, app=app, tags=tags, models=models)
    except KeyTermsError:
        return True
    return False


@pytest.mark.parametrize("name", ["claims", "Claims & Co.", "Übersetzung", "a" * LONGEST])
def test_a_name_is_any_short_line(name: str) -> None:
    assert not _is_refused(team=name, app=name, tags=(name, "a/b", "a:b"), models=(name, "org/model:1"))
    assert _is_refused(team=f"{name}\n", app=name, tags=(), models=None)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\u202eb", "a" * (LONGEST + 1), "a/b", "a:b"])
def test_what_would_be_misread_is_no_name_of_a_team(name: str) -> None:
    with pytest.raises(KeyTermsError, match="team"):
        check_name("team", name)


def test_a_key_may_be_of_no_team() -> None:
    assert not _is_refused(team="", app="", tags=(), models=None)


def test_a_key_for_no_model_is_refused() -> None:
    with pytest.raises(KeyTermsError, match="may ask for no model"):
        check_names(team="", app="", tags=(), models=())


def test_lists_are_bounded() -> None:
    with pytest.raises(KeyTermsError, match=f"at most {MOST} tags, not {MOST + 1}"):
        check_names(team="", app="", tags=("a",) * (MOST + 1), models=None)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"team": "a/b"}, "team"),
        ({"app": " a"}, "app"),
        ({"tags": ("",)}, "tags"),
        ({"models": ("a\n",)}, "models"),
        ({"models": ()}, "models"),
    ],
)
def test_which_of_the_terms_is_wrong_is_told(terms: dict[str, object], field: str) -> None:
    with pytest.raises(KeyTermsError) as caught:
        check_names(**({"team": "", "app": "", "tags": (), "models": None} | terms))  # type: ignore[arg-type]

    assert caught.value.field == field


def test_a_period_has_one_budget() -> None:
    day, month = (BudgetTerms(period=period, limit_nano_usd=1) for period in ("day", "month"))
    check_budgets((day, month))

    with pytest.raises(KeyTermsError, match="2 budgets a day") as caught:
        check_budgets((day, month, day))

    assert caught.value.field == "budgets"
