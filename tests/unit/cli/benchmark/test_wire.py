"""Answers seen byte for byte."""

import pytest

from gateway.cli.benchmark.scenarios import PROBE_UPSTREAM_MODEL, Question
from gateway.cli.benchmark.wire import Request, Wire, WireError, ask_once, parse_head
from gateway.providers.scripted import ScriptedUpstream


def _request(port: int, *, stream: bool = False, model: str = PROBE_UPSTREAM_MODEL) -> Request:
    body = Question(size_bytes=500, turns=1, stream=stream).body(model)
    return Request(port=port, path="/v1/chat/completions", headers={"X-Test": "1"}, body=body)


def test_an_answer_with_a_length_is_read_whole() -> None:
    with ScriptedUpstream.run_in_thread() as upstream:
        answer = ask_once(_request(upstream.port))
        received = upstream.ledger.last_received

    assert answer.status == 200
    assert answer.body.startswith(b"{")
    assert answer.body.endswith(b"}")
    assert answer.size_bytes > len(answer.body)
    assert received.headers["x-test"] == "1"


def test_a_chunked_answer_is_joined_and_its_size_on_the_wire_is_known() -> None:
    with ScriptedUpstream.run_in_thread() as upstream:
        answer = ask_once(_request(upstream.port, stream=True))

    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert answer.size_bytes > len(answer.body) + answer.body.count(b"data: ")
    assert answer.first_byte_s > 0


def test_one_connection_serves_request_after_request() -> None:
    with ScriptedUpstream.run_in_thread() as upstream, Wire(upstream.port) as wire:
        encoded = _request(upstream.port, stream=True).encoded()
        bodies = {wire.ask(encoded).body for _ in range(3)}
        connections = upstream.open_connections

    assert len(bodies) == 1
    assert connections == 1


def test_an_answer_cut_short_is_an_error() -> None:
    with ScriptedUpstream.run_in_thread() as upstream, pytest.raises(WireError, match="before the answer was whole"):
        ask_once(_request(upstream.port, stream=True, model="hangup:2"))


def test_what_is_no_http_is_an_error() -> None:
    with pytest.raises(WireError, match=r"'SSH-2\.0'"):
        parse_head(b"SSH-2.0")
