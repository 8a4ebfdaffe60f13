"""Cohere's chat, version 2."""

import json
from typing import Any, Final

from tests.conformance.row import RETRY_AFTER_S, TOOL, Failure, Row, Said, chat, secret
from tests.conformance.upstream import Heard, Reply, json_reply

_FIELDS: Final = {"model", "messages", "temperature", "stream", "stop_sequences", "max_tokens", "tools"}
_ERRORS: Final[dict[Failure, tuple[int, str]]] = {
    "credentials": (401, "invalid api token"),
    "rate_limit": (429, "Please wait and try again later"),
    "overflow": (400, "too many tokens: size limit exceeded by 2000 tokens."),
    "unavailable": (503, "service unavailable"),
}


class CohereApi:
    """`Api`."""

    def refusal(self, heard: Heard) -> str | None:
        if heard.path != "/v2/chat":
            return f"unknown path {heard.path}"
        if heard.headers.get("authorization") != f"Bearer {secret()}":
            return "wrong credentials"
        unknown = heard.json().keys() - _FIELDS
        return f"unknown fields {sorted(unknown)}" if unknown else None

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        asked = chat(row)
        tools = {"tools": [TOOL]} if tool else {}
        return {"stop_sequences": asked.pop("stop"), **asked, "model": row.model, "stream": stream, **tools}

    def whole(self, said: Said) -> Reply:
        message: dict[str, Any] = {"content": [{"type": "text", "text": "".join(said.pieces)}]}
        if said.calls_tool:
            message = {"tool_plan": "I will look.", "tool_calls": [_call()]}
        return json_reply({"id": "c1", "message": {"role": "assistant", **message}, **_end(said)})

    def stream(self, said: Said) -> Reply:
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        events = [{"id": "c1", "type": "message-start", "delta": {"message": empty}}]
        events += _tool_events() if said.calls_tool else _text_events(said)
        events.append({"type": "message-end", "delta": _end(said)})
        pieces = (f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)
        return Reply(pieces=(*pieces, b"data: [DONE]\n\n"), content_type="text/event-stream")

    def failure(self, failure: Failure) -> Reply | None:
        if failure == "content_filter":
            return None
        status, text = _ERRORS[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply({"id": "e1", "message": text}, status, **headers)


def _call() -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}


def _text_events(said: Said) -> list[dict[str, Any]]:
    text = {"content": {"type": "text", "text": ""}}
    deltas = ({"message": {"content": {"text": piece}}} for piece in said.pieces)
    return [
        {"type": "content-start", "index": 0, "delta": {"message": text}},
        *({"type": "content-delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content-end", "index": 0},
    ]


def _tool_events() -> list[dict[str, Any]]:
    call = _call()
    arguments = call["function"].pop("arguments")
    start = {**call, "function": {**call["function"], "arguments": ""}}
    return [
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": start}}},
        {
            "type": "tool-call-delta",
            "index": 0,
            "delta": {"message": {"tool_calls": {"function": {"arguments": arguments}}}},
        },
        {"type": "tool-call-end", "index": 0},
    ]


def _end(said: Said) -> dict[str, Any]:
    counts = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
    return {
        "finish_reason": "TOOL_CALL" if said.calls_tool else "COMPLETE",
        "usage": {"billed_units": counts, "tokens": counts},
    }
