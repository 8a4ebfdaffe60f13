"""A Messages answer → an OpenAI chat completion, and the words both share with the translation of streams.

Of thinking, the text goes to `reasoning_content`, as other servers that speak OpenAI's format have it, and the signed
blocks to `thinking_blocks`: a client that sends those back with the rest of the message keeps the chain unbroken.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from gateway.domain.errors import UpstreamInvalidAnswerError
from gateway.domain.usage import MoreUsage, Usage
from gateway.ports import Completion
from gateway.providers.usage_counts import count, service_tier, usage_of

FINISH_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "content_filter",
}
"""Every documented `stop_reason`. A paused turn is one that did not come to its end, which clients know as `length`."""


class _OutputDetails(Struct):
    thinking_tokens: int | None = None


class _CacheCreation(Struct):
    ephemeral_1h_input_tokens: int | None = None


class _ServerToolUse(Struct):
    web_search_requests: int | None = None


class WireUsage(Struct):
    """`usage` as the API reports it: its `input_tokens` are those beside the cache. Fields may be left out or null."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None
    cache_creation: _CacheCreation | None = None
    server_tool_use: _ServerToolUse | None = None
    service_tier: str | None = None

    def updated(self, later: "WireUsage") -> "WireUsage":
        """With the counts that `later` reports in their place: those of a stream are running totals."""
        changes = {name: value for name in self.__struct_fields__ if (value := getattr(later, name)) is not None}
        return msgspec.structs.replace(self, **changes)

    def plain(self) -> Usage | None:
        """None where the counts are missing or make no sense."""
        read, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        if self.input_tokens is None or min(self.input_tokens, read, written) < 0:
            return None
        return usage_of(self.input_tokens + read + written, self.output_tokens, read, self._more(written))

    def _more(self, written: int) -> MoreUsage:
        for_an_hour = self.cache_creation.ephemeral_1h_input_tokens if self.cache_creation else None
        for_an_hour = min(count(for_an_hour), written)
        return MoreUsage(
            cache_write_tokens=written - for_an_hour,
            cache_write_1h_tokens=for_an_hour,
            reasoning_tokens=self._thinking(),
            searches=count(self.server_tool_use.web_search_requests if self.server_tool_use else None),
            service_tier=service_tier(self.service_tier),
        )

    def _thinking(self) -> int:
        return count(self.output_tokens_details.thinking_tokens if self.output_tokens_details else None)

    def as_openai(self) -> dict[str, Any] | None:
        """The `usage` of a chat completion."""
        usage = self.plain()
        if usage is None:
            return None
        return {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
            "prompt_tokens_details": {
                "cached_tokens": usage.cached_input_tokens,
                "cache_write_tokens": self.cache_creation_input_tokens or 0,
            },
            "completion_tokens_details": {"reasoning_tokens": self._thinking()},
        }


class WireBlock(Struct):
    """A block of content; which fields are there depends on `type`."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None

    def thought(self) -> dict[str, Any] | None:
        """The block as it must be sent back; None where it holds no thinking."""
        if self.type == "thinking":
            return {"type": self.type, "thinking": self.thinking or "", "signature": self.signature or ""}
        return {"type": self.type, "data": self.data or ""} if self.type == "redacted_thinking" else None


class StopDetails(Struct):
    explanation: str | None = None


class WireMessage(Struct):
    """A whole answer, or in a stream the beginning of one."""

    id: str = ""
    model: str = ""
    content: list[WireBlock] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None
    error: Any = None


_decode: Final = msgspec.json.Decoder(WireMessage).decode


def completion_of(deployment: str, body: bytes, created_s: float) -> Completion:
    """The answer in OpenAI's words. Raises UpstreamInvalidAnswerError for a 200 that is no answer."""
    try:
        message = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered with something other than JSON") from exc
    if message.error:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered 200 with an error in the body")
    if message.content is None:
        raise UpstreamInvalidAnswerError(f"deployment {deployment!r} answered without 'content'")
    payload: dict[str, Any] = {
        "id": message.id,
        "object": "chat.completion",
        "created": int(created_s),
        "model": message.model,
        "choices": [
            {
                "index": 0,
                "message": _said(message.content, refusal_of(message.stop_reason, message.stop_details)),
                "logprobs": None,
                "finish_reason": finish_reason(message.stop_reason),
            }
        ],
    }
    usage = message.usage or WireUsage()
    if (reported := usage.as_openai()) is not None:
        payload["usage"] = reported
    return Completion(body=orjson.dumps(payload), usage=usage.plain())


def finish_reason(stop_reason: str | None) -> str:
    """OpenAI's word for it; a reason we do not know, or none, is an end like any other."""
    return FINISH_REASONS.get(stop_reason or "", "stop")


def refusal_of(stop_reason: str | None, details: StopDetails | None) -> str | None:
    return details.explanation if stop_reason == "refusal" and details is not None else None


def arguments_of(given: Any) -> str:
    """What a model passes to a tool, as the JSON text clients expect; without arguments that is an empty object."""
    return orjson.dumps({} if given is None else given).decode()


def _said(content: list[WireBlock], refusal: str | None) -> dict[str, Any]:
    texts = [block.text or "" for block in content if block.type == "text"]
    calls = [
        {
            "id": block.id,
            "type": "function",
            "function": {"name": block.name, "arguments": arguments_of(block.input)},
        }
        for block in content
        if block.type == "tool_use"
    ]
    thoughts = [thought for block in content if (thought := block.thought()) is not None]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": refusal,
    }
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["thinking_blocks"] = thoughts
    if reasoning := "".join([block.thinking or "" for block in content]):
        message["reasoning_content"] = reasoning
    return message
