"""Clients that leave, and clients that hardly read."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.client.raw import chat, connect
from tests.gateway_process import GatewayProcess, call_of, eventually, models_called

LATEST_S = 1.0
INPUT_NANO_USD, OUTPUT_NANO_USD = 150, 600
"""For a token of the models here."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f031_upstreams_are_let_go_at_once_when_clients_leave_before_the_first_byte(
    gateway: GatewayProcess, upstream: ScriptedUpstream, stream: bool
) -> None:
    count = 40
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(gateway.url)) for _ in range(count)]
        for wire in wires:
            wire.sendall(chat("patient/slow:60000", stream=stream))
        eventually(lambda: len(models_called(upstream)) == count or None, "all requests at the upstream")

        left_s = time.monotonic()

    calls = eventually(lambda: upstream.ledger.calls if len(upstream.ledger.calls) == count else None, "their ends")
    assert {call.outcome for call in calls} == {"client_closed"}
    assert max(call.ended_s for call in calls) - left_s < LATEST_S
    records = gateway.records(count)
    assert {record.outcome for record in records} == {"client_disconnected"}
    assert {attempt.outcome for record in records for attempt in record.attempts} == {"cancelled"}
    assert len(models_called(upstream)) == count, "nobody is asked on behalf of a client that has left"


def test_f032_what_was_streamed_before_the_client_left_is_counted_and_priced(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    with connect(gateway.url) as wire:
        wire.sendall(chat("only/chunks:40:50", stream=True))
        seen = b""
        while seen.count(b'"chunk "') < 3:
            seen += wire.recv(1 << 16)
        left_s = time.monotonic()

    call = call_of(upstream, "chunks:40:50")
    record = gateway.record(seen.partition(b"x-request-id: ")[2][:32].decode())
    assert (call.outcome, record.outcome) == ("client_closed", "client_disconnected")
    assert call.ended_s - left_s < LATEST_S
    assert record.usage is not None
    assert 3 <= record.usage.output_tokens < 40
    assert record.cost_nano_usd == (
        record.usage.input_tokens * INPUT_NANO_USD + record.usage.output_tokens * OUTPUT_NANO_USD
    )


@contextmanager
def readers(gateway: GatewayProcess, count: int) -> Iterator[None]:
    """So many clients with 20 MB each to come, none of which reads more than the first bytes."""
    with ExitStack() as stack:
        for _ in range(count):
            wire = stack.enter_context(connect(gateway.url, receive_bytes=4_096))
            wire.sendall(chat("huge", stream=True))
            assert wire.recv(1) == b"H"
        yield


def test_f033_clients_that_hardly_read_cost_a_bounded_memory_and_delay_nobody(gateway: GatewayProcess) -> None:
    count, before_mb = 200, gateway.rss_mb()
    with readers(gateway, count):
        time.sleep(1.0)
        full_mb, durations_s = gateway.rss_mb(), []
        for _ in range(30):
            started_s = time.monotonic()
            assert gateway.chat({"model": "small", "messages": [{"role": "user", "content": "hi"}]}).status == 200
            durations_s.append(time.monotonic() - started_s)
        later_mb = gateway.rss_mb()

    assert full_mb - before_mb < 3 * count, "of 20 MB that each of them has to come"
    assert later_mb - full_mb < 10
    assert sorted(durations_s)[len(durations_s) // 2] < 0.1
    assert max(durations_s) < 1.0


def test_f033_nothing_stays_of_clients_that_hardly_read_and_left(gateway: GatewayProcess) -> None:
    count, grown_mb = 50, []
    for _ in range(3):
        with readers(gateway, count):
            time.sleep(0.5)
        eventually(lambda: gateway.records(count)[-1].outcome == "client_disconnected" or None, "their records")
        grown_mb.append(gateway.rss_mb())

    assert grown_mb[-1] - grown_mb[0] < 0.25 * count


def test_f033_a_client_that_takes_nothing_is_cut_off_and_its_upstream_let_go(
    impatient: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    started_s = time.monotonic()
    with readers(impatient, 1):
        call = call_of(upstream, "huge:20")

        assert call.outcome == "client_closed"
        assert 2.0 < call.ended_s - started_s < 6.0
        assert impatient.records(1)[0].outcome == "client_disconnected"
