import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import orjson
import pytest
from fastapi import FastAPI

from gateway.api.usage_reports import SavingsBy, SpendBy, usage_report_routes
from gateway.store import usage_reports
from tests.unit.api.asgi_client import Wire, scope

_NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class _Asked:
    """Answers with what it was asked."""

    def savings(self, *, by: str, since: datetime) -> Mapping[str, Any]:
        return {"lines": ["savings", by, since.isoformat()]}

    def spend(self, *, by: str, since: datetime) -> Mapping[str, Any]:
        return {"lines": ["spend", by, since.isoformat()]}


def _get(path: str, query: str = "") -> Wire:
    app = FastAPI()
    app.include_router(usage_report_routes(_Asked(), _NOW.timestamp))
    wire = Wire()
    request = {**scope("GET", path), "http_version": "1.1", "query_string": query.encode()}
    asyncio.run(app(request, wire.receive, wire.send))
    return wire


def test_thirty_days_are_told_unless_others_are_asked_for() -> None:
    month = (_NOW - timedelta(days=30)).isoformat()

    savings, spend = _get("/admin/reports/savings"), _get("/admin/reports/spend")

    assert orjson.loads(savings.body) == {"by": "policy", "lines": ["savings", "policy", month]}
    assert orjson.loads(spend.body) == {"by": "deployment", "lines": ["spend", "deployment", month]}


def test_a_time_without_a_zone_is_utc() -> None:
    wire = _get("/admin/reports/spend", "by=key&since=2026-11-01T00:00:00")

    assert orjson.loads(wire.body)["lines"] == ["spend", "key", "2026-11-01T00:00:00+00:00"]


@pytest.mark.parametrize("query", ["by=colour", "since=yesterday"])
def test_what_nobody_can_tell_is_refused(query: str) -> None:
    assert _get("/admin/reports/savings", query).status == 422


def test_the_admin_plane_and_the_command_line_tell_by_the_same() -> None:
    assert get_args(SavingsBy) == get_args(usage_reports.SavingsBy)
    assert get_args(SpendBy) == get_args(usage_reports.SpendBy)
