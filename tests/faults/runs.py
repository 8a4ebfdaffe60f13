"""A run: healthy traffic, a fault, healthy traffic again; then both sides' ledgers are held against each other."""

import http.client
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from gateway.domain.record import RequestRecord
from gateway.providers.scripted import ScriptedUpstream
from tests.faults.ledgers import Footprint, footprint, hold_invariants
from tests.gateway_process import DEADLINE_S, KEY, GatewayProcess, Reply, eventually, read_reply

Figure = float | int | str

HEALTHY_REQUESTS = 12
"""Before the fault, and as many after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the runs of a module share.

    reference     answers like the upstream, and is asked only to compare
    provider_key  a canary: sent to upstreams, to be seen nowhere else
    """

    gateway: GatewayProcess
    upstream: ScriptedUpstream
    reference: ScriptedUpstream
    directory: Path
    provider_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request of a client and what became of it. `first_byte_s`, `total_s`: from its sending."""

    payload: Mapping[str, Any]
    reply: Reply
    first_byte_s: float
    total_s: float
    is_exact: bool

    @property
    def id(self) -> str:
        return self.reply.headers["x-request-id"]

    @property
    def error_code(self) -> str | None:
        """Of an error answer, or of the error event that ends a stream."""
        _, mark, error = self.reply.body.rpartition(b'{"error":')
        return str(json.loads(mark + error)["error"]["code"]) if mark else None


@dataclass(slots=True, kw_only=True)
class FaultRun:
    """Asks the gateway and remembers every request.

    marker    a canary: in every prompt, to be kept nowhere
    measured  name → figure, for the report
    """

    world: World
    marker: str = field(default_factory=lambda: f"marker-{uuid4().hex}")
    asked: list[Asked] = field(default_factory=list)
    measured: dict[str, Figure] = field(default_factory=dict)

    def ask(
        self,
        alias: str,
        *,
        stream: bool = False,
        path: str = "/v1/chat/completions",
        is_exact: bool = True,
        **fields: Any,
    ) -> Asked:
        """Send one request. `is_exact`: what is streamed must be a prefix of the upstream's bytes."""
        payload = {"model": alias, "messages": [{"role": "user", "content": f"hi {self.marker}"}], **fields}
        if stream:
            payload["stream"] = True
            if path == "/v1/chat/completions":
                payload.setdefault("stream_options", {"include_usage": True})
        asked = _exchange(self.world.gateway, path, payload, is_exact and path == "/v1/chat/completions")
        self.asked.append(asked)
        return asked

    def record(self, asked: Asked) -> RequestRecord:
        return self.world.gateway.record(asked.id)

    def measure(self, **figures: Figure) -> None:
        self.measured |= {
            name: round(value, 1) if isinstance(value, float) else value for name, value in figures.items()
        }

    def healthy(self) -> list[Asked]:
        asked = [self.ask("healthy", stream=number % 2 == 1) for number in range(HEALTHY_REQUESTS)]
        assert [each.reply.status for each in asked] == [200] * HEALTHY_REQUESTS
        return asked

    def overheads_ms(self, asked: list[Asked]) -> list[float]:
        return sorted(self.record(each).overhead_ms for each in asked)


def warm_up(world: World) -> None:
    """What a process loads with its first requests belongs to no fault."""
    for _ in range(3):
        FaultRun(world=world).healthy()


@contextmanager
def fault_run(world: World, measured: dict[str, Figure], *, kept_fds: int = 1) -> Iterator[FaultRun]:
    """Healthy traffic before the block and after it, then every invariant.

    kept_fds  connections of the block that stay in the pool, beyond the one that healthy traffic keeps
    """
    world.upstream.ledger.reset()
    run = FaultRun(world=world, measured=measured)
    before_ms = run.overheads_ms(run.healthy())
    before = footprint(world.gateway)
    yield run
    recovered_s = time.monotonic()
    after_ms = run.overheads_ms(run.healthy())
    _assert_footprint(world, before, kept_fds)
    _assert_overhead(run, before_ms, after_ms)
    records = eventually(lambda: _records(run), "a record for each request, and no other")
    hold_invariants(
        records,
        run.asked,
        world.upstream,
        world.reference,
        world.directory,
        world.gateway,
        (world.provider_key, run.marker),
    )
    run.measure(
        requests=len(run.asked),
        upstream_calls=len(world.upstream.ledger.calls),
        records=len(records),
        recovered_ms=(time.monotonic() - recovered_s) * 1e3,
    )


def _exchange(gateway: GatewayProcess, path: str, payload: Mapping[str, Any], is_exact: bool) -> Asked:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=DEADLINE_S)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    try:
        started_s = time.monotonic()
        connection.request("POST", path, orjson.dumps(payload), headers)
        response = connection.getresponse()
        first_byte_s = time.monotonic() - started_s
        reply = read_reply(response)
        total_s = time.monotonic() - started_s
    finally:
        connection.close()
    return Asked(payload=payload, reply=reply, first_byte_s=first_byte_s, total_s=total_s, is_exact=is_exact)


def _records(run: FaultRun) -> list[RequestRecord] | None:
    """The latest records, if they are those of the run and of nothing else (I1)."""
    records = run.world.gateway.records(len(run.asked))
    wanted = {asked.id for asked in run.asked}
    assert len(wanted) == len(run.asked)
    return records if {record.id for record in records} == wanted else None


def _assert_footprint(world: World, before: Footprint, kept_fds: int) -> None:
    """I7: descriptors, threads and memory are back at where they were."""
    eventually(
        lambda: footprint(world.gateway).is_back_at(before, kept_fds) or None,
        f"the footprint of before, {before} (I7; {footprint(world.gateway)} now)",
        30.0,
    )


def _assert_overhead(run: FaultRun, before_ms: list[float], after_ms: list[float]) -> None:
    """I7: requests take as long as before; a noisy machine gets until 30 s after the fault to show it."""
    limit_ms = (statistics.median(before_ms) * 3 + 3, before_ms[-1] * 3 + 25)
    until_s = time.monotonic() + 30
    while statistics.median(after_ms) > limit_ms[0] or after_ms[-1] > limit_ms[1]:
        assert time.monotonic() < until_s, f"overhead is {after_ms} ms, and was {before_ms} ms (I7)"
        after_ms = run.overheads_ms(run.healthy())
    run.measure(p50_before_ms=statistics.median(before_ms), p50_after_ms=statistics.median(after_ms))
