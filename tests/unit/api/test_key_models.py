from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from gateway.api.key_models import (
    BudgetModel,
    HolderView,
    KeyView,
    LimitsModel,
    ListedKeyView,
    NewKeyModel,
    NewKeyView,
    terms_of,
)
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import Change, KeyTerms, ListedKey, NewKey
from gateway.domain.keyring import Holder
from tests.keys import NOW_S, a_key_text, a_stored_key

_LIMITS = Limits(requests_per_minute=60, concurrent=2)
_BUDGET = BudgetTerms(period="week", limit_nano_usd=10**9, is_hard=False, alert_at=(0.5,))
_BUDGET_JSON = {"period": "week", "limit_nano_usd": 10**9, "is_hard": False, "alert_at": [0.5]}


def test_what_a_new_key_is_to_be_is_taken_as_it_is_sent() -> None:
    sent = {
        "team": "claims",
        "app": "bot",
        "tags": ["eu"],
        "models": ["auto"],
        "limits": {"requests_per_minute": 60, "concurrent": 2},
        "budgets": [_BUDGET_JSON],
        "expires_at": "2026-09-21T13:33:20+02:00",
    }

    assert NewKeyModel.model_validate(sent).terms() == KeyTerms(
        team="claims",
        app="bot",
        tags=("eu",),
        models=("auto",),
        limits=_LIMITS,
        budgets=(_BUDGET,),
        expires_at=datetime(2026, 9, 21, 11, 33, 20, tzinfo=UTC).timestamp(),
    )


def test_a_key_of_nothing_in_particular_is_what_nothing_asks_for() -> None:
    assert NewKeyModel().terms() == KeyTerms()


@pytest.mark.parametrize(
    "sent",
    [
        {"unknown": 1},
        {"limits": {"rpm": 1}},
        {"limits": {"requests_per_minute": 0}},
        {"limits": {"tokens_per_day": 10**19}},
        {"limits": {"tokens_per_day": 1.5}},
        {"budgets": [{"period": "year", "limit_nano_usd": 1}]},
        {"budgets": [{"period": "day", "limit_nano_usd": -1}]},
        {"budgets": [{"period": "day", "limit_nano_usd": 1, "alert_at": [0]}]},
        {"tags": ["a"] * 101},
        {"expires_at": "2026-09-21T13:33:20"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
        {"budgets": [{"period": "day", "limit_nano_usd": 1, "alert_at": [float("nan")]}]},
        {"team": None},
    ],
)
def test_what_nobody_could_mean_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NewKeyModel.model_validate(sent)


def test_a_key_is_told_with_everything_but_its_text() -> None:
    key = a_stored_key(team="claims", limits=_LIMITS, budgets=(_BUDGET,), expires_at=NOW_S + 1, created_at=NOW_S)

    told = KeyView.of(key, NOW_S).model_dump(mode="json")

    assert (told["id"], told["last4"], told["state"], told["team"]) == (key.id, key.last4, "active", "claims")
    assert (told["limits"]["requests_per_minute"], told["limits"]["tokens_per_day"]) == (60, None)
    assert told["budgets"] == [_BUDGET_JSON]
    assert told["expires_at"] == "2026-09-21T14:13:21Z"
    assert (told["models"], told["disabled_at"]) == (None, None)


def test_a_listed_key_says_when_it_was_last_used() -> None:
    used = ListedKey(key=a_stored_key(), last_used_at=NOW_S)
    unused = ListedKey(key=a_stored_key(), last_used_at=None)

    assert ListedKeyView.listed(used, NOW_S).last_used_at == datetime.fromtimestamp(NOW_S, UTC)
    assert ListedKeyView.listed(unused, NOW_S).last_used_at is None


def test_a_new_key_comes_with_its_text_and_the_key_it_replaces() -> None:
    text, old = a_key_text(), a_stored_key()
    made = NewKey(text=text, key=a_stored_key(replaces=old.id), retiring=Change(before=old, after=old))

    told = NewKeyView.made(made, NOW_S)

    assert told.key == text
    assert told.retiring == KeyView.of(old, NOW_S)


def test_a_team_is_an_application_of_no_name() -> None:
    told = HolderView.of(Holder(team="claims", limits=_LIMITS, budgets=(_BUDGET,), disabled_at=NOW_S))

    assert (told.team, told.app, told.disabled_at) == ("claims", "", datetime.fromtimestamp(NOW_S, UTC))
    assert told.limits == LimitsModel(requests_per_minute=60, concurrent=2)
    assert terms_of(told.budgets) == (_BUDGET,)


def test_no_budgets_are_not_the_same_as_budgets_that_are_not_given() -> None:
    assert terms_of(()) == ()
    assert terms_of(None) is None
    assert BudgetModel(period="day", limit_nano_usd=0).terms() == BudgetTerms(period="day", limit_nano_usd=0)
