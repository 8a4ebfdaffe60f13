"""The OpenAI chat wire format → `ChatRequest`: strict on what the gateway reads, blind to what it only passes on."""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.domain.errors import InvalidRequestError
from gateway.domain.request import ChatRequest, Message, Role

MAX_DEPTH: Final = 64
MAX_MESSAGES: Final = 10_000
MAX_ALIAS_CHARS: Final = 256

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
    payload = _object(body)
    for name, value in payload.items():
        if name in _FIELDS and value is not None:
            is_right, expected = _FIELDS[name]
            if not is_right(value):
                raise _wrong_type(name, expected, value)
    options = payload.get("stream_options") or {}
    return ChatRequest(
        alias=_alias(payload),
        messages=_messages(payload),
        payload=payload,
        size_bytes=len(body),
        stream=payload.get("stream") or False,
        wants_usage=options.get("include_usage") is True,
        tools=len(payload.get("tools") or ()) + len(payload.get("functions") or ()),
        structured=(payload.get("response_format") or {}).get("type") in ("json_object", "json_schema"),
        max_output_tokens=_max_output_tokens(payload),
    )


def _object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object: no NaN, no lone surrogates, no duplicate names at the top, no deep nesting."""
    if not body:
        raise InvalidRequestError("the request body is empty; expected a JSON object")
    try:
        payload = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as exc:
        raise InvalidRequestError(f"the request body is not valid JSON: {exc}") from exc
    if not isinstance(payload, dict):
        raise InvalidRequestError(f"the request body must be a JSON object, not {_kind(payload)}")
    if _is_deeper(payload, MAX_DEPTH):
        raise InvalidRequestError(f"the request body is nested deeper than {MAX_DEPTH} levels")
    # A body that equals what its parsed form is written as says nothing else; only one with spaces or escapes may.
    if orjson.dumps(payload) != body:
        _check_exactly(body, payload)
    return payload


def _is_deeper(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _check_exactly(body: bytes, payload: dict[str, Any]) -> None:
    """What only the standard parser sees: names that stand twice, integers that orjson would pass on as fractions."""
    try:
        pairs = _PAIRS.decode(body.decode())
    except ValueError as exc:
        raise InvalidRequestError(f"the request body is not valid JSON: {exc}") from exc
    if len(pairs) == len(payload):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequestError(f"the name {name[:100]!r} stands twice in the request body", param=name[:100])
        seen.add(name)


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**64:
        raise InvalidRequestError(f"the integer {text[:30]} is out of range: it does not fit 64 bits")
    return number


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=list, parse_int=_whole)
"""Reads an object as the list of its names and values, repetitions included."""


def _alias(payload: dict[str, Any]) -> str:
    alias = payload.get("model")
    if alias is None:
        raise InvalidRequestError("you must provide a 'model'", param="model")
    if not isinstance(alias, str):
        raise _wrong_type("model", "a string", alias)
    if not 0 < len(alias) <= MAX_ALIAS_CHARS:
        raise InvalidRequestError(
            f"'model' must have 1 to {MAX_ALIAS_CHARS} characters, not {len(alias)}", param="model"
        )
    return alias


def _messages(payload: dict[str, Any]) -> tuple[Message, ...]:
    messages = payload.get("messages")
    if messages is None:
        raise InvalidRequestError("you must provide 'messages'", param="messages")
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array", messages)
    if not 0 < len(messages) <= MAX_MESSAGES:
        raise InvalidRequestError(
            f"'messages' must have 1 to {MAX_MESSAGES} elements, not {len(messages)}", param="messages"
        )
    return tuple([_message(message, index) for index, message in enumerate(messages)])


def _message(message: Any, index: int) -> Message:
    if not isinstance(message, dict):
        raise _wrong_type(f"messages[{index}]", "an object", message)
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
        raise _wrong_type(f"messages[{index}].tool_calls", "an array", calls)
    return Message(role=known, text=text, images=images, tool_calls=len(calls) if calls else 0)


def _content(content: Any, index: int) -> tuple[str, int]:
    """The text of a message that is no string, its parts joined by line ends, and how many images it holds."""
    if content is None:
        return "", 0
    if not isinstance(content, list):
        raise _wrong_type(f"messages[{index}].content", "a string or an array of parts", content)
    texts: list[str] = []
    images = 0
    for position, part in enumerate(content):
        if not isinstance(part, dict):
            raise _wrong_type(f"messages[{index}].content[{position}]", "an object", part)
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


def _wrong_type(param: str, expected: str, value: Any) -> InvalidRequestError:
    return InvalidRequestError(f"{param!r} must be {expected}, not {_kind(value)}", param=param)


def _kind(value: Any) -> str:
    """What JSON calls a value's type."""
    kinds = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
    }
    return kinds.get(type(value), "null")


def _is_count(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


_FIELDS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "stream": (lambda value: isinstance(value, bool), "a boolean"),
    "stream_options": (lambda value: isinstance(value, dict), "an object"),
    "max_tokens": (_is_count(0, 10_000_000), "an integer from 0 to 10000000"),
    "max_completion_tokens": (_is_count(0, 10_000_000), "an integer from 0 to 10000000"),
    "n": (_is_count(1, 128), "an integer from 1 to 128"),
    "tools": (lambda value: isinstance(value, list), "an array"),
    "functions": (lambda value: isinstance(value, list), "an array"),
    "response_format": (lambda value: isinstance(value, dict), "an object"),
    "temperature": (lambda value: type(value) in (int, float), "a number"),
    "top_p": (lambda value: type(value) in (int, float), "a number"),
}
"""Optional fields the gateway reads or bounds; null counts as absent. Anything else is passed on unread."""
