"""What the scripted upstream does for one request, as a value: writes, waits, an ending, and the bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import responses
from typing import Literal

import orjson

Json = dict[str, object]

Outcome = Literal["completed", "cut", "client_closed", "error"]
"""How a call ended for the upstream. `cut`: it broke off; `client_closed`: the gateway hung up first."""

Ending = Literal["keep", "close", "reset", "stale", "hang"]
"""What becomes of the connection: kept, closed (FIN), reset (RST), reset when used again, or left silent."""

SETTLE_S = 0.02
"""Wait before a reset: lets the client read what was written, for a RST throws away what is buffered."""


@dataclass(frozen=True, slots=True)
class Step:
    """Wait, then write. `tokens` are the completion tokens that reach the client with this write."""

    data: bytes
    tokens: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The whole reaction to one request.

    model           None: not a model call (model list, ledger), so the ledger gets no row
    prompt_tokens   billed whichever way the call ends
    outcome         what the ledger says when the script was played to its end
    at_once         the bytes of a script that is one write without a wait on a kept connection, else None
    """

    steps: tuple[Step, ...]
    ending: Ending = "keep"
    model: str | None = None
    stream: bool = False
    prompt_tokens: int = 0
    outcome: Outcome = "completed"
    at_once: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        single = self.ending == "keep" and len(self.steps) == 1 and not self.steps[0].wait_s
        object.__setattr__(self, "at_once", self.steps[0].data if single else None)

    @property
    def completion_tokens(self) -> int:
        return sum(step.tokens for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Scripts played in turn to the calls of one model; then from the first again, or the last for ever."""

    scripts: tuple[Script, ...]
    starts_over: bool

    def script(self, earlier_calls: int) -> Script:
        if self.starts_over:
            return self.scripts[earlier_calls % len(self.scripts)]
        return self.scripts[min(earlier_calls, len(self.scripts) - 1)]


def http_head(status: int, headers: Mapping[str, str]) -> bytes:
    """A response head. It has no Date and a constant request id: equal requests get equal bytes."""
    reason = responses.get(status, "Scripted")
    fields = {"Server": "sizewise-scripted-upstream", "X-Request-Id": "req-scripted", **headers}
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def http_reply(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A complete response with a Content-Length."""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    return http_head(status, fields) + body


def http_chunk(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def error_body(message: str, kind: str, code: str | None = None, param: str | None = None) -> bytes:
    """An error in OpenAI's shape: all four keys, always."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def after(steps: Sequence[Step], wait_s: float) -> tuple[Step, ...]:
    """The same steps, the first of them `wait_s` later."""
    first = steps[0]
    return (Step(first.data, first.tokens, first.wait_s + wait_s), *steps[1:])
