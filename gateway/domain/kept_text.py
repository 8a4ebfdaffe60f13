"""What is kept of a request's messages and its answer where the policy asks for it: redacted, and bounded."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.answer import Answer, ToolCall
from gateway.domain.chat_answer import answer_of, streamed_answer
from gateway.domain.request import ChatRequest
from gateway.domain.text_redaction import MARGIN_BYTES, parted, redacted

_DAY_S: Final = 86_400
_BYTES_AROUND: Final = 32
"""What a message or a call counts beside its text, so that very many empty ones are bounded too."""
_MOST_TOOLS: Final = 128
_LONGEST_NAME: Final = 128
_PARTS: Final = {"image_url": "[image]", "input_audio": "[audio]", "file": "[file]"}
_OTHER_PART: Final = "[part]"


class KeptMessage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message. `text`: its parts on lines of their own, a marker for what is no text; `calls`: of tools."""

    role: str
    text: str
    calls: tuple[ToolCall, ...] = ()


class Conversation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The latest messages of a request, in their order, and the names of the tools it offers."""

    messages: tuple[KeptMessage, ...]
    tools: tuple[str, ...] = ()


class Said(Struct, frozen=True, kw_only=True):
    """What was asked and answered, word for word: in memory only, never written, and never shown.

    received_at  Unix time in seconds
    delivered    the body that the client was given, or the events of its stream; empty where there are none
    is_cut       there was more
    most_bytes   of the messages' text, and of the answer's
    """

    request_id: str
    received_at: float
    team: str
    conversation: Conversation
    delivered: bytes
    is_stream: bool
    is_cut: bool
    most_bytes: int
    days: int

    @property
    def size(self) -> int:
        """About what it takes in memory, in bytes."""
        texts = (piece for message in self.conversation.messages for piece in _pieces(message))
        return len(self.delivered) + sum(map(len, texts))

    def __repr__(self) -> str:
        return f"Said({self.request_id!r})"


class KeptText(Struct, frozen=True, kw_only=True):
    """What is stored of it. Times are Unix seconds.

    answer     None: none was given, or answers are not kept
    truncated  there was more
    """

    request_id: str
    received_at: float
    team: str
    request: Conversation
    answer: str | None
    truncated: bool
    expires_at: float


def conversation_of(request: ChatRequest, most_bytes: int) -> tuple[Conversation, bool]:
    """The latest messages, word for word, a little more than so many bytes; and whether there are more.

    Copies references where it can: it runs while requests wait.
    """
    room = most_bytes
    kept: list[KeptMessage] = []
    messages = request.payload["messages"]
    for message in reversed(messages):
        if room <= 0:
            break
        kept.append(_message(message, room + MARGIN_BYTES))
        room -= _size(kept[-1])
    tools = tuple(name[:_LONGEST_NAME] for name in request.tool_names[:_MOST_TOOLS])
    return Conversation(messages=tuple(reversed(kept)), tools=tools), len(kept) < len(messages)


def kept_text(said: Said) -> KeptText:
    """What may be stored: no detector finds a secret, or personal data that have a form, in any or all of it."""
    is_cut = said.is_cut
    room = said.most_bytes
    messages: list[KeptMessage] = []
    for message in reversed(said.conversation.messages):
        clean, is_shorter = _redacted(message, max(room, 0))
        messages.append(clean)
        is_cut = is_cut or is_shorter
        room -= _size(message)
    answer = None
    if said.delivered:
        answer, is_shorter = redacted(_told(said), said.most_bytes)
        is_cut = is_cut or is_shorter
    tools = [redacted(name, _LONGEST_NAME)[0] for name in said.conversation.tools]
    request, answer = _parted(Conversation(messages=tuple(reversed(messages)), tools=tuple(tools)), answer)
    return KeptText(
        request_id=said.request_id,
        received_at=said.received_at,
        team=said.team,
        request=request,
        answer=answer,
        truncated=is_cut,
        expires_at=said.received_at + said.days * _DAY_S,
    )


def _message(message: Mapping[str, Any], most_chars: int) -> KeptMessage:
    """Of OpenAI's chat format, validated when it was read."""
    text = _text(message.get("content") or message.get("refusal"), most_chars)
    held = [*(message.get("tool_calls") or ()), {"function": message.get("function_call")}]
    calls = []
    left = most_chars - len(text)
    for call in filter(None, map(_call, held)):
        if left <= 0:
            break
        calls.append(ToolCall(name=call.name, arguments=call.arguments[:left]))
        left -= len(call.arguments) + _BYTES_AROUND
    return KeptMessage(role=message["role"], text=text, calls=tuple(calls))


def _text(content: Any, most_chars: int) -> str:
    if isinstance(content, str):
        return content[:most_chars]
    texts: list[str] = []
    left = most_chars
    for part in content if isinstance(content, list) else ():
        if left <= 0:
            break
        text = next((part[name] for name in ("text", "refusal") if isinstance(part.get(name), str)), None)
        kind = part.get("type")
        texts.append((text if text is not None else _PARTS.get(str(kind), _OTHER_PART))[:left])
        left -= len(texts[-1]) + 1
    return "\n".join(texts)


def _call(call: Any) -> ToolCall | None:
    held = (call.get("function") or call.get("custom")) if isinstance(call, dict) else None
    if not isinstance(held, dict):
        return None
    name, given = held.get("name"), held.get("arguments") or held.get("input") or ""
    arguments = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    return ToolCall(name=name[:_LONGEST_NAME] if isinstance(name, str) else "", arguments=arguments)


def _redacted(message: KeptMessage, room: int) -> tuple[KeptMessage, bool]:
    text, is_cut = redacted(message.text, room)
    room -= _bytes(message.text)
    calls = []
    for call in message.calls:
        if room <= 0:
            is_cut = True
            break
        arguments, is_shorter = redacted(call.arguments, room)
        calls.append(ToolCall(name=redacted(call.name, _LONGEST_NAME)[0], arguments=arguments))
        room -= _bytes(call.arguments) + _BYTES_AROUND
        is_cut = is_cut or is_shorter
    return KeptMessage(role=message.role, text=text, calls=tuple(calls)), is_cut


def _told(said: Said) -> str:
    """The answer as one text: what it says, its refusal, and the tools it calls."""
    answer: Answer = (streamed_answer if said.is_stream else answer_of)(said.delivered)
    calls = [f"{call.name}({call.arguments})" for call in answer.tool_calls]
    return "\n".join(filter(None, (answer.text, answer.refusal, *calls)))


def _parted(request: Conversation, answer: str | None) -> tuple[Conversation, str | None]:
    """The same, without what two texts hold only together."""
    pieces = [*request.tools, *(piece for message in request.messages for piece in _pieces(message))]
    clean = iter(parted([*pieces, *([] if answer is None else [answer])]))
    tools = tuple(islice(clean, len(request.tools)))
    messages = tuple(
        KeptMessage(
            role=message.role,
            text=next(clean),
            calls=tuple(ToolCall(name=next(clean), arguments=next(clean)) for _ in message.calls),
        )
        for message in request.messages
    )
    return Conversation(messages=messages, tools=tools), None if answer is None else next(clean)


def _pieces(message: KeptMessage) -> Iterator[str]:
    yield message.text
    for call in message.calls:
        yield call.name
        yield call.arguments


def _size(message: KeptMessage) -> int:
    """What a message counts, in bytes."""
    calls = sum(_bytes(call.arguments) + _BYTES_AROUND for call in message.calls)
    return _bytes(message.text) + calls + _BYTES_AROUND


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
