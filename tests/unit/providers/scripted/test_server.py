"""The scripted upstream over real sockets, on asyncio's own event loop and on uvloop."""

from __future__ import annotations

import asyncio
import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import uvloop

from gateway.providers.scripted import ScriptedUpstream
from gateway.providers.scripted.server import LoopFactory


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    factory: LoopFactory = request.param
    with ScriptedUpstream.run_in_thread(loop_factory=factory) as running:
        yield running


@pytest.fixture
def upstream(server: ScriptedUpstream) -> ScriptedUpstream:
    server.ledger.reset()
    return server


def chat(model: str, **fields: object) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}], **fields})


def raw(body: bytes, *, headers: str = "", path: str = "/v1/chat/completions") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def connect(upstream: ScriptedUpstream) -> socket.socket:
    return socket.create_connection((upstream.host, upstream.port), timeout=5)


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


def read_reply(client: socket.socket) -> tuple[int, bytes]:
    reply = http.client.HTTPResponse(client)
    reply.begin()
    return reply.status, reply.read()


def post(upstream: ScriptedUpstream, body: bytes, path: str = "/v1/chat/completions") -> tuple[int, Any]:
    status, answer = fetch(upstream, "POST", path, body)
    return status, orjson.loads(answer)


def fetch(upstream: ScriptedUpstream, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=5)
    try:
        connection.request(method, path, body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/chat/completions", "/openai/deployments/d/chat/completions?api-version=1"],
)
def test_a_chat_completion_is_served_on_every_usual_path(upstream: ScriptedUpstream, path: str) -> None:
    status, answer = post(upstream, chat("scripted-small"), path)

    assert status == 200
    assert "no language model was called" in answer["choices"][0]["message"]["content"]


def test_equal_requests_get_equal_bytes_on_one_connection(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        replies = set()
        for _ in range(3):
            client.sendall(raw(chat("scripted-small")))
            replies.add(read_reply(client))

    assert len(replies) == 1


def test_a_stream_ends_with_done_and_leaves_the_connection_usable(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        client.sendall(raw(chat("scripted-small", stream=True)))
        _, streamed = read_reply(client)
        client.sendall(raw(chat("scripted-small")))
        status, _ = read_reply(client)

    assert streamed.endswith(b"data: [DONE]\n\n")
    assert status == 200


def test_pipelined_requests_are_answered_in_order(upstream: ScriptedUpstream) -> None:
    models = ["slow:20", "one", "two", "chunks:3", "three"]

    with connect(upstream) as client:
        client.sendall(
            b"".join(raw(chat(model), headers="Connection: close\r\n" * (model == "three")) for model in models)
        )
        reply = read_all(client).decode()

    assert re.findall(r'"model":"([^"]+)"', reply) == models
    heads = [request.headers for request in upstream.ledger.received]
    assert ["connection" in head for head in heads] == [False, False, False, False, True]
    assert [request.json()["model"] for request in upstream.ledger.received] == models


def test_more_pipelined_requests_than_the_queue_holds_are_answered_in_order(
    upstream: ScriptedUpstream,
) -> None:
    models = ["slow:20", *(f"m{number}" for number in range(300))]

    with connect(upstream) as client:
        client.sendall(b"".join(raw(chat(model)) for model in models))
        client.sendall(raw(chat("last"), headers="Connection: close\r\n"))
        reply = read_all(client).decode()

    assert re.findall(r'"model":"([^"]+)"', reply) == [*models, "last"]


def test_a_request_may_come_byte_by_byte(upstream: ScriptedUpstream) -> None:
    request = raw(chat("scripted-small"), headers="X-Request-Id: r-7\r\n")

    with connect(upstream) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(request)):
            client.sendall(request[at : at + 1])
        status, _ = read_reply(client)

    assert status == 200
    assert upstream.ledger.calls[0].request_id == "r-7"
    received = upstream.ledger.last_received
    assert received.head + b"\r\n" + received.body == request


def test_a_chunked_request_body_is_joined(upstream: ScriptedUpstream) -> None:
    body = chat("scripted-small")
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:5], body[5:], b""))
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    with connect(upstream) as client:
        client.sendall((head + parts) * 2 + raw(chat("last"), headers="Connection: close\r\n"))
        reply = read_all(client)

    assert reply.count(b"HTTP/1.1 200 OK") == 3
    assert [received.body for received in upstream.ledger.received] == [body, body, chat("last")]
    assert [received.head for received in upstream.ledger.received][:2] == [head[:-2]] * 2


def test_expect_100_continue_is_granted_before_the_body(upstream: ScriptedUpstream) -> None:
    head, _, body = raw(chat("scripted-small"), headers="Expect: 100-continue\r\n").partition(b"\r\n\r\n")

    with connect(upstream) as client:
        client.sendall(head + b"\r\n\r\n")
        granted = client.recv(1024)
        client.sendall(body)
        status, _ = read_reply(client)

    assert granted == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert status == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 70_000, 431),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(
    upstream: ScriptedUpstream, request_bytes: bytes, status: int
) -> None:
    with connect(upstream) as client:
        client.sendall(request_bytes)
        reply = read_all(client)

    assert reply.startswith(b"HTTP/1.1 %d " % status)


def test_a_body_that_is_no_json_is_a_400_in_openais_shape(upstream: ScriptedUpstream) -> None:
    status, answer = post(upstream, b"{")

    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert upstream.ledger.calls == ()


def test_models_are_listed(upstream: ScriptedUpstream) -> None:
    status, body = fetch(upstream, "GET", "/v1/models")

    assert status == 200
    assert "scripted-small" in {model["id"] for model in orjson.loads(body)["data"]}


def test_an_unknown_path_is_a_404(upstream: ScriptedUpstream) -> None:
    assert fetch(upstream, "GET", "/v1/embeddings")[0] == 404


def test_a_reset_model_resets_the_connection_after_n_chunks(upstream: ScriptedUpstream) -> None:
    received = b""
    with connect(upstream) as client, pytest.raises(ConnectionResetError):  # noqa: PT012 (reads until it raises)
        client.sendall(raw(chat("reset:2", stream=True)))
        while True:
            part = client.recv(1 << 16)
            assert part, "the stream ended instead of being reset"
            received += part

    assert received.count(b"data: ") == 2
    assert upstream.ledger.wait_for_calls(1)[0].outcome == "cut"


def test_a_reset_before_the_first_chunk_comes_before_any_byte(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        client.sendall(raw(chat("reset:0", stream=True)))

        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_cut_stream_ends_cleanly_and_a_hangup_does_not(upstream: ScriptedUpstream) -> None:
    status, cut = fetch(upstream, "POST", "/v1/chat/completions", chat("cut:3", stream=True))
    with pytest.raises(http.client.IncompleteRead):
        fetch(upstream, "POST", "/v1/chat/completions", chat("hangup:3", stream=True))

    assert status == 200
    assert cut.count(b"data: ") == 3
    assert [call.outcome for call in upstream.ledger.wait_for_calls(2)] == ["cut", "cut"]


def test_a_stale_connection_is_reset_when_it_is_used_again(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        client.sendall(raw(chat("stale")))
        status, _ = read_reply(client)
        client.sendall(raw(chat("stale")))

        with pytest.raises(ConnectionResetError):
            client.recv(1)

    assert status == 200


def test_a_silent_model_answers_nothing_until_the_client_leaves(upstream: ScriptedUpstream) -> None:
    before_s = time.monotonic()
    with connect(upstream) as client:
        client.sendall(raw(chat("silent")))
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)

    call = upstream.ledger.wait_for_calls(1)[0]
    assert (call.outcome, call.completion_tokens) == ("client_closed", 0)
    assert before_s <= call.started_s <= call.ended_s <= time.monotonic()


def test_a_client_that_leaves_mid_stream_is_billed_for_what_was_written(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        client.sendall(raw(chat("stall:3", stream=True)))
        received = b""
        while received.count(b"data: ") < 3:
            received += client.recv(1 << 16)

    call = upstream.ledger.wait_for_calls(1)[0]
    assert call.outcome == "client_closed"
    assert call.completion_tokens == 2 + 1  # "This " and "is "
    assert call.prompt_tokens == len(chat("stall:3", stream=True)) // 4


def test_a_slow_model_waits_before_the_first_byte(upstream: ScriptedUpstream) -> None:
    before_s = time.monotonic()

    status, _ = post(upstream, chat("slow:60"))

    assert status == 200
    assert time.monotonic() - before_s >= 0.055


def test_flaky_calls_are_counted_over_connections_and_bodies(upstream: ScriptedUpstream) -> None:
    fetch(upstream, "DELETE", "/ledger")

    statuses = [post(upstream, chat("flaky:2", seed=seed))[0] for seed in range(4)]

    assert statuses == [200, 500, 200, 500]


def test_a_huge_answer_waits_for_a_client_that_does_not_read(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        client.sendall(raw(chat("huge:64"), headers="Connection: close\r\n"))
        client.recv(1, socket.MSG_PEEK)
        post(upstream, chat("answered-once-the-first-has-written-what-it-could"))
        assert "huge:64" not in upstream.ledger.totals

        head, _, body = read_all(client).partition(b"\r\n\r\n")

    assert b"Content-Length: %d" % len(body) in head
    assert upstream.ledger.calls[-1].outcome == "completed"


def test_a_client_that_leaves_a_huge_stream_is_noticed(upstream: ScriptedUpstream) -> None:
    with connect(upstream) as client:
        client.sendall(raw(chat("huge:64", stream=True)))
        client.recv(1)

    call = upstream.ledger.wait_for_calls(1)[0]
    assert call.outcome == "client_closed"


def test_the_ledger_is_shown_and_reset_over_http(upstream: ScriptedUpstream) -> None:
    answer = post(upstream, chat("scripted-small"))[1]

    shown = orjson.loads(fetch(upstream, "GET", "/ledger")[1])
    emptied = orjson.loads(fetch(upstream, "DELETE", "/ledger")[1])

    assert shown["models"]["scripted-small"] == {
        "calls": 1,
        "prompt_tokens": answer["usage"]["prompt_tokens"],
        "completion_tokens": answer["usage"]["completion_tokens"],
    }
    assert shown["calls"][0]["outcome"] == "completed"
    assert emptied == {"models": {}, "calls": []}


def test_stopping_breaks_off_what_is_being_played() -> None:
    with ScriptedUpstream.run_in_thread() as upstream:
        client = connect(upstream)
        client.sendall(raw(chat("stall:1", stream=True)))
        client.recv(1)

    client.close()
    assert [call.outcome for call in upstream.ledger.calls] == ["cut"]
    assert upstream.open_connections == 0


def test_it_serves_in_the_callers_event_loop() -> None:
    async def talk() -> bytes:
        async with ScriptedUpstream() as upstream:
            reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
            writer.write(raw(chat("scripted-small"), headers="Connection: close\r\n"))
            reply = await reader.read()
            writer.close()
            await writer.wait_closed()
            return reply

    assert asyncio.run(talk()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_port_that_is_taken_is_the_callers_error() -> None:
    async def take_twice() -> None:
        async with ScriptedUpstream() as first, ScriptedUpstream(port=first.port):
            pytest.fail("two servers on one port")

    with pytest.raises(OSError, match="in use"):
        asyncio.run(take_twice())


def test_a_thread_that_cannot_serve_raises_in_the_caller() -> None:
    with (
        ScriptedUpstream.run_in_thread() as first,
        pytest.raises(OSError, match="in use"),
        ScriptedUpstream.run_in_thread(port=first.port),
    ):
        pytest.fail("two servers on one port")


def test_there_is_no_port_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        _ = ScriptedUpstream().url


def test_the_module_runs_as_a_process_that_stops_on_sigterm() -> None:
    command = [sys.executable, "-m", "gateway.providers.scripted", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        connection.request("POST", "/v1/chat/completions", chat("scripted-small"))
        status = connection.getresponse().status
        connection.close()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=5)

    assert (status, code) == (200, 0)
