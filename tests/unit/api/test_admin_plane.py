import asyncio
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from fastapi import APIRouter, FastAPI

from gateway.api.admin_plane import build_admin_plane
from gateway.api.probes import Readiness
from gateway.domain.feedback import Feedback
from gateway.domain.policy import Constraint, Rule
from gateway.domain.record import RequestRecord
from gateway.policyfile.loader import PolicyStatus, Refusal
from tests.builders import a_deployment, a_policy, a_record, a_route, always
from tests.unit.api.asgi_client import FixedPolicies, Wire, scope

PATHS = ("/admin/policies", "/admin/policy", "/admin/more", "/admin/decisions", "/admin/decisions/req-1")


class Held:
    """`Records` of a list; there is feedback on `req-1`."""

    def __init__(self, *records: RequestRecord) -> None:
        self._records = records

    def latest(self, limit: int) -> Sequence[RequestRecord]:
        return self._records[:limit]

    def find(self, request_id: str) -> RequestRecord | None:
        return next((record for record in self._records if record.id == request_id), None)

    def feedback(self, request_id: str) -> Feedback | None:
        said = Feedback(request_id="req-1", score=0.9, label="good", comment="fine", given_at=1_790_000_000.0)
        return said if request_id == "req-1" else None


class Files:
    """`PolicyFiles` that takes the next state, or refuses it."""

    def __init__(self, *, is_good: bool) -> None:
        self._is_good = is_good
        self._status = PolicyStatus(version="v1", since_s=1_790_000_000.0)

    def status(self) -> PolicyStatus:
        return self._status

    def try_reload(self) -> bool:
        refusal = Refusal(version="v2", since_s=1_790_000_100.0, problems=("p.yaml:1:1: wrong",))
        if self._is_good:
            self._status = replace(self._status, reloads_ok=1)
        else:
            self._status = replace(self._status, reloads_failed=1, refused=refusal)
        return self._is_good


def plane(files: Files | None = None) -> FastAPI:
    more = APIRouter()
    more.add_api_route("/admin/more", lambda: "more")
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
        policy_files=files,
        routers=[more],
    )


def get(
    path: str,
    query: str = "",
    authorization: str = "Bearer admin",
    *,
    method: str = "GET",
    files: Files | None = None,
) -> Wire:
    wire = Wire()
    request = {
        **scope(method, path, authorization=authorization),
        "query_string": query.encode(),
        "http_version": "1.1",
    }
    asyncio.run(plane(files)(request, wire.receive, wire.send))
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


def test_a_decision_comes_with_the_feedback_there_is() -> None:
    told = orjson.loads(get("/admin/decisions/req-1").body)
    silent = orjson.loads(get("/admin/decisions/req-2").body)

    assert (told["feedback"]["label"], told["feedback"]["comment"]) == ("good", "fine")
    assert told["story"][-1].startswith('Feedback: good (score 0.9), "fine"')
    assert silent["feedback"] is None
    assert not any(line.startswith("Feedback") for line in silent["story"])


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
                "rollout": {"mode": "on", "share": 0.0},
                "keep_text": None,
                "threshold": 0.6,
                "baseline": "large-a",
                "constraints": [{"name": "home", "when": "true", "require": "labels.x == 1"}],
                "rules": [{"name": "agents", "when": "signals.tool_loop", "route": "large-only"}],
                "default": "small-first",
            }
        ],
    }


def test_a_policy_set_that_came_from_no_files_has_no_reloads() -> None:
    page = orjson.loads(get("/admin/policy").body)
    reloaded = get("/admin/policy/reload", method="POST")

    assert (page["version"], page["since_s"], page["reloads"], page["refused"]) == ("v1", None, None, None)
    assert page["policies"] == orjson.loads(get("/admin/policies").body)["policies"]
    assert reloaded.status == 409
    assert b"come from no files" in reloaded.body


def test_a_reload_that_goes_well_answers_with_the_status() -> None:
    reloaded = get("/admin/policy/reload", method="POST", files=Files(is_good=True))

    page = orjson.loads(reloaded.body)
    assert reloaded.status == 200
    assert (page["version"], page["since_s"], page["reloads"]) == ("v1", 1_790_000_000.0, {"ok": 1, "failed": 0})
    assert page["refused"] is None


def test_files_that_are_refused_are_a_conflict_with_every_problem() -> None:
    files = Files(is_good=False)

    reloaded = get("/admin/policy/reload", method="POST", files=files)
    page = get("/admin/policy", files=files)

    assert reloaded.status == 409
    assert orjson.loads(reloaded.body)["refused"] == {
        "version": "v2",
        "since_s": 1_790_000_100.0,
        "problems": ["p.yaml:1:1: wrong"],
    }
    assert (page.status, page.body) == (200, reloaded.body)


@pytest.mark.parametrize("authorization", ["", "Bearer wrong"])
def test_nobody_reloads_without_the_admin_key(authorization: str) -> None:
    files = Files(is_good=True)

    wire = get("/admin/policy/reload", authorization=authorization, method="POST", files=files)

    assert wire.status == 401
    assert files.status().reloads_ok == 0
