"""Time to the first token: one streamed request after the other over one connection, without load."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from gateway.cli.benchmark.cores import pinned
from gateway.cli.benchmark.errors import BenchmarkError
from gateway.cli.benchmark.wire import Request, Wire

REQUESTS = 200
_WARM_UP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """From the sending of the request to the first byte of the answer's body."""

    p50_ms: float
    p99_ms: float


def probe(name: str, request: Request, *, requests: int = REQUESTS, core: int | None) -> FirstToken:
    """Raises BenchmarkError for an answer that is not a 200."""
    encoded = request.encoded()
    times_s = []
    with pinned(core), Wire(request.port) as wire:
        for _ in range(_WARM_UP + requests):
            answer = wire.ask(encoded)
            if answer.status != 200:
                raise BenchmarkError(f"{name!r} answered a probe with status {answer.status}")
            times_s.append(answer.first_byte_s)
    return summarised(times_s[_WARM_UP:])


def summarised(times_s: Sequence[float]) -> FirstToken:
    cuts = quantiles(times_s, n=100, method="inclusive")
    return FirstToken(p50_ms=cuts[49] * 1e3, p99_ms=cuts[98] * 1e3)
