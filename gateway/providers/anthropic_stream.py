"""A Messages event stream → the chunks of an OpenAI chat completion, event by event."""

from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from gateway.domain.errors import UpstreamInterruptedError, UpstreamInvalidAnswerError
from gateway.domain.usage import Usage
from gateway.providers.anthropic_answer import (
    StopDetails,
    WireBlock,
    WireMessage,
    WireUsage,
    arguments_of,
    finish_reason,
    refusal_of,
)
from gateway.providers.anthropic_errors import WireError, error_in_stream
from gateway.providers.sse import DONE, MAX_EVENT_BYTES
from gateway.providers.sse_framing import data_of, split_events

_COMMENT: Final = b": ping\n\n"
_IN_A_MESSAGE: Final = (
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
)


class _Delta(Struct):
    """What a block grows by; or, of the message, why it ended."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class _Event(Struct):
    type: str | None = None
    index: int = 0
    message: WireMessage | None = None
    content_block: WireBlock | None = None
    delta: _Delta | None = None
    usage: WireUsage | None = None
    error: WireError | None = None


class _OpenBlock:
    """A block under way. `call`: which of the answer's tool calls it is, None where it is none."""

    __slots__ = ("begun", "call", "has_arguments", "signature", "thinking")

    def __init__(self, begun: WireBlock, call: int | None) -> None:
        self.begun = begun
        self.call = call
        self.has_arguments = False
        self.thinking = [begun.thinking or ""]
        self.signature = begun.signature or ""


_decode: Final = msgspec.json.Decoder(_Event).decode


class MessageEvents:
    """Takes bytes as they come off the wire and gives chunks back.

    output_events  events with a piece of the answer in them
    has_finished   the answer is whole; only counts may follow
    is_done        `message_stop` has come

    The first chunk waits for the first piece of the answer: until something has left for the client another deployment
    may still answer, and an overloaded upstream says so right after `message_start`.
    """

    def __init__(self, deployment: str, *, created_s: float, wants_usage: bool) -> None:
        self._deployment = deployment
        self._created = int(created_s)
        self._wants_usage = wants_usage
        self._rest = b""
        self._head: dict[str, Any] | None = None
        self._has_shown = False
        self.has_finished = False
        self._blocks: dict[int, _OpenBlock] = {}
        self._calls = 0
        self._reported = WireUsage()
        self._is_counted = False
        self.output_events = 0
        self.is_done = False

    @property
    def usage(self) -> Usage | None:
        """As reported; of an answer cut short, its input as reported and its output estimated."""
        reported = self._reported.plain()
        if reported is None or self._is_counted:
            return reported
        output_tokens = max(reported.output_tokens, self.output_events)
        return msgspec.structs.replace(reported, output_tokens=output_tokens, estimated=True)

    def feed(self, data: bytes) -> bytes:
        """What the events completed by `data` are to the client. Raises UpstreamError."""
        events, self._rest = split_events(self._rest + data if self._rest else data)
        if len(self._rest) > MAX_EVENT_BYTES:
            raise UpstreamInvalidAnswerError(
                f"deployment {self._deployment!r} sent an event larger than {MAX_EVENT_BYTES} bytes"
            )
        return b"".join([self._read(event) for event in events if not self.is_done])

    def end(self) -> bytes:
        """What is still owed to the client at the end. Raises UpstreamInterruptedError for an answer cut short."""
        owed = b""
        if self._rest and not self.has_finished:
            rest, self._rest = self._rest, b""
            owed = self.feed(rest + b"\n\n")
        if self.is_done:
            return owed
        if not self.has_finished:
            raise self._broken("ended its stream before the answer was whole")
        return owed + self._close()

    def _read(self, raw: bytes) -> bytes:
        payload = data_of(raw)
        if payload is None:
            return self._ping()
        try:
            event = _decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            if self.has_finished:
                return b""
            raise self._broken("sent a malformed event") from exc
        if self.has_finished:
            return self._read_after(event)
        if event.type == "error" or event.error is not None:
            raise error_in_stream(self._deployment, event.error or WireError())
        if event.type in _IN_A_MESSAGE:
            return self._read_within(event)
        if event.type == "message_start":
            self._start(event.message or WireMessage())
        return self._ping() if event.type == "ping" else b""  # others may come at any time, to be passed over

    def _read_after(self, event: _Event) -> bytes:
        """Of a whole answer nothing is news but its counts and its end."""
        self._count(event.usage)
        return self._close() if event.type == "message_stop" else b""

    def _read_within(self, event: _Event) -> bytes:
        if self._head is None:
            raise self._broken("began its answer without 'message_start'")
        if event.type == "message_stop":
            return self._finish("tool_use" if self._calls else "end_turn") + self._close()
        if event.type == "content_block_stop":
            return self._stop(event.index)
        if event.type == "content_block_start" and event.content_block is not None:
            return self._open(event.index, event.content_block)
        if event.delta is None:
            raise self._broken("sent a malformed event")
        if event.type == "content_block_delta":
            return self._grow(event.index, event.delta)
        self._count(event.usage)
        return (
            b"" if event.delta.stop_reason is None else self._finish(event.delta.stop_reason, event.delta.stop_details)
        )

    def _ping(self) -> bytes:
        """A sign of life is none of an answer: one that has not begun stays silent."""
        return _COMMENT if self._has_shown else b""

    def _start(self, message: WireMessage) -> None:
        if self._head is not None:
            raise self._broken("began its answer twice")
        self._head = {
            "id": message.id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": message.model,
        }
        self._reported = message.usage or WireUsage()

    def _open(self, index: int, begun: WireBlock) -> bytes:
        call = None
        if begun.type == "tool_use":
            call, self._calls = self._calls, self._calls + 1
        self._blocks[index] = _OpenBlock(begun, call)
        if call is not None:
            function = {"name": begun.name, "arguments": ""}
            return self._piece(
                {"tool_calls": [{"index": call, "id": begun.id, "type": "function", "function": function}]}
            )
        if begun.type == "text" and begun.text:
            return self._piece({"content": begun.text})
        return self._piece({"reasoning_content": begun.thinking}) if begun.thinking else b""

    def _grow(self, index: int, delta: _Delta) -> bytes:
        block = self._blocks.get(index)
        if block is None:
            raise self._broken("went on with a block it had not begun")
        if delta.type == "text_delta" and delta.text:
            return self._piece({"content": delta.text})
        if delta.type == "thinking_delta" and delta.thinking:
            block.thinking.append(delta.thinking)
            return self._piece({"reasoning_content": delta.thinking})
        if delta.type == "signature_delta":
            block.signature = delta.signature or ""
        if delta.type == "input_json_delta" and delta.partial_json and block.call is not None:
            block.has_arguments = True
            return self._arguments(block.call, delta.partial_json)
        return b""

    def _stop(self, index: int) -> bytes:
        """A block is whole: the arguments nobody sent in pieces are due, and thinking with its signature."""
        block = self._blocks.pop(index, None)
        if block is None:
            return b""
        if block.call is not None:
            return b"" if block.has_arguments else self._arguments(block.call, arguments_of(block.begun.input))
        whole = msgspec.structs.replace(block.begun, thinking="".join(block.thinking), signature=block.signature)
        thought = whole.thought()
        return b"" if thought is None else self._chunk({"thinking_blocks": [thought]})

    def _count(self, usage: WireUsage | None) -> None:
        if usage is not None:
            self._reported = self._reported.updated(usage)
            self._is_counted = self._is_counted or usage.output_tokens is not None

    def _finish(self, stop_reason: str, details: StopDetails | None = None) -> bytes:
        owed = b"".join([self._stop(index) for index in tuple(self._blocks)])
        self.has_finished = True
        refusal = refusal_of(stop_reason, details)
        return owed + self._chunk({} if refusal is None else {"refusal": refusal}, finish_reason(stop_reason))

    def _close(self) -> bytes:
        self.is_done = True
        usage = self._reported.as_openai() if self._wants_usage else None
        return DONE if usage is None else _sse({**(self._head or {}), "choices": [], "usage": usage}) + DONE

    def _arguments(self, call: int, text: str) -> bytes:
        return self._piece({"tool_calls": [{"index": call, "function": {"arguments": text}}]})

    def _piece(self, delta: dict[str, Any]) -> bytes:
        self.output_events += 1
        return self._chunk(delta)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        opening = b""
        if not self._has_shown:
            self._has_shown = True
            opening = self._chunk({"role": "assistant", "content": ""})
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**(self._head or {}), "choices": [choice]}
        return opening + _sse({**chunk, "usage": None} if self._wants_usage else chunk)

    def _broken(self, how: str) -> UpstreamInterruptedError:
        return UpstreamInterruptedError(f"deployment {self._deployment!r} {how}")


def _sse(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
