from pathlib import Path

import pytest
from fastapi import FastAPI

from gateway.api.audit_pages import audit_pages
from gateway.domain.acts import Actor, Effect
from gateway.store.admin_engine import AdminEngine
from gateway.store.audit_log import AuditLog
from tests.admin import ask
from tests.keys import NOW_S, upgraded
from tests.unit.api.admin_app import application, nowhere

_ADA = Actor(name="ada", origin="admin", role="operator", request_id="req-1")
_BOB = Actor(name="bob", origin="cli")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    url = upgraded(tmp_path_factory.mktemp("audit"))
    times = iter((NOW_S, NOW_S + 60))
    log = AuditLog(AdminEngine(url), now=lambda: next(times))
    log.carry_out(_ADA, "log_level.set", "log level", lambda: Effect(before="info", after="debug"))
    log.carry_out(_BOB, "policies.reload", "policies", lambda: Effect(before={"version": "1"}, after={"version": "2"}))
    return application(audit_pages(log))


def _acts(app: FastAPI, query: str = "") -> list[str]:
    return [entry["act"] for entry in ask(app, "GET", f"/admin/audit?{query}").json()["entries"]]


def test_acts_are_listed_the_latest_first_with_all_that_is_known_of_them(app: FastAPI) -> None:
    entries = ask(app, "GET", "/admin/audit").json()["entries"]

    assert [entry["act"] for entry in entries] == ["policies.reload", "log_level.set"]
    assert {name: value for name, value in entries[1].items() if name != "id"} == {
        "at": "2026-09-21T14:13:20Z",
        "actor": "ada",
        "origin": "admin",
        "role": "operator",
        "act": "log_level.set",
        "target": "log level",
        "before": "info",
        "after": "debug",
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        ("actor=ada", ["log_level.set"]),
        ("act=policies.reload", ["policies.reload"]),
        ("target=policies", ["policies.reload"]),
        ("since=2026-09-21T14:14:00", ["policies.reload"]),
        ("since=2026-09-21T16:14:00%2B02:00", ["policies.reload"]),
        ("actor=nobody", []),
    ],
)
def test_acts_are_found_by_who_what_and_when(app: FastAPI, query: str, acts: list[str]) -> None:
    assert _acts(app, query) == acts


@pytest.mark.parametrize(
    "query",
    [
        "act=unknown",
        "since=soon",
        "since=0001-01-01T00:00:00%2B14:00",
        "after=0",
        "after=99999999999999999999",
        "actor=%00",
    ],
)
def test_a_question_of_the_wrong_form_is_refused(app: FastAPI, query: str) -> None:
    assert ask(app, "GET", f"/admin/audit?{query}").status == 422


def test_a_database_that_is_down_is_told(tmp_path: Path) -> None:
    log = AuditLog(AdminEngine(nowhere(tmp_path)), now=lambda: NOW_S)

    assert ask(application(audit_pages(log)), "GET", "/admin/audit").status == 503
