import asyncio
from collections.abc import Sequence

import orjson
import pytest
from fastapi import FastAPI

from gateway.api.admin_plane import build_admin_plane
from gateway.api.probes import Readiness
from gateway.domain.policy import Constraint, Rule
from gateway.domain.record import RequestRecord
from tests.builders import a_deployment, a_policy, a_record, a_route, always
from tests.unit.api.asgi_client import FixedPolicies, Wire, scope

PATHS = ("/admin/policies", "/admin/decisions", "/admin/decisions/req-1")


class Held:
    """`Records` of a list."""

    def __init__(self, *records: RequestRecord) -> None:
        self._records = records

    def latest(self, limit: int) -> Sequence[RequestRecord]:
        return self._records[:limit]

    def find(self, request_id: str) -> RequestRecord | None:
        return next((record for record in self._records if record.id == request_id), None)


def plane() -> FastAPI:
    route = a_route("large-only", a_deployment("large-a"))
    policy = a_policy(
        baseline=a_deployment("large-a"),
        rules=(Rule(name="agents", when=always("signals.tool_loop"), route=route),),
        constraints=(Constraint(name="home", when=always("true"), requires="labels.x == 1", permitted=frozenset()),),
    )
    return build_admin_plane(
        policies=FixedPolicies(policy),
        records=Held(a_record("req-1"), a_record("req-2")),
        readiness=Readiness(),
        expose=lambda: (b"", "text/plain"),
        is_admin=lambda credential: credential == "admin",
        version="1",
    )


def get(path: str, query: str = "", authorization: str = "Bearer admin") -> Wire:
    wire = Wire()
    request = {
        **scope("GET", path, authorization=authorization),
        "query_string": query.encode(),
        "http_version": "1.1",
    }
    asyncio.run(plane()(request, wire.receive, wire.send))
    return wire


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", "Basic admin", "admin"])
def test_nothing_is_told_without_the_admin_key(path: str, authorization: str) -> None:
    wire = get(path, authorization=authorization)

    assert wire.status == 401
    assert b"req-1" not in wire.body


@pytest.mark.parametrize("path", PATHS)
def test_the_admin_key_opens_every_page(path: str) -> None:
    assert get(path).status == 200


@pytest.mark.parametrize(("query", "ids"), [("", ["req-1", "req-2"]), ("limit=1", ["req-1"])])
def test_as_many_decisions_are_listed_as_asked_for(query: str, ids: list[str]) -> None:
    assert [record["id"] for record in orjson.loads(get("/admin/decisions", query).body)] == ids


def test_a_decision_comes_with_its_story() -> None:
    page = orjson.loads(get("/admin/decisions/req-1").body)

    assert page["record"]["rule"] == "easy goes small"
    assert any("easy goes small" in sentence for sentence in page["story"])


def test_a_decision_that_is_not_there_is_not_found() -> None:
    wire = get("/admin/decisions/none")

    assert wire.status == 404
    assert b"no record of request 'none'" in wire.body


def test_a_policy_is_outlined_in_its_own_words() -> None:
    page = orjson.loads(get("/admin/policies").body)

    assert page == {
        "version": "v1",
        "policies": [
            {
                "name": "default",
                "version": "v1",
                "serves": ["auto"],
                "threshold": 0.6,
                "baseline": "large-a",
                "constraints": [{"name": "home", "when": "true", "require": "labels.x == 1"}],
                "rules": [{"name": "agents", "when": "signals.tool_loop", "route": "large-only"}],
                "default": "small-first",
            }
        ],
    }
