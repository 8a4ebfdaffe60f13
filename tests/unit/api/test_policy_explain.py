import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from gateway.api.policy_explain import MAX_QUESTION_BYTES, policy_explain_routes
from gateway.domain.walkthrough import UnexplainableError
from tests.unit.api.asgi_client import Wire, scope

PROBLEM = {"file": "question", "path": "resting, 0", "message": "unknown deployment 'x'"}


class Answering:
    """Answers every question with itself, or refuses each; counts how many are answered at a time."""

    def __init__(self, error: UnexplainableError | None = None) -> None:
        self._error = error
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(asked)
        if self._error is not None:
            raise self._error
        return {"asked": asked}


def _application(explain: Answering, check: Answering | None = None) -> FastAPI:
    app = FastAPI()
    app.router.routes.extend(policy_explain_routes(explain, check or Answering()).routes)
    return app


def _post(
    *parts: bytes, explain: Answering | None = None, check: Answering | None = None, path: str = "explain"
) -> Wire:
    app = _application(explain or Answering(), check)
    wire = Wire(*parts)
    request = {**scope("POST", f"/admin/policy/{path}"), "http_version": "1.1"}
    parts_left = len(parts)

    async def receive() -> Any:
        nonlocal parts_left
        message = await wire.receive()
        parts_left -= 1
        return {**message, "more_body": parts_left > 0}

    asyncio.run(app(request, receive, wire.send))
    return wire


def test_a_question_is_answered_with_its_document() -> None:
    wire = _post(b'{"ask": "hello", "policies": {"a.yaml": "policies: []"}}')

    assert wire.status == 200
    assert orjson.loads(wire.body) == {"asked": {"ask": "hello", "policies": {"a.yaml": "policies: []"}}}


def test_a_draft_is_checked_by_who_checks_and_not_explained() -> None:
    explain, check = Answering(), Answering()

    wire = _post(b'{"policies": {"a.yaml": ""}}', explain=explain, check=check, path="check")

    assert (wire.status, explain.asked, check.asked) == (200, [], [{"policies": {"a.yaml": ""}}])


def test_a_draft_that_is_not_good_is_told_with_every_problem() -> None:
    wire = _post(b'{"policies": {}}', check=Answering(UnexplainableError([PROBLEM])), path="check")

    assert wire.status == 422
    assert orjson.loads(wire.body) == {"detail": {"problems": [PROBLEM]}}


def test_what_is_wrong_with_the_question_comes_back_with_its_places() -> None:
    wire = _post(b'{"ask": "hello"}', explain=Answering(UnexplainableError([PROBLEM])))

    assert wire.status == 422
    assert orjson.loads(wire.body) == {"detail": {"problems": [PROBLEM]}}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ask": NaN}', b'{"ask": "a", "ask": "b"}'])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    explain = Answering()

    assert _post(body, explain=explain).status == 400
    assert explain.asked == []


def test_a_question_is_bounded_whatever_its_parts() -> None:
    explain = Answering()
    part = b" " * (MAX_QUESTION_BYTES // 2 + 1)

    wire = _post(part, part, part, explain=explain)

    assert (wire.status, wire.received, explain.asked) == (413, 2, [])


def test_a_question_in_parts_is_put_together() -> None:
    assert orjson.loads(_post(b'{"ask"', b': "a"}').body) == {"asked": {"ask": "a"}}


def test_the_openapi_document_says_what_may_be_asked() -> None:
    paths = _application(Answering()).openapi()["paths"]

    asked = {
        path: operation["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"].keys()
        for path, operation in paths.items()
    }
    assert {"ask", "request", "policies"} <= asked["/admin/policy/explain"]
    assert asked["/admin/policy/check"] == {"policies"}
