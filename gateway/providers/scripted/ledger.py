"""What the scripted upstream saw and billed, so that a test can hold the gateway's books against it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from gateway.providers.scripted.script import Outcome, Script

CALLS_KEPT = 10_000
REQUESTS_KEPT = 100
BODY_KEPT_BYTES = 1 << 20
MODELS_KEPT = 1_000
OTHER_MODELS = "(other)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model call that has ended. Times are `time.monotonic()`, which all processes of a Linux host share.

    completion_tokens   those written to the connection; fewer than the answer has where it was broken off
    request_id          the request's `x-request-id`, if it had one
    """

    model: str
    stream: bool
    prompt_tokens: int
    completion_tokens: int
    outcome: Outcome
    request_id: str | None
    started_s: float
    ended_s: float


@dataclass(slots=True)
class ModelTotal:
    """Sums over all calls of one model since the last reset, whether still listed or not."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came in: the head up to its blank line, the first MiB of the body, chunks joined."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        return self._request_line[0]

    @property
    def target(self) -> str:
        """Path and query, as sent."""
        return self._request_line[1]

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; of a repeated header the last value."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}

    def json(self) -> Any:  # a test's own assertions say what the shape is
        return orjson.loads(self.body)

    @property
    def _request_line(self) -> list[str]:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")


class UpstreamLedger:
    """The latest calls, the totals per model and the latest raw requests, all bounded.

    Written by the server's event loop with next to no work per call: rows are kept raw and read lazily.
    Reading from another thread is safe; each read is a snapshot.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[Script, bytes, float, float, int, Outcome]] = deque(maxlen=CALLS_KEPT)
        self._received: deque[tuple[bytes, bytes]] = deque(maxlen=REQUESTS_KEPT)
        self._totals: dict[str, ModelTotal] = {}
        self._since_s = 0.0

    @property
    def calls(self) -> tuple[Call, ...]:
        """The latest calls that have ended, oldest first."""
        return tuple(_call(*row) for row in tuple(self._calls))

    @property
    def received(self) -> tuple[ReceivedRequest, ...]:
        """The latest requests, oldest first; those to the ledger itself are left out."""
        return tuple(ReceivedRequest(head, body) for head, body in tuple(self._received))

    @property
    def last_received(self) -> ReceivedRequest:
        """Raises IndexError if there was none."""
        return ReceivedRequest(*self._received[-1])

    @property
    def totals(self) -> dict[str, ModelTotal]:
        """By model as requested. From the thousand-and-first model on they are summed up as `(other)`."""
        return dict(self._totals)

    def wait_for_calls(self, count: int, *, timeout_s: float = 5.0) -> tuple[Call, ...]:
        """Block until `count` calls have ended since the last reset, and return the latest.

        Not for the thread that serves. Raises TimeoutError.
        """
        deadline_s = time.monotonic() + timeout_s
        while sum(total.calls for total in tuple(self._totals.values())) < count:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the scripted upstream's ledger has {len(self._calls)} calls, not {count}")
            time.sleep(0.001)
        return self.calls

    def receive(self, head: bytes, body: bytes) -> None:
        self._received.append((head, body[:BODY_KEPT_BYTES]))

    def record(self, script: Script, head: bytes, started_s: float, completion_tokens: int, outcome: Outcome) -> None:
        """Book a call that ends now; a script without a model is no call, and one begun before a reset is forgotten."""
        model = script.model
        if model is None or started_s < self._since_s:
            return
        self._calls.append((script, head, started_s, time.monotonic(), completion_tokens, outcome))
        total = self._totals.get(model)
        if total is None:
            total = self._totals.setdefault(model if len(self._totals) < MODELS_KEPT else OTHER_MODELS, ModelTotal())
        total.prompt_tokens += script.prompt_tokens
        total.completion_tokens += completion_tokens
        total.calls += 1

    def reset(self) -> None:
        """Forget all calls, those under way among them."""
        self._since_s = time.monotonic()
        self._calls.clear()
        self._received.clear()
        self._totals.clear()

    def as_json(self) -> bytes:
        """`{"models": {NAME: totals}, "calls": [...]}`, the body of `GET /ledger`."""
        return orjson.dumps(
            {
                "models": {name: asdict(total) for name, total in self._totals.items()},
                "calls": [asdict(call) for call in self.calls],
            }
        )


def _call(  # noqa: PLR0917 (a row of the ledger, in its order)
    script: Script, head: bytes, started_s: float, ended_s: float, completion_tokens: int, outcome: Outcome
) -> Call:
    return Call(
        model=script.model or "",
        stream=script.stream,
        prompt_tokens=script.prompt_tokens,
        completion_tokens=completion_tokens,
        outcome=outcome,
        request_id=ReceivedRequest(head, b"").headers.get("x-request-id"),
        started_s=started_s,
        ended_s=ended_s,
    )
