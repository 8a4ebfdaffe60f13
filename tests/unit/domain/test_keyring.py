import pytest

from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.keyring import Holder, KeyState, caller_of, expiry_told, has_expired, refusal
from gateway.domain.request import Caller
from tests.keys import NOW_S, a_stored_key

_LIMITS = Limits(requests_per_minute=6)
_BUDGET = BudgetTerms(period="day", limit_nano_usd=10**9)


@pytest.mark.parametrize(
    ("times", "state"),
    [
        ({}, "active"),
        ({"expires_at": NOW_S + 1}, "active"),
        ({"expires_at": NOW_S}, "expired"),
        ({"disabled_at": NOW_S}, "disabled"),
        ({"disabled_at": NOW_S, "expires_at": NOW_S}, "expired"),
        ({"disabled_at": NOW_S, "expires_at": NOW_S, "revoked_at": NOW_S}, "revoked"),
    ],
)
def test_a_key_is_in_the_state_that_is_hardest_to_undo(times: dict[str, float], state: KeyState) -> None:
    assert a_stored_key(**times).state(NOW_S) == state


def test_a_key_without_an_expiry_never_expires() -> None:
    assert not has_expired(None, 1e18)


def test_what_is_wrong_with_a_key_or_its_holders_is_told() -> None:
    team, app = Holder(team="claims"), Holder(team="claims", app="bot")
    off = Holder(team="claims", disabled_at=NOW_S)

    assert refusal(a_stored_key(), (team, app)) is None
    assert refusal(a_stored_key(revoked_at=NOW_S), ()) == "the API key was revoked; ask for a new one"
    assert "is disabled" in str(refusal(a_stored_key(disabled_at=NOW_S), ()))
    assert refusal(a_stored_key(), (off, app)) == "the team of the API key is disabled"
    off = Holder(team="claims", app="bot", disabled_at=NOW_S)
    assert refusal(a_stored_key(), (team, off)) == "the application of the API key is disabled"


def test_when_a_key_expired_is_told() -> None:
    assert expiry_told(NOW_S) == "the API key expired on 2026-09-21 at 14:13 UTC; ask for a new one"


def test_a_caller_has_the_allowances_of_its_key_its_team_and_its_application_that_have_any() -> None:
    key = a_stored_key(id="k", team="claims", app="bot", tags=("eu",), models=("auto",), limits=_LIMITS)
    team, app = Holder(team="claims"), Holder(team="claims", app="bot", budgets=(_BUDGET,))

    assert caller_of(key, (team, app)) == Caller(
        key_id="k",
        team="claims",
        app="bot",
        tags=("eu",),
        models=frozenset({"auto"}),
        allowances=(Allowance(owner="key:k", limits=_LIMITS), Allowance(owner="app:claims/bot", budgets=(_BUDGET,))),
    )


def test_a_key_without_a_list_may_ask_for_every_model() -> None:
    assert caller_of(a_stored_key(), ()).models is None
