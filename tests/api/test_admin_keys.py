"""The admin plane of a gateway that runs: a key's whole life over HTTP, and what the audit tells of it."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from tests.api.policies import demo_policies
from tests.gateway_process import GatewayProcess, Reply, database_url, eventually, fetch, running_gateway
from tests.keys import PEPPER

_WITHIN_S = 5.0
_ASK = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
_PEOPLE = {"ada": ("admin", "key-of-" + "ada" * 4), "oli": ("operator", "key-of-" + "oli" * 4)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("admin")


@pytest.fixture(scope="module")
def gateway_with_people(home: Path, upstream_server: ScriptedUpstream) -> Iterator[GatewayProcess]:
    environment = {
        "SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1",
        "SIZEWISE_KEY_PEPPER": PEPPER,
        "SIZEWISE_ADMIN_KEYS": ",".join(f"{name}:{role}:{key}" for name, (role, key) in _PEOPLE.items()),
    }
    with running_gateway(home, {"default.yaml": demo_policies()}, environment) as running:
        eventually(lambda: _ask(running, "ada", "GET", "/admin/audit").status == 200 or None, "the tables")
        yield running


def _ask(gateway: GatewayProcess, who: str, method: str, path: str, body: Any = None) -> Reply:
    headers = {"Authorization": f"Bearer {_PEOPLE[who][1]}", "Content-Type": "application/json"}
    return fetch(gateway.admin_url, method, path, b"" if body is None else json.dumps(body).encode(), headers)


def _eventually_answers(gateway: GatewayProcess, key: str, status: int) -> float:
    started_s = time.monotonic()
    eventually(
        lambda: (
            gateway.request("POST", "/v1/chat/completions", json.dumps(_ASK).encode(), key=key).status == status or None
        ),
        f"{status}",
        _WITHIN_S,
    )
    return time.monotonic() - started_s


def test_a_key_is_made_used_and_revoked_over_http_and_the_audit_tells_all(
    gateway_with_people: GatewayProcess, home: Path
) -> None:
    gateway = gateway_with_people
    limits, since = {"requests_per_minute": 600}, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")

    made = _ask(gateway, "ada", "POST", "/admin/keys", {"team": "claims", "limits": limits})
    key, key_id = made.json()["key"], made.json()["id"]
    _eventually_answers(gateway, key, 200)
    refused = _ask(gateway, "oli", "POST", "/admin/keys", {"team": "claims"})
    revoked = _ask(gateway, "oli", "POST", f"/admin/keys/{key_id}/revoke")
    died_within_s = _eventually_answers(gateway, key, 401)

    assert (made.status, refused.status, revoked.status) == (201, 403, 200)
    assert made.headers["cache-control"] == "no-store"
    assert died_within_s < _WITHIN_S
    entries = _ask(gateway, "oli", "GET", "/admin/audit?since=" + since).json()["entries"]
    assert [(each["actor"], each["role"], each["act"], each["target"]) for each in entries] == [
        ("oli", "operator", "key.revoke", f"key:{key_id}"),
        ("oli", "operator", "refused", "POST /admin/keys"),
        ("ada", "admin", "key.create", f"key:{key_id}"),
    ]
    assert [each["request_id"] for each in entries] == [
        reply.headers["x-request-id"] for reply in (revoked, refused, made)
    ]
    assert entries[2]["after"]["limits"] == limits
    assert (entries[0]["before"]["revoked_at"], entries[0]["after"]["revoked_at"] is None) == (None, False)
    assert key[18:-4] not in json.dumps(entries) + gateway.log() + _whole_audit(home)


def test_a_reload_and_the_log_level_are_the_operators_and_are_written_down(gateway_with_people: GatewayProcess) -> None:
    gateway = gateway_with_people

    reloaded = _ask(gateway, "oli", "POST", "/admin/policy/reload")
    _ask(gateway, "oli", "PUT", "/admin/log-level", {"level": "debug"})
    level = _ask(gateway, "oli", "GET", "/admin/log-level").json()
    _ask(gateway, "oli", "PUT", "/admin/log-level", {"level": "info"})

    assert (reloaded.status, level) == (200, {"level": "debug"})
    entries = _ask(gateway, "ada", "GET", "/admin/audit?actor=oli&limit=3").json()["entries"]
    assert [(each["act"], each["before"], each["after"]) for each in entries[:2]] == [
        ("log_level.set", "debug", "info"),
        ("log_level.set", "info", "debug"),
    ]
    assert (entries[2]["act"], entries[2]["before"]) == ("policies.reload", entries[2]["after"])


def test_how_the_deployments_fare_is_told(gateway_with_people: GatewayProcess) -> None:
    gateway_with_people.chat(_ASK)

    page = _ask(gateway_with_people, "oli", "GET", "/admin/deployments").json()

    fares = {each["name"]: each for each in page["deployments"]}
    assert not any(each["is_resting"] for each in fares.values())
    assert any(each["latency_ms"] is not None for each in fares.values())


def test_nobody_without_a_key_is_told_anything(gateway_with_people: GatewayProcess) -> None:
    for path in ("/admin/keys", "/admin/audit", "/admin/policies", "/admin/decisions"):
        assert gateway_with_people.admin(path).status == 401
        assert gateway_with_people.request("GET", path).status == 404  # the data plane has no such pages


def _whole_audit(home: Path) -> str:
    engine = open_engine(database_url(home))
    with engine.connect() as connection:
        rows = "".join(repr(row) for row in connection.execute(text("SELECT * FROM audit")))
    engine.dispose()
    return rows
