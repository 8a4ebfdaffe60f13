"""Clients that are slow to say what they want, that ask again, and that are too many."""

import http.client
import time
from contextlib import ExitStack

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.client.conftest import MAX_INFLIGHT
from tests.faults.client.raw import CHAT, HI, chat, connect, error_of, exchange, head, request, statuses, until_closed
from tests.gateway_process import KEY, GatewayProcess, Reply, eventually, models_called, read_reply

SLOW = {
    "half a head": head()[:-20],
    "half a head and no more than a method": b"PO",
    "half a body": request()[:-10],
    "half a body in chunks": head("Transfer-Encoding: chunked") + b"\r\n2\r\n{}",
}


@pytest.mark.parametrize("plane", ["data", "admin"])
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW.keys())
def test_f034_half_a_request_is_a_408_when_its_time_is_over(impatient: GatewayProcess, sent: bytes, plane: str) -> None:
    if plane == "admin":
        sent = sent.replace(CHAT.encode(), b"/admin/policy/explain")
    started_s = time.monotonic()

    answer = exchange(impatient.url if plane == "data" else impatient.admin_url, sent)

    assert statuses(answer) == [408]
    assert error_of(answer)["code"] == "request_timeout"
    assert b"connection: close" in answer
    assert 0.9 < time.monotonic() - started_s < 5.0


def test_f034_bytes_that_trickle_in_gain_a_head_no_time(impatient: GatewayProcess) -> None:
    started_s = time.monotonic()
    with connect(impatient.url) as wire:
        wire.settimeout(0.2)
        wire.sendall(head())
        answer = b""
        while not answer:
            wire.sendall(b"X-A: 1\r\n")
            try:
                answer = wire.recv(1 << 16)
            except TimeoutError:
                assert time.monotonic() - started_s < 5.0

    assert statuses(answer) == [408]


def test_f034_a_request_that_waits_for_its_answer_is_not_a_slow_one(impatient: GatewayProcess) -> None:
    with connect(impatient.url) as wire:
        wire.sendall(chat("only/chunks:40:50", stream=True))
        got = b""
        while b"[DONE]" not in got:
            got += wire.recv(1 << 16)

    assert statuses(got) == [200]


def test_f035_who_asks_whether_to_go_on_is_told_so(gateway: GatewayProcess) -> None:
    with connect(gateway.url) as wire:
        wire.sendall(head("Expect: 100-continue", f"Content-Length: {len(HI)}", "Connection: close") + b"\r\n")
        interim = wire.recv(1_000)
        wire.sendall(HI)

        assert statuses(interim) == [100]
        assert statuses(until_closed(wire)) == [200]


def test_f035_an_http_1_0_client_needs_no_host_and_is_answered_and_closed(gateway: GatewayProcess) -> None:
    answer = exchange(gateway.url, request(host="").replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert statuses(answer) == [200]
    assert b"chunked" not in answer


def test_f035_head_asks_whether_there_is_a_gateway(gateway: GatewayProcess) -> None:
    assert gateway.request("HEAD", "/").status == 200
    assert gateway.request("GET", "/").status == 404


@pytest.mark.parametrize(("target", "status"), [(CHAT, 405), ("/v1/models", 405), ("*", 404)])
def test_f035_options_are_answered_in_openai_shape(gateway: GatewayProcess, target: str, status: int) -> None:
    answer = exchange(gateway.url, f"OPTIONS {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    assert statuses(answer) == [status]
    assert set(error_of(answer)) == {"message", "type", "param", "code"}


def test_f035_pipelined_requests_are_answered_in_order(gateway: GatewayProcess) -> None:
    answers = exchange(gateway.url, request() + request(b"{") + request(HI, "Connection: close"))

    assert statuses(answers) == [200, 400, 200]


def test_f035_a_connection_lives_on_after_every_error_but_one_of_the_wire(gateway: GatewayProcess) -> None:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    for body, key, status in (
        (b"{", KEY, 400),
        (HI, "wrong", 401),
        (HI.replace(b"small", b"x"), KEY, 404),
        (HI, KEY, 200),
    ):
        connection.request("POST", CHAT, body, {"Authorization": f"Bearer {key}"})
        wire = connection.sock

        assert read_reply(connection.getresponse()).status == status
        assert connection.sock is wire
    connection.close()


def test_f036_requests_that_their_sdk_sends_again_are_counted(gateway: GatewayProcess) -> None:
    def counted() -> float:
        page = gateway.admin("/metrics").body.decode()
        lines = [line for line in page.splitlines() if line.startswith("sizewise_client_retries_total ")]
        return float(lines[0].split()[1]) if lines else 0.0

    before = counted()

    replies = [gateway.chat(HI, {"x-stainless-retry-count": count}) for count in ("0", "1", "2", "", "x")]

    assert {reply.status for reply in replies} == {200}
    assert counted() - before == 2


def test_f037_beyond_what_it_holds_the_gateway_refuses_fast_and_its_probes_answer(
    impatient: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_INFLIGHT):
            stack.enter_context(connect(impatient.url)).sendall(chat("patient/slow:60000", stream=True))
        eventually(lambda: len(models_called(upstream)) == MAX_INFLIGHT or None, "a full gateway")
        replies: list[Reply] = []
        durations_s = []
        for _ in range(100):
            started_s = time.monotonic()
            replies.append(impatient.chat(HI))
            durations_s.append(time.monotonic() - started_s)

        assert {(reply.status, reply.headers["retry-after"]) for reply in replies} == {(503, "1")}
        assert replies[0].json()["error"]["code"] == "overloaded"
        assert sorted(durations_s)[94] < 0.05
        assert impatient.request("GET", "/livez").status == 200
        assert impatient.request("GET", "/readyz").status == 200
        assert len(models_called(upstream)) == MAX_INFLIGHT

    eventually(lambda: impatient.chat(HI).status == 200 or None, "room again")
