import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException

from gateway.api.policy_explain import MAX_QUESTION_BYTES, policy_explain_routes
from gateway.domain.walkthrough import UnexplainableError
from tests.unit.api.asgi_client import Wire, scope

PROBLEM = {"file": "question", "path": "resting, 0", "message": "unknown deployment 'x'"}


def _authorised(authorization: Annotated[str, Header()] = "") -> None:
    if authorization != "Bearer admin":
        raise HTTPException(401, "who are you?")


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


def _post(*parts: bytes, explain: Answering | None = None, authorization: str = "Bearer admin") -> Wire:
    app = FastAPI()
    app.include_router(policy_explain_routes(explain or Answering()), dependencies=[Depends(_authorised)])
    wire = Wire(*parts)
    request = {**scope("POST", "/admin/policy/explain", authorization=authorization), "http_version": "1.1"}
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


def test_without_the_admin_key_nothing_is_asked_and_nothing_read() -> None:
    explain = Answering()

    wire = _post(b'{"ask": "hello"}', explain=explain, authorization="Bearer other")

    assert (wire.status, wire.received, explain.asked) == (401, 0, [])


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
    app = FastAPI()
    app.include_router(policy_explain_routes(Answering()))

    operation = app.openapi()["paths"]["/admin/policy/explain"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]

    assert {"ask", "request", "policies"} <= set(schema["properties"])
