"""The messages of an OpenAI chat → the `system` and `messages` of Anthropic's Messages API.

Instructions go to `system`, wherever in the conversation they stand. What one side says in a row becomes one turn, in
which the results of tools stand first, as the API demands. Text without a visible character is left out: the API takes
none. `name`, which the API has no place for, and an image's `detail` are left out too.
"""

import re
from typing import Any, Final

import orjson

from gateway.domain.errors import UpstreamRejectedError

Block = dict[str, Any]

_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_IMAGES: Final = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_THINKING: Final = ("thinking", "redacted_thinking")


def refused(param: str, why: str) -> UpstreamRejectedError:
    """A request the API has no way to say; nothing was sent."""
    return UpstreamRejectedError(f"an Anthropic deployment cannot serve this: {param!r} {why}", status=400, param=param)


def conversation(messages: list[Block]) -> tuple[list[Block], list[Block]]:
    """The blocks of `system`, and the turns. Raises UpstreamRejectedError for what has no counterpart."""
    system: list[Block] = []
    turns: list[Block] = []
    for index, message in enumerate(messages):
        where, role = f"messages[{index}]", message.get("role")
        if role in ("system", "developer"):
            system += _texts(message, where)
        elif role == "assistant":
            _say(turns, "assistant", _assistant(message, where))
        elif role == "tool":
            _say(turns, "user", [_result(message, where)])
        elif role == "user":
            _say(turns, "user", _parts(message.get("content"), f"{where}.content"))
        else:
            raise refused(f"{where}.role", "must be system, developer, user, assistant or tool")
    if not turns:  # instructions alone are a request; the API wants a turn
        system, turns = [], [{"role": "user", "content": system}]
    if not turns[0]["content"]:
        raise refused("messages", "hold nothing that could be answered")
    _tidy(turns)
    return system, turns


def _say(turns: list[Block], role: str, blocks: list[Block]) -> None:
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _tidy(turns: list[Block]) -> None:
    """Results of tools first in their turn; no white space at the end of an answer that is to be continued."""
    for turn in turns:
        turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and last["type"] == "text":
        last["text"] = last["text"].rstrip()


def _assistant(message: Block, where: str) -> list[Block]:
    for name in ("function_call", "audio"):
        if message.get(name) is not None:
            raise refused(f"{where}.{name}", "has no counterpart there; leave it out")
    thoughts = message.get("thinking_blocks") or []
    if not isinstance(thoughts, list) or not all(
        isinstance(it, dict) and it.get("type") in _THINKING for it in thoughts
    ):
        raise refused(f"{where}.thinking_blocks", "must be those of an earlier answer")
    calls = enumerate(message.get("tool_calls") or ())
    said = [*_texts(message, where), *(_call(call, f"{where}.tool_calls[{index}]") for index, call in calls)]
    return [*thoughts, *said]


def _call(call: Any, where: str) -> Block:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(call.get("id"), str):
        raise refused(where, "must be a call of a function, with its id")
    arguments = function.get("arguments") or "{}"
    try:
        given = orjson.loads(arguments)
    except orjson.JSONDecodeError as exc:
        raise refused(f"{where}.function.arguments", "must be JSON") from exc
    if not isinstance(given, dict):
        raise refused(f"{where}.function.arguments", "must be a JSON object")
    return {"type": "tool_use", "id": _id(call["id"]), "name": function.get("name"), "input": given}


def _result(message: Block, where: str) -> Block:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str):
        raise refused(f"{where}.tool_call_id", "must name the call it answers")
    block: Block = {"type": "tool_result", "tool_use_id": _id(call_id)}
    if content := _parts(message.get("content"), f"{where}.content"):
        block["content"] = content
    return block


def _id(call_id: str) -> str:
    """A call's id as the API takes it; other providers' hold dots and colons."""
    return _NO_ID.sub("_", call_id)


def _texts(message: Block, where: str) -> list[Block]:
    """The text of a message that may hold nothing else."""
    blocks = _parts(message.get("content"), f"{where}.content")
    if any(block["type"] != "text" for block in blocks):
        raise refused(f"{where}.content", f"must be text in a message of the {message.get('role')}")
    return blocks


def _parts(content: Any, where: str) -> list[Block]:
    if not content:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    blocks = []
    for index, part in enumerate(content):
        block = _part(part, f"{where}[{index}]")
        if block["type"] == "text" and not block["text"].strip():
            continue
        if "cache_control" in part:
            block["cache_control"] = part["cache_control"]
        blocks.append(block)
    return blocks


def _part(part: Block, where: str) -> Block:
    kind = part.get("type")
    held = part.get(kind) if isinstance(kind, str) else None
    if kind in ("text", "refusal") and isinstance(held, str):
        return {"type": "text", "text": held}
    if kind == "image_url" and isinstance(held, dict) and isinstance(held.get("url"), str):
        return {"type": "image", "source": _image(held["url"], f"{where}.image_url.url")}
    if kind == "file" and isinstance(held, dict) and isinstance(held.get("file_data"), str):
        return _document(held, f"{where}.file.file_data")
    raise refused(where, "must be a text, an image_url or a file with its file_data")


def _image(url: str, where: str) -> Block:
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    source = _base64(url)
    if source is None or source["media_type"] not in _IMAGES:
        raise refused(where, "must be an https:// URL or a base64 data: URL of a JPEG, PNG, GIF or WebP image")
    return source


def _document(file: Block, where: str) -> Block:
    source = _base64(file["file_data"])
    if source is None or source["media_type"] != "application/pdf":
        raise refused(where, "must be a base64 data: URL of a PDF")
    name = file.get("filename")
    return {"type": "document", "source": source, **({"title": name} if isinstance(name, str) and name else {})}


def _base64(url: str) -> Block | None:
    """The source in a base64 data: URL, None where it is no such URL."""
    head, comma, data = url.partition(",")
    media_type, marker, encoding = head.removeprefix("data:").lower().partition(";")
    if not (head[:5].lower() == "data:" and comma and marker and encoding == "base64"):
        return None
    return {"type": "base64", "media_type": media_type.replace("image/jpg", "image/jpeg"), "data": data}
