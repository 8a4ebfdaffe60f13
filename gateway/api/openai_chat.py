"""The OpenAI chat wire format → `ChatRequest`: strict on what the gateway reads, blind to what it only passes on."""

from typing import Any, Final

from gateway.api.json_body import (
    MAX_ALIAS_CHARS,
    MAX_DEPTH,
    MAX_MESSAGES,
    Field,
    check_fields,
    is_array,
    is_bool,
    is_count,
    is_number,
    is_object,
    read_alias,
    read_messages,
    read_object,
    texts_in,
    wrong_type,
)
from gateway.domain.errors import InvalidRequestError
from gateway.domain.request import ChatRequest, Message, Role

__all__ = ["MAX_ALIAS_CHARS", "MAX_DEPTH", "MAX_MESSAGES", "parse_chat"]

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def parse_chat(body: bytes) -> ChatRequest:
    """Read a request body. Raises InvalidRequestError, with `param` where one field is at fault."""
    payload = read_object(body)
    check_fields(payload, _FIELDS)
    options = payload.get("stream_options") or {}
    messages = read_messages(payload)
    return ChatRequest(
        alias=read_alias(payload),
        messages=tuple([_message(message, index) for index, message in enumerate(messages)]),
        payload=payload,
        size_bytes=len(body),
        stream=payload.get("stream") or False,
        wants_usage=options.get("include_usage") is True,
        tools=len(payload.get("tools") or ()) + len(payload.get("functions") or ()),
        structured=(payload.get("response_format") or {}).get("type") in ("json_object", "json_schema"),
        max_output_tokens=_max_output_tokens(payload),
        aside="\n".join(_aside(payload, messages)),
    )


def _message(message: Any, index: int) -> Message:
    if not isinstance(message, dict):
        raise wrong_type(f"messages[{index}]", "an object", message)
    role = message.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise InvalidRequestError(
            f"'messages[{index}].role' must be one of {', '.join(_ROLES)}", param=f"messages[{index}].role"
        )
    content = message.get("content")
    text, images = (content, 0) if type(content) is str else _content(content, index)
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise wrong_type(f"messages[{index}].tool_calls", "an array", calls)
    if not calls:
        return Message(role=known, text=text, images=images)
    said = "\n".join(filter(None, (text, *map(_arguments, calls))))
    return Message(role=known, text=said, images=images, tool_calls=len(calls))


def _arguments(call: Any) -> str:
    """What a model passed to a tool: personal data goes that way as well. Empty where that was nothing."""
    held = (call.get("function") or call.get("custom")) if isinstance(call, dict) else None
    given = (held.get("arguments") or held.get("input")) if isinstance(held, dict) else None
    if isinstance(given, dict | list):
        return "\n".join(texts_in(given))
    return given if isinstance(given, str) and given != "{}" else ""


def _aside(payload: dict[str, Any], messages: list[Any]) -> list[str]:
    """The texts that stand neither in the messages' content nor in definitions."""
    texts: list[str] = []
    for name, value in payload.items():
        if name not in _READ_ELSEWHERE and type(value) in _MAY_HOLD_TEXT:
            texts += texts_in(value)
    for message in messages:
        content = message.get("content")
        if type(content) is list:
            for part in content:
                texts += texts_in([value for name, value in part.items() if not _is_read(name, value)])
        if len(message) > _OF_A_MESSAGE or content is None:
            texts += texts_in([value for name, value in message.items() if name not in _READ_IN_MESSAGES])
    return texts


def _is_read(name: str, value: Any) -> bool:
    return name == "type" or (name == "text" and type(value) is str)


def _content(content: Any, index: int) -> tuple[str, int]:
    """The text of a message that is no string, its parts joined by line ends, and how many images it holds."""
    if content is None:
        return "", 0
    if not isinstance(content, list):
        raise wrong_type(f"messages[{index}].content", "a string or an array of parts", content)
    texts: list[str] = []
    images = 0
    for position, part in enumerate(content):
        if not isinstance(part, dict):
            raise wrong_type(f"messages[{index}].content[{position}]", "an object", part)
        text = part.get("text")
        if isinstance(text, str):
            texts.append(text)
        images += part.get("type") == "image_url"
    return "\n".join(texts), images


def _max_output_tokens(payload: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        if (value := payload.get(name)) is not None:
            return int(value)
    return None


_MAY_HOLD_TEXT: Final = frozenset({str, dict, list})
_READ_ELSEWHERE: Final = frozenset({"model", "messages", "tools", "functions", "response_format", "stop"})
_READ_IN_MESSAGES: Final = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_OF_A_MESSAGE: Final = 2
"""A message of so many fields has a role and content, and nothing else."""

_FIELDS: Final[dict[str, Field]] = {
    "stream": (is_bool, "a boolean"),
    "stream_options": (is_object, "an object"),
    "max_tokens": (is_count(0, 10_000_000), "an integer from 0 to 10000000"),
    "max_completion_tokens": (is_count(0, 10_000_000), "an integer from 0 to 10000000"),
    "n": (is_count(1, 128), "an integer from 1 to 128"),
    "tools": (is_array, "an array"),
    "functions": (is_array, "an array"),
    "response_format": (is_object, "an object"),
    "temperature": (is_number, "a number"),
    "top_p": (is_number, "a number"),
}
"""Optional fields the gateway reads or bounds; null counts as absent. Anything else is passed on unread."""
