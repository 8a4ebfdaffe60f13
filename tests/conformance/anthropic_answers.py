"""What Anthropic's Messages API answers with: messages, the events of their streams, errors."""

import json
from collections.abc import Callable, Iterator
from typing import Any

STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
Split = Callable[[str], list[str]]
"""A text → the pieces that it is streamed in."""


def message(content: list[dict[str, Any]], stop_reason: str, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-of-the-day",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def events(whole: dict[str, Any], split: Split) -> Iterator[bytes]:
    """The stream that the message is when it is asked for as one; the first of its events begins it."""
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield event("message_start", message=begun)
    yield event("ping")
    for index, block in enumerate(whole["content"]):
        yield from _block_events(index, block, split)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": whole["usage"]["output_tokens"]})
    yield event("message_stop")


def error(kind: str, text: str, details: dict[str, str] | None = None) -> dict[str, Any]:
    said = {"type": kind, "message": text, **({"details": details} if details else {})}
    return {"type": "error", "error": said, "request_id": "req_1"}


def event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), as_json({"type": kind, **fields}))


def as_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _block_events(index: int, block: dict[str, Any], split: Split) -> Iterator[bytes]:
    if block["type"] == "text":
        empty, deltas = {**block, "text": ""}, [{"type": "text_delta", "text": it} for it in split(block["text"])]
    elif block["type"] == "thinking":
        empty = {**block, "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": it} for it in split(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        given = json.dumps(block["input"]) if block["input"] else ""
        empty = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": it} for it in ["", *split(given)]]
    yield event("content_block_start", index=index, content_block=empty)
    for delta in deltas:
        yield event("content_block_delta", index=index, delta=delta)
    yield event("content_block_stop", index=index)
