from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from gateway.api import usage_reports
from gateway.api.usage_reports import usage_report_routes

_NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class _Asked:
    """Answers with what it was asked."""

    def savings(self, *, by: str, since: datetime) -> Mapping[str, Any]:
        return {"lines": ["savings", by, since.isoformat()]}

    def spend(self, *, by: str, since: datetime) -> Mapping[str, Any]:
        return {"lines": ["spend", by, since.isoformat()]}


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.include_router(usage_report_routes(_Asked(), lambda: _NOW.timestamp()))
    return TestClient(app)


def test_thirty_days_are_told_unless_others_are_asked_for(client: TestClient) -> None:
    month = (_NOW - timedelta(days=30)).isoformat()

    assert client.get("/admin/reports/savings").json() == {"by": "policy", "lines": ["savings", "policy", month]}
    assert client.get("/admin/reports/spend").json() == {"by": "deployment", "lines": ["spend", "deployment", month]}


def test_a_time_without_a_zone_is_utc(client: TestClient) -> None:
    found = client.get("/admin/reports/spend", params={"by": "key", "since": "2026-11-01T00:00:00"}).json()

    assert found["lines"] == ["spend", "key", "2026-11-01T00:00:00+00:00"]


@pytest.mark.parametrize("query", [{"by": "colour"}, {"since": "yesterday"}])
def test_what_nobody_can_tell_is_refused(client: TestClient, query: dict[str, str]) -> None:
    assert client.get("/admin/reports/savings", params=query).status_code == 422


def test_the_admin_plane_and_the_command_line_tell_by_the_same() -> None:
    from gateway.store.usage_reports import SavingsBy, SpendBy  # noqa: PLC0415 - a stranger to the api otherwise

    assert get_args(usage_reports.SavingsBy) == get_args(SavingsBy)
    assert get_args(usage_reports.SpendBy) == get_args(SpendBy)
