"""What the Messages API demands of a request, as far as its documentation says; written apart from what sends them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_FIELDS: dict[str, Callable[[Any], bool]] = {
    "model": lambda it: isinstance(it, str) and bool(it),
    "max_tokens": lambda it: type(it) is int and it >= 0,
    "messages": lambda it: isinstance(it, list) and bool(it),
    "system": lambda it: isinstance(it, str) or all(_is_text(block) for block in it),
    "stream": lambda it: isinstance(it, bool),
    "stop_sequences": lambda it: all(isinstance(text, str) and text.strip() for text in it),
    "temperature": lambda it: 0 <= it <= 1,
    "top_p": lambda it: 0 <= it <= 1,
    "top_k": lambda it: type(it) is int,
    "tools": lambda it: all(_is_tool(tool) for tool in it),
    "tool_choice": lambda it: it["type"] in ("auto", "any", "none") or (it["type"] == "tool" and bool(it["name"])),
    "thinking": lambda it: it["type"] in ("adaptive", "disabled") or it["budget_tokens"] >= 1_024,
    "output_config": lambda it: bool(it) and it.keys() <= {"effort", "format"},
    "metadata": lambda it: it.keys() == {"user_id"},
    "service_tier": lambda it: it in ("auto", "standard_only"),
    "cache_control": lambda it: it["type"] == "ephemeral",
}
_REQUIRED = ("model", "max_tokens", "messages")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


def fault_in(headers: Mapping[str, str], body: dict[str, Any]) -> str | None:
    """The first thing wrong with a request, None where the API would take it."""
    for name, value in _HEADERS.items():
        if headers.get(name) != value:
            return f"{name}: must be {value}"
    if "authorization" in headers:
        return "authorization: beside x-api-key"
    for name in _REQUIRED:
        if name not in body:
            return f"{name}: Field required"
    for name, value in body.items():
        if name not in _FIELDS:
            return f"{name}: Extra inputs are not permitted"
        if not _FIELDS[name](value):
            return f"{name}: Input should be valid"
    return _fault_in_turns(body["messages"])


def _fault_in_turns(turns: list[dict[str, Any]]) -> str | None:
    asked: list[str] = []
    for index, turn in enumerate(turns):
        where = f"messages.{index}"
        if turn.keys() != {"role", "content"} or turn["role"] != ("user", "assistant")[index % 2]:
            return f"{where}: roles must alternate, the user's first"
        if not turn["content"]:
            return f"{where}: must have content"
        for block in turn["content"]:
            if block["type"] not in _BLOCKS or not _BLOCKS[block["type"]](block):
                return f"{where}: a block of type {block['type']!r} is not valid"
        if turn["role"] == "user" and (fault := _fault_in_results(turn["content"], asked)) is not None:
            return f"{where}: {fault}"
        asked = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and last.get("text", "").endswith((" ", "\n")):
        return "messages: final assistant content cannot end with trailing whitespace"
    return None


def _fault_in_results(blocks: list[dict[str, Any]], asked: list[str]) -> str | None:
    kinds = [block["type"] == "tool_result" for block in blocks]
    answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    if kinds != sorted(kinds, reverse=True):
        return "tool_result blocks must come first"
    return None if sorted(answered) == sorted(asked) else "each tool_use must have its tool_result in the next message"


def _is_text(block: dict[str, Any]) -> bool:
    return block.keys() - {"cache_control"} == {"type", "text"} and bool(block["text"].strip())


def _is_image(block: dict[str, Any]) -> bool:
    source = block["source"]
    if source["type"] == "url":
        return source["url"].startswith(("http://", "https://")) is True
    return source["media_type"] in ("image/jpeg", "image/png", "image/gif", "image/webp") and bool(source["data"])


def _is_use(block: dict[str, Any]) -> bool:
    keys = block.keys() == {"type", "id", "name", "input"}
    return keys and bool(_ID.fullmatch(block["id"])) and isinstance(block["input"], dict)


def _is_result(block: dict[str, Any]) -> bool:
    content = block.get("content", [])
    return bool(_ID.fullmatch(block["tool_use_id"])) and all(_BLOCKS[part["type"]](part) for part in content)


def _is_tool(tool: dict[str, Any]) -> bool:
    known = {"name", "description", "input_schema", "strict", "cache_control"}
    return tool.keys() <= known and bool(_ID.fullmatch(tool["name"])) and tool["input_schema"]["type"] == "object"


_BLOCKS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "text": _is_text,
    "image": _is_image,
    "document": lambda block: block["source"]["media_type"] == "application/pdf",
    "thinking": lambda block: block.keys() == {"type", "thinking", "signature"},
    "redacted_thinking": lambda block: block.keys() == {"type", "data"},
    "tool_use": _is_use,
    "tool_result": _is_result,
}
