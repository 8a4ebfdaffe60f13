"""Anthropic's Messages API as a row of the matrix sees it, by the rules and answers of the strict server."""

from collections.abc import Mapping
from typing import Any, Final

from tests.conformance.anthropic_answers import STATUSES, error, events, message
from tests.conformance.anthropic_rules import fault_in
from tests.conformance.row import PARAMETERS, RETRY_AFTER_S, Failure, Row, Said, secret
from tests.conformance.upstream import Heard, Reply, json_reply

_ERRORS: Final[Mapping[Failure, tuple[str, str]]] = {
    "credentials": ("authentication_error", "invalid x-api-key"),
    "rate_limit": ("rate_limit_error", "This request would exceed your organization's rate limit."),
    "overflow": ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "content_filter": ("invalid_request_error", "Output blocked by content filtering policy"),
    "unavailable": ("api_error", "Internal server error"),
}


class AnthropicApi:
    """`Api`."""

    def refusal(self, heard: Heard) -> str | None:
        if (heard.method, heard.path) != ("POST", "/v1/messages"):
            return f"{heard.method} {heard.path} is not POST /v1/messages"
        if heard.headers.get("x-api-key") != secret():
            return "wrong credentials"
        return fault_in(heard.headers, heard.json())

    def body(self, row: Row, *, stream: bool, tool: bool) -> Any:
        turns = (("user", "Hi"), ("assistant", "Hello."), ("user", "Weather in Oslo?"))
        weather = {"name": "weather", "description": "Weather at a place", "input_schema": PARAMETERS}
        return {
            "model": row.model,
            "system": _text("Be brief."),
            "messages": [{"role": role, "content": _text(text)} for role, text in turns],
            "max_tokens": 64,
            "temperature": 0.25,
            "stop_sequences": ["END"],
            **({"tools": [weather]} if tool else {}),
            **({"stream": True} if stream else {}),
        }

    def whole(self, said: Said) -> Reply:
        return json_reply(_message(said))

    def stream(self, said: Said) -> Reply:
        pieces = events(_message(said), lambda text: [text] if said.calls_tool else list(said.pieces))
        return Reply(pieces=tuple(pieces), content_type="text/event-stream; charset=utf-8")

    def failure(self, failure: Failure) -> Reply | None:
        kind, text = _ERRORS[failure]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if failure == "rate_limit" else {}
        return json_reply(error(kind, text), STATUSES[kind], **headers)


def _message(said: Said) -> dict[str, Any]:
    content = _text("".join(said.pieces))
    if said.calls_tool:
        content = [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Oslo"}}]
    usage = {
        "input_tokens": said.input_tokens - said.cached_tokens,
        "cache_read_input_tokens": said.cached_tokens,
        "output_tokens": said.output_tokens,
    }
    return message(content, "tool_use" if said.calls_tool else "end_turn", usage)


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]
