"""Read an OpenAI event stream while passing it on: whole events, byte for byte, and what they say."""

from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from gateway.domain.errors import UpstreamInterruptedError, UpstreamInvalidAnswerError
from gateway.domain.usage import Usage
from gateway.providers.openai_usage import WireUsage
from gateway.providers.sse_framing import BLANK_LINE, data_of, split_events

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
DONE: Final = b"data: [DONE]\n\n"

_BLANK_LINE_BYTES: Final = 4


class _Choice(Struct):
    finish_reason: str | None = None
    index: int | None = 0


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    service_tier: Any = None


class _Delta(Struct):
    content: Any = None
    tool_calls: Any = None


class _LateChoice(Struct):
    delta: _Delta | None = None


class _LateChunk(Struct):
    choices: list[_LateChoice]


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_decode_late: Final = msgspec.json.Decoder(_LateChunk).decode
_MALFORMED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class EventStream:
    """Takes bytes as they come off the wire and gives whole events back.

    usage          as reported, None until it is
    output_events  events with a choice in them
    is_done        `[DONE]` has come
    dropped        events that came after the end of the answer, or of their choice, and were not passed on

    What comes ahead of the first choice (comments, Azure's opening) is kept back until it comes: it is no first token,
    and until something has left for the client another deployment may still answer.

    A client that asks for usage gets it once, in a chunk of its own and last, wherever the upstream says it: clients
    keep the latest they saw, or add up all.
    """

    __slots__ = (
        "_begun",
        "_deployment",
        "_finished",
        "_has_begun",
        "_has_chunks",
        "_held",
        "_hides_usage",
        "_rest",
        "_rest_bytes",
        "_tail",
        "_usage_event",
        "dropped",
        "is_done",
        "output_events",
        "usage",
    )

    def __init__(self, deployment: str, *, hides_usage: bool) -> None:
        self._deployment = deployment
        self._hides_usage = hides_usage
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._tail = b""
        self._held = b""
        self._usage_event = b""
        self._has_chunks = False
        self._has_begun = False
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self.usage: Usage | None = None
        self.output_events = 0
        self.is_done = False
        self.dropped = 0

    @property
    def has_finished(self) -> bool:
        """Each choice that was begun has had its `finish_reason`."""
        return bool(self._finished) and self._begun <= self._finished

    def feed(self, data: bytes) -> bytes:
        """The events completed by `data`, as they are for the client. Raises UpstreamError."""
        if self._rest:
            data = self._joined(data)
        events, rest = split_events(data) if data else ([], b"")
        if rest:
            self._keep(rest)
        shown = [bytes_out for event in events if (bytes_out := self._read(event))]
        ready = self._held + (shown[0] if len(shown) == 1 else b"".join(shown))
        if self._has_begun:
            self._held = b""
            return ready
        self._held = ready
        return b""

    def end(self) -> bytes:
        """What is still owed to the client at the end. Raises UpstreamInterruptedError for an answer cut short."""
        owed = b""
        if self._rest and not self.is_done:
            owed = self.feed(b"\n\n")
        if self.is_done:
            return owed
        if not self.has_finished:
            raise UpstreamInterruptedError(
                f"deployment {self._deployment!r} ended its stream before the answer was whole"
            )
        return owed + self._usage_event + DONE

    def _joined(self, data: bytes) -> bytes:
        """`data` with what was kept before it, if an event may end in it; else it is kept too.

        Nothing is looked at twice, in however small pieces an event comes.
        """
        if BLANK_LINE.search(self._tail + data) is None:
            self._keep(data)
            return b""
        data = b"".join((*self._rest, data))
        self._rest = []
        self._rest_bytes = 0
        self._tail = b""
        return data

    def _keep(self, rest: bytes) -> None:
        self._rest.append(rest)
        self._tail = (self._tail + rest)[1 - _BLANK_LINE_BYTES :]
        self._rest_bytes += len(rest)
        if self._rest_bytes > MAX_EVENT_BYTES:
            raise UpstreamInvalidAnswerError(
                f"deployment {self._deployment!r} sent an event larger than {MAX_EVENT_BYTES} bytes"
            )

    def _read(self, event: bytes) -> bytes:
        """Take in one event; returns what of it is for the client now."""
        payload = data_of(event)
        if self.is_done:
            self.dropped += payload is not None
            return b""
        if payload is None and self._usage_event:
            self._usage_event += event  # in its place, after what is kept for the end
            return b""
        if payload is None:
            return event
        if payload == b"[DONE]":
            return self._finish(event)
        try:
            chunk = _decode_chunk(payload)
        except _MALFORMED as exc:
            raise UpstreamInterruptedError(f"deployment {self._deployment!r} sent a malformed event") from exc
        if chunk.error:
            raise UpstreamInterruptedError(f"deployment {self._deployment!r} reported an error in its stream")
        self._has_chunks = True
        if chunk.choices and not self._count(chunk.choices, payload):
            event = b""
        return event if chunk.usage is None else self._without_usage(chunk, event, payload)

    def _finish(self, event: bytes) -> bytes:
        if not self._has_chunks:
            raise UpstreamInvalidAnswerError(f"deployment {self._deployment!r} ended its stream without an answer")
        self._has_begun = self.is_done = True
        return self._usage_event + event

    def _count(self, choices: list[_Choice], payload: bytes) -> bool:
        """Note which choices a chunk begins and finishes; False for content that comes after its choice's finish."""
        self._has_begun = True
        if (
            self._finished
            and all((choice.index or 0) in self._finished for choice in choices)
            and _has_content(payload)
        ):
            self.dropped += 1
            return False
        self.output_events += 1
        for choice in choices:
            self._begun.add(choice.index or 0)
            if choice.finish_reason is not None:
                self._finished.add(choice.index or 0)
        return True

    def _without_usage(self, chunk: _Chunk, event: bytes, payload: bytes) -> bytes:
        """Take the usage out of a chunk that carries some, and keep it for the end where the client wants it."""
        self.usage = None if chunk.usage is None else chunk.usage.plain(chunk.service_tier)
        if self._hides_usage:
            return event if chunk.choices else b""
        if not chunk.choices:
            self._usage_event = event
            return b""
        try:
            whole = orjson.loads(payload)
        except orjson.JSONDecodeError:  # stricter than what read it first; the client may be lenient as well
            return event
        self._usage_event = _event({**whole, "choices": []})
        return _event({**whole, "usage": None}) if event else b""


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(payload)


def _has_content(payload: bytes) -> bool:
    try:
        choices = _decode_late(payload).choices
    except msgspec.MsgspecError:  # an odd delta is the client's to make sense of
        return False
    return any(choice.delta is not None and (choice.delta.content or choice.delta.tool_calls) for choice in choices)
