from pathlib import Path

import pytest
from fastapi import FastAPI

from gateway.api.holder_pages import holder_pages
from tests.admin import ask
from tests.keys import upgraded
from tests.unit.api.admin_app import application, nowhere, registry

_MONTH = {"period": "month", "limit_nano_usd": 5_000_000_000}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return application(holder_pages(registry(upgraded(tmp_path_factory.mktemp("holders")))))


def test_a_team_is_made_and_set_one_thing_at_a_time(app: FastAPI) -> None:
    made = ask(app, "PATCH", "/admin/teams/claims", {"limits": {"requests_per_day": 9}})
    also = ask(app, "PATCH", "/admin/teams/claims", {"budgets": [_MONTH], "is_disabled": True})
    back = ask(app, "PATCH", "/admin/teams/claims", {"budgets": [], "is_disabled": False})

    assert (made.status, made.json()["limits"]["requests_per_day"]) == (200, 9)
    assert (also.json()["limits"]["requests_per_day"], also.json()["budgets"][0]["period"]) == (9, "month")
    assert also.json()["disabled_at"] is not None
    assert (back.json()["budgets"], back.json()["disabled_at"]) == ([], None)
    assert back.json() in ask(app, "GET", "/admin/teams").json()["teams"]


def test_an_application_brings_its_team_with_it(app: FastAPI) -> None:
    made = ask(app, "PATCH", "/admin/teams/sales/apps/bot", {}).json()

    assert (made["team"], made["app"]) == ("sales", "bot")
    assert ask(app, "GET", "/admin/apps?team=sales").json()["apps"] == [made]
    assert ask(app, "GET", "/admin/apps?team=nobody").json()["apps"] == []
    assert "sales" in [team["team"] for team in ask(app, "GET", "/admin/teams").json()["teams"]]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"budgets": [_MONTH, _MONTH]}, "budgets"),
        ({"limits": {"requests_per_day": -1}}, "limits.requests_per_day"),
        ({"team": "other"}, "team"),
    ],
)
def test_terms_that_cannot_be_are_told_with_their_field(app: FastAPI, sent: dict[str, object], field: str) -> None:
    reply = ask(app, "PATCH", "/admin/teams/claims", sent)

    assert reply.status == 422
    assert [each["path"] for each in reply.json()["detail"]["problems"]] == [field]


def test_a_cursor_that_is_no_next_of_a_page_is_refused(app: FastAPI) -> None:
    reply = ask(app, "GET", "/admin/apps?after=claims")

    assert reply.status == 422
    assert "such as 'claims/mailbot'" in reply.json()["detail"]["problems"][0]["message"]


def test_a_database_that_is_down_is_told(tmp_path: Path) -> None:
    app = application(holder_pages(registry(nowhere(tmp_path))))

    assert [ask(app, "GET", path).status for path in ("/admin/teams", "/admin/apps")] == [503, 503]
