"""Ways in which a whole reply goes wrong: error statuses, bodies that are no completion, silence, size.

Each function takes the request and the fault's parameters, and returns the script.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace

import orjson

from gateway.providers.scripted.answers import Answer, completion, count_tokens, plain_answer, words
from gateway.providers.scripted.delivery import (
    answered,
    events,
    repeated,
    replied,
    scripted,
    streamed,
)
from gateway.providers.scripted.request import ChatRequest
from gateway.providers.scripted.script import (
    Json,
    Script,
    Step,
    Turns,
    after,
    error_body,
    http_head,
    http_reply,
)

CANARY = "sk-scripted-canary-0123456789abcdef"
"""A made-up key that the 401 and 403 bodies quote, as real ones do: it must never reach a client or a log."""

_FAR_DATE = "Wed, 21 Oct 2099 07:28:00 GMT"
_MB = 1 << 20
_KINDS = {
    401: ("invalid_request_error", "invalid_api_key", f"Incorrect API key provided: {CANARY}."),
    402: ("billing_error", "payment_required", "This scripted account has no credit left."),
    403: ("invalid_request_error", "access_denied", f"The scripted key {CANARY} may not use this model."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The scripted model does not exist or you do not have access to it.",
    ),
    429: ("requests", "rate_limit_exceeded", "Scripted rate limit reached."),
    529: ("overloaded_error", None, "Overloaded"),
}


def error_reply(
    body: bytes, status: int, *, request: ChatRequest | None = None, headers: Mapping[str, str] | None = None
) -> Script:
    """A refusal: nothing is billed. Without a request it concerns no model, and the ledger gets no row."""
    step = Step(http_reply(body, status=status, headers=headers))
    return Script(steps=(step,)) if request is None else _unbilled(request, step)


def error(request: ChatRequest, status: int) -> Script:
    default = (
        "server_error" if status >= 500 else "invalid_request_error",
        None,
        f"Scripted error {status}.",
    )
    kind, code, message = _KINDS.get(status, default)
    return error_reply(error_body(message, kind, code), status, request=request)


def rate_limit(request: ChatRequest, retry_after: str) -> Script:
    value = _FAR_DATE if retry_after == "date" else retry_after
    return replace(error(request, 429), steps=_limited({"Retry-After": value}))


def rate_limit_ms(request: ChatRequest, retry_after_ms: str) -> Script:
    return replace(error(request, 429), steps=_limited({"Retry-After-Ms": retry_after_ms}))


def quota(request: ChatRequest) -> Script:
    body = error_body("You exceeded your current scripted quota.", "insufficient_quota", "insufficient_quota")
    return error_reply(body, 429, request=request)


def spend_limit(request: ChatRequest) -> Script:
    body = error_body("The scripted spend limit is reached.", "invalid_request_error", "enforced_spend_limit_reached")
    return error_reply(body, 400, request=request)


def context_overflow(request: ChatRequest) -> Script:
    message = f"This scripted model's context length is 1 token; your messages have {request.prompt_tokens}."
    body = error_body(message, "invalid_request_error", "context_length_exceeded", "messages")
    return error_reply(body, 400, request=request)


def content_filter(request: ChatRequest) -> Script:
    body = error_body("The scripted content filter was triggered.", "invalid_request_error", "content_filter", "prompt")
    return error_reply(body, 400, request=request)


def redirect(request: ChatRequest, status: int) -> Script:
    """The target lies on this server, so that a client that follows shows up among the requests received."""
    status = status if 300 <= status < 400 else 307
    return error_reply(b"", status, request=request, headers={"Location": "/redirected/chat/completions"})


def error_in_body(request: ChatRequest) -> Script:
    return error_reply(error_body("Scripted provider error.", "server_error", "provider_error"), 200, request=request)


def html(request: ChatRequest) -> Script:
    page = b"<!doctype html><title>Scripted</title><p>This is the page of a scripted load balancer.</p>"
    return _unbilled(request, Step(http_reply(page, content_type="text/html; charset=utf-8")))


def empty(request: ChatRequest) -> Script:
    return _unbilled(request, Step(http_reply(b"")))


def wrong_type(request: ChatRequest) -> Script:
    """A healthy completion that calls itself plain text."""
    body = orjson.dumps(completion(request, plain_answer(request)))
    return _unbilled(request, Step(http_reply(body, content_type="text/plain")))


def wrong_length(request: ChatRequest) -> Script:
    """A whole completion under a Content-Length 100 bytes too large, then the end of the connection."""
    body = orjson.dumps(completion(request, plain_answer(request)))
    head = http_head(200, {"Content-Type": "application/json", "Content-Length": str(len(body) + 100)})
    return replace(_unbilled(request, Step(head + body)), ending="close", outcome="cut")


def no_choices(request: ChatRequest) -> Script:
    answer = plain_answer(request)
    return replied(request, {**completion(request, answer), "choices": []}, answer.completion_tokens)


def null_message(request: ChatRequest) -> Script:
    answer = plain_answer(request)
    choices: list[Json] = [{"index": 0, "message": None, "finish_reason": "stop"}]
    return replied(request, {**completion(request, answer), "choices": choices}, answer.completion_tokens)


def missing_usage(request: ChatRequest) -> Script:
    """No usage, streamed or not, though the ledger bills it."""
    answer = plain_answer(request)
    if request.stream:
        return streamed(request, events(replace(request, include_usage=False), answer))
    body = completion(request, answer)
    del body["usage"]
    return replied(request, body, answer.completion_tokens)


def silent(request: ChatRequest) -> Script:
    return replace(scripted(request, ()), ending="hang")


def slow(request: ChatRequest, wait_ms: int) -> Script:
    script = answered(request)
    return replace(script, steps=after(script.steps, wait_ms / 1000))


def stale(request: ChatRequest) -> Script:
    return replace(answered(request), ending="stale")


def flaky(request: ChatRequest, period: int) -> Turns:
    healthy = answered(request)
    return Turns(scripts=(*[healthy] * (min(max(period, 1), 1000) - 1), error(request, 500)), starts_over=True)


def error_first(request: ChatRequest, count: int) -> Turns:
    return Turns(scripts=(*[error(request, 500)] * min(count, 1000), answered(request)), starts_over=False)


def error_once(request: ChatRequest) -> Turns:
    return error_first(request, 1)


def huge(request: ChatRequest, size_mb: int) -> Script:
    """The same 64 KiB again and again, so that a gigabyte costs this server no memory."""
    piece, count = "scripted" * 8192, min(size_mb, 16_384) * 16
    if request.stream:
        return repeated(request, piece, count)
    tokens = count * count_tokens(piece)
    before, behind = _around_content(request, tokens)
    length = len(before) + count * len(piece) + len(behind)
    head = http_head(200, {"Content-Type": "application/json", "Content-Length": str(length)})
    block = Step(piece.encode(), count_tokens(piece))
    return scripted(request, (Step(head + before), *[block] * count, Step(behind)))


def gzip_bomb(request: ChatRequest, size_mb: int) -> Script:
    """A valid gzip body, some kilobytes for every MB of spaces that it inflates to."""
    before, behind = _around_content(request)
    packer = zlib.compressobj(level=1, wbits=31)
    blocks = [packer.compress(before), *(packer.compress(b" " * _MB) for _ in range(min(size_mb, 1024)))]
    body = b"".join((*blocks, packer.compress(behind), packer.flush()))
    return _unbilled(request, Step(http_reply(body, headers={"Content-Encoding": "gzip"})))


def finish(request: ChatRequest, reason: str) -> Script:
    return answered(request, replace(plain_answer(request), finish_reason=reason))


def cached(request: ChatRequest) -> Script:
    return answered(request, replace(plain_answer(request), cached_tokens=request.prompt_tokens // 2))


def refuses(request: ChatRequest) -> Script:
    return answered(request, Answer(pieces=words("I'm sorry, but I can't help with that. (A scripted refusal.)")))


def prose(request: ChatRequest) -> Script:
    return answered(request, plain_answer(replace(request, json_schema=None)))


def _limited(headers: Mapping[str, str]) -> tuple[Step, ...]:
    kind, code, message = _KINDS[429]
    return error_reply(error_body(message, kind, code), 429, headers=headers).steps


def _unbilled(request: ChatRequest, step: Step) -> Script:
    return replace(scripted(request, (step,)), prompt_tokens=0, outcome="error")


def _around_content(request: ChatRequest, tokens: int = 0) -> tuple[bytes, bytes]:
    """A completion's JSON before and after the place where its content goes."""
    mark = "CONTENT GOES HERE"
    before, _, behind = orjson.dumps(
        completion(request, Answer(pieces=(mark,), extra_tokens=tokens - count_tokens(mark)))
    ).partition(mark.encode())
    return before, behind
