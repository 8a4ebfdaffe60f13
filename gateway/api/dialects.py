"""Which wire format a request body is in, told by what stands in it: for commands that take a body without its path."""

from collections.abc import Iterator
from typing import Any, Final

from gateway.api.anthropic_messages import parse_messages
from gateway.api.json_body import read_object
from gateway.api.openai_chat import parse_chat
from gateway.domain.request import ChatRequest

_ANTHROPIC_FIELDS: Final = ("system", "anthropic_version", "stop_sequences", "output_config", "output_format")
_OPENAI_FIELDS: Final = ("stream_options", "response_format", "max_completion_tokens", "functions", "n", "stop")
_SHARED_FIELDS: Final = ("thinking", "top_k")
"""Anthropic's too, but many servers that speak OpenAI's format take them."""

_ANTHROPIC_BLOCKS: Final = ("tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use")
_BLOCKS_WITH_SOURCE: Final = ("image", "document")
_OPENAI_ROLES: Final = ("tool", "function", "developer")
_OPENAI_TOOLS: Final = ("function", "custom")


def parse_any(body: bytes) -> ChatRequest:
    """Read a full OpenAI or Anthropic request body; OpenAI's where nothing tells. Raises InvalidRequestError."""
    return parse_messages(body) if _is_anthropic(read_object(body)) else parse_chat(body)


def _is_anthropic(payload: dict[str, Any]) -> bool:
    """The strongest mark decides: fields of one format alone, then blocks and tools, then fields that both have."""
    if _has(payload, _ANTHROPIC_FIELDS):
        return True
    if _has(payload, _OPENAI_FIELDS):
        return False
    if (mark := next(_marks(payload), None)) is not None:
        return mark
    # Anthropic demands `max_tokens`: without it, a shared field does not make the body one of theirs.
    return _has(payload, _SHARED_FIELDS) and _has(payload, ("max_tokens",))


def _has(payload: dict[str, Any], names: tuple[str, ...]) -> bool:
    return any(payload.get(name) is not None for name in names)


def _marks(payload: dict[str, Any]) -> Iterator[bool]:
    """What each telling tool, message and block says, in the order they stand: True for Anthropic, False for OpenAI."""
    for tool in _objects(payload.get("tools")):
        if "input_schema" in tool:
            yield True
        elif tool.get("type") in _OPENAI_TOOLS:
            yield False
        elif "type" in tool and "name" in tool:
            yield True
    for message in _objects(payload.get("messages")):
        if message.get("role") in _OPENAI_ROLES or "tool_calls" in message:
            yield False
        for block in _objects(message.get("content")):
            kind = block.get("type")
            if kind in _ANTHROPIC_BLOCKS or (kind in _BLOCKS_WITH_SOURCE and "source" in block):
                yield True
            elif kind == "image_url":
                yield False


def _objects(values: Any) -> Iterator[dict[str, Any]]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
