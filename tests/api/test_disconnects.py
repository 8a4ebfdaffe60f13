"""A client that leaves frees the upstream within a second, and its request is recorded with the tokens so far."""

import json
import socket
import time
from collections.abc import Callable

import pytest

from gateway.domain.record import RequestRecord
from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import KEY, GatewayProcess, call_of, eventually, models_called

LATEST_S = 1.0
"""After a client has left, its upstream call must have ended within this; its own end is a minute away."""


def send(gateway: GatewayProcess, model: str, *, stream: bool) -> socket.socket:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}).encode()
    wire = gateway.connect()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n"
    wire.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return wire


def read_until(wire: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        got += wire.recv(1 << 16)
    return got


def has_received(upstream: ScriptedUpstream, model: str) -> Callable[[], bool | None]:
    return lambda: model in models_called(upstream) or None


def record_of(gateway: GatewayProcess, alias: str) -> RequestRecord:
    return eventually(
        lambda: next((each for each in gateway.records(1) if each.alias == alias), None), f"the record of {alias!r}"
    )


def test_a_stream_whose_client_leaves_is_cancelled_upstream(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    wire = send(gateway, "only/chunks:40:50", stream=True)
    request_id = read_until(wire, b'"chunk "').partition(b"x-request-id: ")[2][:32].decode()

    wire.close()

    left_s = time.monotonic()
    call = call_of(upstream, "chunks:40:50")
    record = gateway.record(request_id)
    assert call.outcome == "client_closed"
    assert call.ended_s - left_s < LATEST_S
    assert (record.outcome, record.error_code, record.status) == ("client_disconnected", None, 200)
    assert record.usage is not None
    assert record.usage.estimated
    assert 0 < record.usage.output_tokens < 40
    assert record.cost_nano_usd is not None
    assert record.cost_nano_usd > 0
    assert [attempt.outcome for attempt in record.attempts] == ["cancelled"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("pause_s", [0.0, 0.8], ids=["at once", "later"])
def test_a_client_that_leaves_before_the_first_byte_is_noticed(
    gateway: GatewayProcess, upstream: ScriptedUpstream, stream: bool, pause_s: float
) -> None:
    wire = send(gateway, "patient/slow:60000", stream=stream)
    eventually(has_received(upstream, "slow:60000"), "the request at the upstream")
    time.sleep(pause_s)

    wire.close()

    left_s = time.monotonic()
    call = call_of(upstream, "slow:60000")
    record = record_of(gateway, "patient/slow:60000")
    assert call.outcome == "client_closed"
    assert call.ended_s - left_s < LATEST_S
    assert (record.outcome, record.status, record.deployment) == ("client_disconnected", None, None)
    assert record.cost_nano_usd is None
    assert [attempt.outcome for attempt in record.attempts] == ["cancelled"]


def test_a_client_that_leaves_is_not_served_by_the_next_deployment(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    wire = send(gateway, "patient/slow:60000", stream=False)
    eventually(has_received(upstream, "slow:60000"), "the request at the upstream")

    wire.close()

    call_of(upstream, "slow:60000")
    record_of(gateway, "patient/slow:60000")
    assert models_called(upstream) == ["slow:60000"]


def test_a_client_that_hears_out_its_answer_and_leaves_is_served(gateway: GatewayProcess) -> None:
    wire = send(gateway, "small", stream=True)
    answer = read_until(wire, b"[DONE]")

    wire.close()

    assert gateway.record(answer.partition(b"x-request-id: ")[2][:32].decode()).outcome == "ok"


def test_a_client_that_leaves_is_no_error_in_the_log(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    wire = send(gateway, "only/chunks:40:50", stream=True)
    read_until(wire, b'"chunk "')

    wire.close()

    call_of(upstream, "chunks:40:50")
    assert '"level":"error"' not in gateway.log()
