"""`POST /admin/policy/explain`: where a request would go and why, under the policies in force or under a draft."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request

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


def policy_explain_routes(explain: Explain) -> APIRouter:
    """The route, for the admin plane's `routers`: it lets in whom the plane does."""
    router = APIRouter()
    turn = asyncio.Semaphore(1)

    @router.post(
        "/admin/policy/explain",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _QUESTION_SCHEMA}}}},
        responses={413: {"description": "The question is too long"}, 422: {"description": "What is wrong with it"}},
    )
    async def explain_policy(request: Request) -> Mapping[str, Any]:
        """The signals, the classification, each condition with its values, the plan with estimated costs.

        No model is called and nothing is recorded.
        """
        try:
            question = read_object(await _body(request))
        except InvalidRequestError as error:
            raise HTTPException(400, error.message) from error
        try:
            async with turn:  # a draft takes long to compile: one at a time leaves the machine to live traffic
                return await asyncio.to_thread(explain, question)
        except UnexplainableError as error:
            raise HTTPException(422, {"problems": error.problems}) from error

    return router


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_QUESTION_BYTES:
            raise HTTPException(413, f"the question is longer than {MAX_QUESTION_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
