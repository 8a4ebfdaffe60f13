"""The invariants of the fault catalogue, on both sides: what clients saw, the records, the upstream's ledger."""

import http.client
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.providers.scripted import Call, ScriptedUpstream
from tests.faults.policies import INPUT_NANO_USD, OUTPUT_NANO_USD
from tests.gateway_process import DEADLINE_S, GatewayProcess

if TYPE_CHECKING:
    from tests.faults.runs import Asked

MOST_CALLS_A_REQUEST = 1.2
RSS_SLACK_MB = 24.0
MOST_RESOLVERS = (os.cpu_count() or 1) + 4
"""asyncio looks host names up in a pool of so many threads, which then stays."""
SPARE_TASKS = 2
"""The scrape that counts them, and one that is about to end."""
UPSTREAMS_SECRET = b"sk-scripted-canary"
"""The beginning of a key that the scripted upstream quotes in its 401 and 403 answers."""

_DONE = b"data: [DONE]\n\n"
_ERROR = b'data: {"error":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a process holds, read from /proc; its tasks, from its metrics."""

    fds: int
    threads: int
    tasks: int
    rss_mb: float

    def is_back_at(self, before: "Footprint", kept_fds: int) -> bool:
        return (
            self.fds <= before.fds + kept_fds
            and self.threads <= before.threads + MOST_RESOLVERS
            and self.tasks <= before.tasks + SPARE_TASKS
            and self.rss_mb <= before.rss_mb + RSS_SLACK_MB
        )


def footprint(gateway: GatewayProcess) -> Footprint:
    process = Path(f"/proc/{gateway.process.pid}")
    metrics = gateway.admin("/metrics").body.decode()
    return Footprint(
        tasks=int(float(metrics.partition("\nsizewise_tasks ")[2].split()[0])),
        fds=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        rss_mb=gateway.rss_mb(),
    )


def hold_invariants(
    records: Sequence[RequestRecord],
    asked: Sequence["Asked"],
    upstream: ScriptedUpstream,
    reference: ScriptedUpstream,
    directory: Path,
    gateway: GatewayProcess,
    canaries: tuple[str, str],
) -> None:
    """I2 and I4 to I6; I1 is in how `records` were found, I7 is a matter of before and after."""
    calls = upstream.ledger.calls
    attempts = [attempt for record in records for attempt in record.attempts]
    assert_costs(attempts, calls)
    for record in records:
        assert_sum(record)
    by_id = {record.id: record for record in records}
    for each in asked:
        if each.is_exact and each.payload.get("stream") and each.reply.status == 200:
            assert_prefix(each, by_id[each.id], reference)
    assert_secrets(asked, directory, gateway, canaries)
    assert len(calls) <= MOST_CALLS_A_REQUEST * len(asked), f"I6: {len(calls)} calls for {len(asked)} requests"


def assert_costs(attempts: Sequence[AttemptRecord], calls: Sequence[Call]) -> None:
    """I2: by model, what was recorded is what the upstream has in its books; what is not known exactly says so."""
    billed = _by_model_of_calls(calls)
    by_model: dict[str, list[AttemptRecord]] = defaultdict(list)
    for attempt in attempts:
        by_model[attempt.model].append(attempt)
        if attempt.usage is not None and attempt.cost_nano_usd is not None:
            tokens = (attempt.usage.input_tokens, attempt.usage.output_tokens)
            assert attempt.cost_nano_usd == tokens[0] * INPUT_NANO_USD + tokens[1] * OUTPUT_NANO_USD, attempt
    for model, mine in by_model.items():
        if all(_is_exact(attempt) for attempt in mine):
            recorded = (
                sum(attempt.usage.input_tokens for attempt in mine if attempt.usage is not None),
                sum(attempt.usage.output_tokens for attempt in mine if attempt.usage is not None),
            )
            assert recorded == billed.get(model, (0, 0)), f"I2: {model!r}"
        for attempt in mine:
            assert attempt.cost_nano_usd is not None or attempt.unpriced, f"I2: no cost and no reason: {attempt}"


def assert_sum(record: RequestRecord) -> None:
    """I2: a request costs what its attempts do; where one of them is not known, nor is the whole."""
    costs = [attempt.cost_nano_usd for attempt in record.attempts]
    assert record.cost_nano_usd == (None if None in costs else sum(cost or 0 for cost in costs)), f"I2: {record}"


def assert_prefix(asked: "Asked", record: RequestRecord, reference: ScriptedUpstream) -> None:
    """I4: the bytes a client got are a prefix of what the upstream sent, or end in an explicit error event."""
    relayed, mark, _ = asked.reply.body.rpartition(_ERROR)
    if not mark:
        relayed = asked.reply.body
        assert b"[DONE]" in relayed[-len(_DONE) - 2 :], (
            "I4: the stream ends neither with [DONE] nor with an error event"
        )
    body = orjson.dumps({**asked.payload, "model": record.model, "stream_options": {"include_usage": True}})
    sent = _sent(reference, body, len(relayed))
    if not mark and not sent.startswith(relayed):
        relayed = relayed.removesuffix(_DONE)  # the gateway's own, for an upstream that left it out
    assert sent.startswith(relayed), f"I4: {relayed!r} is no prefix of {sent!r}"


def _sent(reference: ScriptedUpstream, body: bytes, enough_bytes: int) -> bytes:
    """What the upstream answers to that body, up to its end or so many bytes: some answers never end."""
    connection = http.client.HTTPConnection(reference.host, reference.port, timeout=DEADLINE_S)
    sent = b""
    try:
        connection.request("POST", "/v1/chat/completions", body)
        response = connection.getresponse()
        while len(sent) < enough_bytes and (piece := response.read1(1 << 16)):
            sent += piece
    except (http.client.IncompleteRead, ConnectionResetError):
        return sent
    finally:
        connection.close()
    return sent


def assert_secrets(
    asked: Sequence["Asked"], directory: Path, gateway: GatewayProcess, canaries: tuple[str, str]
) -> None:
    """I5: no provider key in anything that leaves or is kept, no prompt in anything that is kept."""
    key, marker = (canary.encode() for canary in canaries)
    kept = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    kept["metrics"] = gateway.admin("/metrics").body
    for name, data in kept.items():
        for canary in (key, marker, UPSTREAMS_SECRET):
            assert canary not in data, f"I5: {canary!r} in {name}"
    for each in asked:
        for canary in (key, UPSTREAMS_SECRET):
            assert canary not in each.reply.body, f"I5: {canary!r} in an answer"
            assert canary.decode() not in str(each.reply.headers), f"I5: {canary!r} in a header"


def _is_exact(attempt: AttemptRecord) -> bool:
    """Its usage is the upstream's own, or it is certain that there was none."""
    return attempt.cost_nano_usd == 0 if attempt.usage is None else not attempt.usage.estimated


def _by_model_of_calls(calls: Sequence[Call]) -> dict[str, tuple[int, int]]:
    totals: dict[str, tuple[int, int]] = {}
    for call in calls:
        known = totals.get(call.model, (0, 0))
        totals[call.model] = (known[0] + call.prompt_tokens, known[1] + call.completion_tokens)
    return totals
