from collections.abc import Sequence

import pytest
from fastapi import APIRouter, FastAPI

from gateway.api.access import Credentials, Person, UndeclaredRouteError, needs
from gateway.api.admin_plane import build_admin_plane
from gateway.api.probes import Readiness
from gateway.domain.feedback import Feedback
from gateway.domain.outline import Clause, Outline
from gateway.domain.record import RequestRecord
from tests.admin import Reply, ask
from tests.builders import a_record
from tests.unit.api.admin_app import Acts

_PATHS = ("/admin/more", "/admin/decisions", "/admin/decisions/req-1")


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

    def outline(self, record: RequestRecord) -> Outline | None:
        return Outline(
            policy=record.policy,
            version=record.policy_version,
            threshold=0.6,
            default="large-only",
            rules=(Clause("agents keep theirs", "signals.tool_loop", "sticky"),),
        )


def _more() -> str:
    return "more"


def _plane(*routers: APIRouter) -> FastAPI:
    return build_admin_plane(
        records=Held(a_record("req-1"), a_record("req-2")),
        readiness=Readiness(),
        expose=lambda: (b"", "text/plain"),
        credentials=Credentials([(Person(name="ada", role="viewer"), "key-of-ada")]),
        refusals=Acts(),
        version="1",
        routers=routers,
    )


def _get(path: str, key: str | None = "key-of-ada") -> Reply:
    more = APIRouter()
    more.add_api_route("/admin/more", needs("viewer")(_more))
    return ask(_plane(more), "GET", path, key=key)


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_nothing_is_told_without_a_key(path: str, key: str | None) -> None:
    reply = _get(path, key)

    assert reply.status == 401
    assert b"req-1" not in reply.body


@pytest.mark.parametrize("path", [*_PATHS, "/livez", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_a_key_opens_every_page_of_its_role(path: str) -> None:
    assert _get(path).status == 200


def test_a_router_that_forgets_to_say_whom_it_is_for_keeps_the_plane_from_being_built() -> None:
    more = APIRouter()
    more.add_api_route("/admin/forgotten", lambda: "for whom?")

    with pytest.raises(UndeclaredRouteError, match="GET /admin/forgotten"):
        _plane(more)


@pytest.mark.parametrize(("query", "ids"), [("", ["req-1", "req-2"]), ("?limit=1", ["req-1"])])
def test_as_many_decisions_are_listed_as_asked_for(query: str, ids: list[str]) -> None:
    assert [record["id"] for record in _get(f"/admin/decisions{query}").json()] == ids


def test_a_decision_comes_with_its_story() -> None:
    page = _get("/admin/decisions/req-1").json()

    assert page["record"]["rule"] == "easy goes small"
    assert any("easy goes small" in sentence for sentence in page["story"])


def test_a_decision_that_is_not_there_is_not_found() -> None:
    reply = _get("/admin/decisions/none")

    assert reply.status == 404
    assert b"no record of request 'none'" in reply.body


def test_an_id_that_no_database_takes_is_refused() -> None:
    assert _get("/admin/decisions/a%00").status in (404, 422)
    assert _get("/admin/decisions/a\x00").status == 422


def test_a_decision_comes_with_the_feedback_there_is() -> None:
    told = _get("/admin/decisions/req-1").json()
    silent = _get("/admin/decisions/req-2").json()

    assert (told["feedback"]["label"], told["feedback"]["comment"]) == ("good", "fine")
    assert told["story"][-1].startswith('Feedback: good (score 0.9), "fine"')
    assert silent["feedback"] is None
    assert not any(line.startswith("Feedback") for line in silent["story"])


def test_the_story_of_a_decision_tells_what_was_asked_in_vain() -> None:
    assert (
        "  rule 'agents keep theirs' did not match: signals.tool_loop" in _get("/admin/decisions/req-1").json()["story"]
    )
