import json

import pytest

from gateway.cli.key_listings import allowance_text, holder_json, holder_table, key_json, key_table, moment_text
from gateway.domain.allowances import NO_LIMITS, BudgetTerms, Limits
from gateway.domain.key_acts import ListedKey
from gateway.domain.keyring import Holder
from tests.keys import NOW_S, a_stored_key


def test_a_key_is_a_line_of_what_people_look_for() -> None:
    key = a_stored_key(id="k", team="claims", tags=("eu", "vip"), models=("auto",), limits=Limits(concurrent=3))

    headings, line = key_table([ListedKey(key=key, last_used_at=NOW_S)], NOW_S)

    assert headings.split()[:3] == ["ID", "KEY", "STATE"]
    assert line.split()[:6] == ["k", "…abcd", "active", "claims", "-", "eu,vip"]
    assert line.split()[6:] == ["auto", "concurrent=3", "-", "2026-09-21", "14:13"]


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    key = a_stored_key(team="cl\x1b[2Jaims")

    assert "\x1b" not in "".join(key_table([ListedKey(key=key, last_used_at=None)], NOW_S))
    assert "\x1b" not in "".join(holder_table([Holder(team="\x1b", app="\x1b")]))


def test_as_json_times_are_iso_8601() -> None:
    shown = json.loads(key_json(a_stored_key(created_at=NOW_S, revoked_at=NOW_S), NOW_S, more=1))

    assert (shown["created_at"], shown["state"], shown["more"]) == ("2026-09-21T14:13:20+00:00", "revoked", 1)
    assert json.loads(holder_json(Holder(team="claims", disabled_at=NOW_S)))["disabled_at"] == shown["created_at"]


def test_a_team_and_an_application_are_a_line_each() -> None:
    team, app = Holder(team="claims"), Holder(team="claims", app="bot", disabled_at=NOW_S)

    assert [line.split() for line in holder_table([team, app])][1:] == [
        ["claims", "-", "active", "-"],
        ["claims", "bot", "disabled", "-"],
    ]


@pytest.mark.parametrize(
    ("limits", "budgets", "text"),
    [
        (NO_LIMITS, (), "-"),
        (Limits(requests_per_minute=60, tokens_per_day=5), (), "rpm=60 tpd=5"),
        (NO_LIMITS, (BudgetTerms(period="month", limit_nano_usd=500 * 10**9),), "month=500"),
        (NO_LIMITS, (BudgetTerms(period="day", limit_nano_usd=1, is_hard=False),), "day=0.000000001:soft"),
    ],
)
def test_allowances_are_written_as_the_options_are(limits: Limits, budgets: tuple[BudgetTerms, ...], text: str) -> None:
    assert allowance_text(limits, budgets) == text


def test_a_moment_that_is_not_known_is_a_dash() -> None:
    assert moment_text(None) == "-"
