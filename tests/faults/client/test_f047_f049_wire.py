"""Requests that two readers could take differently, compressed ones, and characters that could pass for ours."""

import gzip
import json
import time
from contextlib import suppress
from typing import Any

import pytest

from tests.faults.client.raw import CHAT, HI, connect, error_of, exchange, head, request, statuses, until_closed
from tests.faults.client.smuggling import CHUNKED, CHUNKS, PROBES, SIZE
from tests.gateway_process import KEY, GatewayProcess

EITHER_PLANE = pytest.mark.parametrize("plane", ["data", "admin"])


def url_of(gateway: GatewayProcess, plane: str) -> str:
    return gateway.url if plane == "data" else gateway.admin_url


@EITHER_PLANE
@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_f047_doubtful_http_is_a_400_the_connection_closed_and_nothing_behind_it_served(
    gateway: GatewayProcess, probe: bytes, plane: str
) -> None:
    answer = exchange(url_of(gateway, plane), probe + request(target="/livez").replace(b"POST", b"GET"))

    assert statuses(answer) == [400]
    assert error_of(answer)["code"] == "invalid_request"
    assert b"\r\nconnection: close\r\n" in answer


@EITHER_PLANE
@pytest.mark.parametrize(
    "lines", [["X: " + "x" * 70_000], [f"X-{n}: 1" for n in range(2_000)]], ids=["70 KB", "2,000 headers"]
)
def test_f047_a_head_too_large_is_a_431(gateway: GatewayProcess, lines: list[str], plane: str) -> None:
    answer = exchange(url_of(gateway, plane), request(HI, *lines) + request())

    assert statuses(answer) == [431]
    assert error_of(answer)["code"] == "headers_too_large"


def test_f047_a_head_without_end_is_refused_while_it_comes(gateway: GatewayProcess) -> None:
    before_mb = gateway.rss_mb()
    with connect(gateway.url) as wire:
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall(head("X: " + "x" * 60_000).rstrip())
            for _ in range(100):
                wire.sendall(b"x" * (1 << 20))
        answer = until_closed(wire)

    assert statuses(answer) in ([431], [])  # who goes on sending after it is closed may lose the answer
    assert gateway.rss_mb() - before_mb < 16


def test_f047_a_request_whole_before_the_doubtful_one_has_its_answer_first(gateway: GatewayProcess) -> None:
    answers = exchange(gateway.url, request() + PROBES["length and chunks"] + request())

    assert statuses(answers) == [200, 400]


def test_f047_half_a_request_behind_a_faulty_one_is_never_served(gateway: GatewayProcess) -> None:
    with connect(gateway.url) as wire:
        wire.sendall(PROBES["two Hosts"] + request()[:-20])
        time.sleep(0.1)
        wire.sendall(request()[-20:])

        assert statuses(until_closed(wire)) == [400]


@pytest.mark.parametrize("cut", [0, 1, len(HI)], ids=["behind", "split", "with the head"])
def test_f047_a_wish_for_http_2_does_not_turn_a_body_into_a_request(gateway: GatewayProcess, cut: int) -> None:
    lines = ("Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    with connect(gateway.url) as wire:
        wire.sendall(head(*lines, SIZE) + b"\r\n" + HI[:cut])
        time.sleep(0.05)
        wire.sendall(HI[cut:])

        assert statuses(until_closed(wire)) == [200]


def test_f047_trailers_give_nobody_a_key(gateway: GatewayProcess) -> None:
    keyless = head(CHUNKED, "Connection: close").replace(f"Authorization: Bearer {KEY}\r\n".encode(), b"")
    trailer = f"Authorization: Bearer {KEY}\r\n".encode()

    answer = exchange(gateway.url, keyless + b"\r\n" + CHUNKS[:-2] + trailer + b"\r\n")

    assert statuses(answer) == [401]


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "deflate, gzip", "x-unknown"])
def test_f048_a_compressed_body_is_a_415_and_never_unpacked(gateway: GatewayProcess, encoding: str) -> None:
    bomb, before_mb = gzip.compress(b" " * (64 << 20)), gateway.rss_mb()

    reply = gateway.chat(bomb, {"Content-Encoding": encoding})

    assert (reply.status, reply.json()["error"]["code"]) == (415, "unsupported_encoding")
    assert gateway.rss_mb() - before_mb < 16
    assert gateway.chat(HI, {"Content-Encoding": "identity"}).status == 200


@pytest.mark.parametrize("value", ["a\r b", "a\x1b[2Jb", "a\x00b", "a\nInjected: 1"])
def test_f049_control_characters_in_a_header_are_a_400(gateway: GatewayProcess, value: str) -> None:
    assert statuses(exchange(gateway.url, head(f"X-Session-Id: {value}", SIZE) + b"\r\n" + HI)) == [400]


FORGED = '\r\nx-forged: 1\r\n\r\n{"level":"error"}\n\x1b[2J\u202e"'


@pytest.mark.parametrize("field", ["model", "user", "metadata", "content"])
def test_f049_what_is_written_in_a_field_forges_no_header_no_log_line_and_no_label(
    gateway: GatewayProcess, field: str
) -> None:
    values: dict[str, dict[str, Any]] = {
        "model": {"model": "small" + FORGED},
        "user": {"user": FORGED},
        "metadata": {"metadata": {FORGED: FORGED, "session_id": FORGED}},
        "content": {"messages": [{"role": "user", "content": FORGED}]},
    }
    log_before = gateway.log()

    reply = gateway.chat({**json.loads(HI), **values[field]})

    assert reply.status == (404 if field == "model" else 200)
    assert "x-forged" not in reply.headers
    assert all(value.isprintable() for value in reply.headers.values())
    assert b"x-forged" not in gateway.admin("/metrics").body
    added = gateway.log().removeprefix(log_before)
    assert all(json.loads(line)["level"] != "error" for line in added.splitlines())


def test_f049_a_path_forges_nothing_either(gateway: GatewayProcess) -> None:
    reply = gateway.request("GET", f"{CHAT}/%0d%0ax-forged:%201%1b[2J")

    assert reply.status == 404
    assert "x-forged" not in reply.headers
    assert b"\x1b" not in reply.body
