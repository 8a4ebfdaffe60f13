"""Read an OpenAI event stream while passing it on: whole events, byte for byte, and what they say."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.errors import UpstreamInterruptedError, UpstreamInvalidAnswerError
from gateway.domain.pricing import Usage
from gateway.providers.openai_usage import WireUsage
from gateway.providers.sse_framing import data_of, split_events

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
DONE: Final = b"data: [DONE]\n\n"


class _Choice(Struct):
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode


class EventStream:
    """Takes bytes as they come off the wire and gives whole events back.

    usage          as reported, None until it is
    output_events  events with a choice in them
    is_done        `[DONE]` has come

    Comments ahead of the first event are kept back until it comes: they are no first token, and until something has
    left for the client another deployment may still answer.
    """

    __slots__ = (
        "_deployment",
        "_has_begun",
        "_has_finished",
        "_held",
        "_hides_usage",
        "_rest",
        "is_done",
        "output_events",
        "usage",
    )

    def __init__(self, deployment: str, *, hides_usage: bool) -> None:
        self._deployment = deployment
        self._hides_usage = hides_usage
        self._rest = b""
        self._held = b""
        self._has_begun = False
        self._has_finished = False
        self.usage: Usage | None = None
        self.output_events = 0
        self.is_done = False

    def feed(self, data: bytes) -> bytes:
        """The events completed by `data`, less the usage chunk where it is hidden. Raises UpstreamError."""
        data = self._rest + data if self._rest else data
        events, self._rest = split_events(data)
        if len(self._rest) > MAX_EVENT_BYTES:
            raise UpstreamInvalidAnswerError(
                f"deployment {self._deployment!r} sent an event larger than {MAX_EVENT_BYTES} bytes"
            )
        shown = [event for event in events if not self.is_done and self._read(event)]
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
            rest, self._rest = self._rest, b""
            owed = self.feed(rest + b"\n\n")
        if self.is_done:
            return owed
        if not self._has_finished:
            raise UpstreamInterruptedError(
                f"deployment {self._deployment!r} ended its stream before the answer was whole"
            )
        return owed + DONE

    def _read(self, event: bytes) -> bool:
        """Take in one event; False where it is not for the client."""
        payload = data_of(event)
        if payload is None:
            return True
        self._has_begun = True
        if payload == b"[DONE]":
            self.is_done = True
            return True
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise UpstreamInterruptedError(f"deployment {self._deployment!r} sent a malformed event") from exc
        if chunk.error:
            raise UpstreamInterruptedError(f"deployment {self._deployment!r} reported an error in its stream")
        if chunk.choices:
            self.output_events += 1
            if chunk.choices[0].finish_reason is not None:
                self._has_finished = True
        if chunk.usage is not None:
            self.usage = chunk.usage.plain()
            return bool(chunk.choices) or not self._hides_usage
        return True
