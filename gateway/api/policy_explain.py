"""`POST /admin/policy/explain` and `/check`: where a request would go and why, and whether a draft of policies is good.

A draft is the one text that the admin plane takes. It is compiled, in memory and one at a time, and never put in force:
its `${NAME}`s stand for no variable of the process, and it names no file.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request

from gateway.api.access import needs
from gateway.api.admin_errors import described, invalid
from gateway.api.json_body import read_object
from gateway.domain.errors import InvalidRequestError
from gateway.domain.walkthrough import UnexplainableError

MAX_QUESTION_BYTES: Final = 8 * 1024 * 1024
"""A draft of 1 MiB, with its escapes, and a long request."""

Explain = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From a question to the document that answers it; blocks, and raises UnexplainableError."""

_QUESTION_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A request and its circumstances, in the keys of a policy's cases.",
    "properties": {
        "ask": {"type": "string", "description": "A request of one text; or give `request`."},
        "alias": {"type": "string", "description": "The model alias the text goes to; `auto` if absent."},
        "request": {"type": "object", "description": "An OpenAI or Anthropic chat body."},
        "team": {"type": "string"},
        "app": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "policy": {"type": "string", "description": "Decide by this policy, though it is only being rolled out."},
        "policies": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "A draft in place of the policies in force: file name → text. Its variables are not read.",
        },
    },
}
_DRAFT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["policies"],
    "properties": {"policies": _QUESTION_SCHEMA["properties"]["policies"]},
    "additionalProperties": False,
}


def policy_explain_routes(explain: Explain, check: Explain) -> APIRouter:
    """The routes, for the admin plane's `routers`. `check`: from a draft, as `policies`, to what is in it."""
    router = APIRouter(tags=["policies"])
    turn = asyncio.Semaphore(1)

    @router.post(
        "/admin/policy/explain",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _QUESTION_SCHEMA}}}},
        responses={
            400: described("No JSON object"),
            413: described("The question is too long"),
            422: invalid("request, model", "no policy serves the model 'x'"),
        },
    )
    @needs("viewer", body_bytes=MAX_QUESTION_BYTES)
    async def explain_policy(request: Request) -> Mapping[str, Any]:
        """The signals, the classification, each condition with its values, the plan with estimated costs.

        No model is called and nothing is recorded.
        """
        return await answer(explain, await _question(request))

    @router.post(
        "/admin/policy/check",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _DRAFT_SCHEMA}}}},
        responses={
            400: described("No JSON object"),
            413: described("The draft is too long"),
            422: invalid("rule 1", "unknown route 'smal'; did you mean 'small'?"),
        },
    )
    @needs("viewer", body_bytes=MAX_QUESTION_BYTES)
    async def check_draft(request: Request) -> Mapping[str, Any]:
        """Whether a draft compiles: 200 with what is in it, or 422 with every problem and its place.

        Its cases are not run, and warnings are not looked for: `sizewise policy check` and `policy test` do both.
        """
        return await answer(check, await _question(request))

    async def answer(ask: Explain, question: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            async with turn:  # a draft takes long to compile: one at a time leaves the machine to live traffic
                return await asyncio.to_thread(ask, question)
        except UnexplainableError as error:
            raise HTTPException(422, {"problems": error.problems}) from error

    return router


async def _question(request: Request) -> Mapping[str, Any]:
    try:
        return read_object(await _body(request))
    except InvalidRequestError as error:
        raise HTTPException(400, error.message) from error


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_QUESTION_BYTES:
            raise HTTPException(413, f"the question is longer than {MAX_QUESTION_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
