"""The Anthropic Messages wire format → `ChatRequest`: strict on what the gateway reads, blind to what it passes on.

A conversation measures the same as it would in the OpenAI format: `system` is its first message, each tool result a
message of its own before whatever else the user sent with it, and every call of a tool is counted where it was made.
Source: the request types of the vendor's Python SDK (`MessageCreateParams`, and its beta twin for `output_format`).
"""

from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.api.json_body import (
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
    wrong_type,
)
from gateway.domain.errors import InvalidRequestError
from gateway.domain.request import ChatRequest, Message, Role

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}


def parse_messages(body: bytes) -> ChatRequest:
    """Read a request body. Raises InvalidRequestError, with `param` where one field is at fault."""
    payload = read_object(body)
    check_fields(payload, _FIELDS)
    alias = read_alias(payload)
    max_output_tokens = payload.get("max_tokens")
    if max_output_tokens is None:
        raise InvalidRequestError("you must provide 'max_tokens'", param="max_tokens")
    return ChatRequest(
        alias=alias,
        messages=tuple(_conversation(payload)),
        payload=payload,
        size_bytes=len(body),
        stream=payload.get("stream") or False,
        wants_usage=True,  # the format has no switch for it: every stream carries its usage
        tools=len(payload.get("tools") or ()),
        structured=_is_structured(payload),
        max_output_tokens=max_output_tokens,
    )


class _Content:
    """What the content of one message holds.

    asides  messages of other speakers that stand among its blocks: the results of tools, instructions of the system
    """

    __slots__ = ("asides", "calls", "images", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.images = 0
        self.calls = 0
        self.asides: list[Message] = []

    def add(self, content: str | list[Any], where: str) -> None:
        if isinstance(content, str):
            self.texts.append(content)
            return
        for position, block in enumerate(content):
            if type(block) is dict and block.get("type") == "text" and type(text := block.get("text")) is str:
                self.texts.append(text)
            else:
                self._add_block(block, f"{where}[{position}]")

    def message(self, role: Role) -> Message:
        return Message(role=role, text="\n".join(self.texts), images=self.images, tool_calls=self.calls)

    def _add_block(self, block: Any, where: str) -> None:
        if not isinstance(block, dict):
            raise wrong_type(where, "an object", block)
        kind = block.get("type")
        if not isinstance(kind, str):
            raise wrong_type(f"{where}.type", "a string", kind)
        if (add := _BLOCKS.get(kind)) is not None:
            add(self, block, where)


def _add_text(held: _Content, block: dict[str, Any], where: str) -> None:
    kind = block["type"]
    if not isinstance(text := block.get(kind), str):
        raise wrong_type(f"{where}.{kind}", "a string", text)
    held.texts.append(text)


def _add_image(held: _Content, _block: dict[str, Any], _where: str) -> None:
    held.images += 1


def _add_call(held: _Content, block: dict[str, Any], _where: str) -> None:
    """Counted, and what was passed to the tool read: personal data goes that way as well."""
    held.calls += 1
    if given := block.get("input"):
        held.texts.append(orjson.dumps(given).decode())


def _add_document(held: _Content, block: dict[str, Any], where: str) -> None:
    """Its text; a PDF, a link or a file counts as an image: only a model that sees can read its pages."""
    source = block.get("source")
    if not isinstance(source, dict):
        raise wrong_type(f"{where}.source", "an object", source)
    held.texts += [words for name in ("title", "context") if isinstance(words := block.get(name), str)]
    if source.get("type") == "content":
        _add_nested(held, source, f"{where}.source")
    elif source.get("type") != "text":
        held.images += 1
    elif isinstance(text := source.get("data"), str):
        held.texts.append(text)
    else:
        raise wrong_type(f"{where}.source.data", "a string", text)


def _add_nested(held: _Content, block: dict[str, Any], where: str) -> None:
    content = block.get("content")
    if content is not None:
        held.add(_string_or_blocks(content, f"{where}.content"), f"{where}.content")


def _aside(role: Role) -> Callable[[_Content, dict[str, Any], str], None]:
    def add(held: _Content, block: dict[str, Any], where: str) -> None:
        said = _Content()
        _add_nested(said, block, where)
        held.asides += (*said.asides, said.message(role))

    return add


_BLOCKS: Final[dict[str, Callable[[_Content, dict[str, Any], str], None]]] = {
    "text": _add_text,
    "thinking": _add_text,
    "image": _add_image,
    "document": _add_document,
    "search_result": _add_nested,
    "compaction": _add_nested,
    "mcp_tool_result": _add_nested,
    "tool_result": _aside("tool"),
    "mid_conv_system": _aside("system"),
    "tool_use": _add_call,
    "server_tool_use": _add_call,
    "mcp_tool_use": _add_call,
}
"""Blocks the gateway reads, nested ones included. Anything else (redacted thinking, say) is passed on unread."""


def _conversation(payload: dict[str, Any]) -> list[Message]:
    said: list[Message] = []
    if system := payload.get("system"):
        instructions = _Content()
        instructions.add(_string_or_blocks(system, "system"), "system")
        said.append(instructions.message("system"))
    for index, message in enumerate(read_messages(payload)):
        _add_message(said, message, index)
    return said


def _add_message(said: list[Message], message: Any, index: int) -> None:
    if not isinstance(message, dict):
        raise wrong_type(f"messages[{index}]", "an object", message)
    role = message.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise InvalidRequestError(
            f"'messages[{index}].role' must be one of {', '.join(_ROLES)}", param=f"messages[{index}].role"
        )
    content = message.get("content")
    if type(content) is str:
        said.append(Message(role=known, text=content))
        return
    where = f"messages[{index}].content"
    held = _Content()
    held.add(_string_or_blocks(content, where), where)
    said += held.asides
    if not held.asides or held.texts or held.images or held.calls:
        said.append(held.message(known))


def _string_or_blocks(content: Any, where: str) -> str | list[Any]:
    if not isinstance(content, str | list):
        raise wrong_type(where, "a string or an array of blocks", content)
    return content


def _is_structured(payload: dict[str, Any]) -> bool:
    """A JSON schema binds the answer: `output_config.format`, or `output_format` as it was called in the beta."""
    output_format = (payload.get("output_config") or {}).get("format")
    if output_format is not None and not isinstance(output_format, dict):
        raise wrong_type("output_config.format", "an object", output_format)
    formats = (output_format, payload.get("output_format"))
    return any(chosen is not None and chosen.get("type") == "json_schema" for chosen in formats)


_FIELDS: Final[dict[str, Field]] = {
    "stream": (is_bool, "a boolean"),
    "max_tokens": (is_count(0, 10_000_000), "an integer from 0 to 10000000"),
    "system": (lambda value: isinstance(value, str | list), "a string or an array of blocks"),
    "tools": (is_array, "an array"),
    "tool_choice": (is_object, "an object"),
    "metadata": (is_object, "an object"),
    "output_config": (is_object, "an object"),
    "output_format": (is_object, "an object"),
    "temperature": (is_number, "a number"),
    "top_p": (is_number, "a number"),
}
"""Fields the gateway reads or bounds; null counts as absent. Anything else is passed on unread."""
