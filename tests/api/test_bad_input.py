"""Whatever a client sends, it gets a clear 4xx, and the next request is served as if nothing had been."""

import gzip
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway_process import KEY, GatewayProcess, Reply, read_reply

CHAT = "/v1/chat/completions"
LIMIT = 4 << 20
"""What the gateway under test was told."""
AUTH = {"Authorization": f"Bearer {KEY}"}
HI = b'{"model": "small", "messages": [{"role": "user", "content": "hi"}]}'
HEAD = f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n".encode()


def with_field(name: str, value: str) -> bytes:
    """A valid body with one more top-level field, its value as raw JSON."""
    return HI[:-1] + f', "{name}": {value}}}'.encode()


def with_content(content: str) -> bytes:
    return f'{{"model": "small", "messages": [{{"role": "user", "content": {content}}}]}}'.encode()


def messages(*each: Any) -> bytes:
    return json.dumps({"model": "small", "messages": list(each)}).encode()


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "spaces": b"   ",
    "cut short": HI[:-1],
    "something behind": HI + b"x",
    "two objects": HI + HI,
    "array": b"[]",
    "string": b'"hi"',
    "null": b"null",
    "number": b"1",
    "not JSON": b"model=small",
    "single quotes": HI.replace(b'"', b"'"),
    "byte order mark": b"\xef\xbb\xbf" + HI,
    "UTF-16": HI.decode().encode("utf-16"),
    "invalid UTF-8": with_content('"a\xff"').replace("\u00ff".encode(), b"\xff"),
    "overlong UTF-8": with_content('"@@"').replace(b"@@", b"\xc0\xaf"),
    "NUL outside a string": HI + b"\x00",
    "raw control character": with_content('"a\x01b"'),
    "NaN": with_field("temperature", "NaN"),
    "Infinity": with_field("temperature", "-Infinity"),
    "1e999": with_field("temperature", "1e999"),
    "5,000 digits": with_field("seed", "9" * 5_000),
    "lone surrogate": with_content(r'"\ud800"'),
    "lone low surrogate": with_content(r'"\udc00x"'),
    "1,000 deep": with_field("x", "[" * 1_000 + "]" * 1_000),
    "100,000 deep": with_field("x", '{"a":' * 100_000 + "1" + "}" * 100_000),
    "65 deep": with_field("x", "[" * 64 + "]" * 64),
    "65 deep in a message": with_content("[" * 62 + "]" * 62),
}

WRONG_FIELDS: dict[str, tuple[bytes, str]] = {
    "no model": (b'{"messages": [{"role": "user", "content": "hi"}]}', "model"),
    "null model": (HI.replace(b'"small"', b"null"), "model"),
    "number model": (HI.replace(b'"small"', b"7"), "model"),
    "empty model": (HI.replace(b'"small"', b'""'), "model"),
    "model of 1 MB": (HI.replace(b"small", b"m" * (1 << 20)), "model"),
    "no messages": (b'{"model": "small"}', "messages"),
    "messages string": (b'{"model": "small", "messages": "hi"}', "messages"),
    "messages object": (b'{"model": "small", "messages": {}}', "messages"),
    "empty messages": (messages(), "messages"),
    "10,001 messages": (messages(*[{"role": "user", "content": "a"}] * 10_001), "messages"),
    "message string": (messages("hi"), "messages[0]"),
    "message null": (messages({"role": "user", "content": "a"}, None), "messages[1]"),
    "no role": (messages({"content": "a"}), "messages[0].role"),
    "unknown role": (messages({"role": "robot", "content": "a"}), "messages[0].role"),
    "role list": (messages({"role": ["user"], "content": "a"}), "messages[0].role"),
    "content number": (messages({"role": "user", "content": 7}), "messages[0].content"),
    "content object": (messages({"role": "user", "content": {}}), "messages[0].content"),
    "part string": (messages({"role": "user", "content": ["a"]}), "messages[0].content[0]"),
    "tool_calls string": (messages({"role": "assistant", "tool_calls": "x"}), "messages[0].tool_calls"),
    "stream string": (with_field("stream", '"yes"'), "stream"),
    "stream number": (with_field("stream", "1"), "stream"),
    "stream_options list": (with_field("stream_options", "[]"), "stream_options"),
    "negative max_tokens": (with_field("max_tokens", "-1"), "max_tokens"),
    "huge max_tokens": (with_field("max_tokens", "1000000000000"), "max_tokens"),
    "fraction max_completion_tokens": (with_field("max_completion_tokens", "1.5"), "max_completion_tokens"),
    "boolean max_tokens": (with_field("max_tokens", "true"), "max_tokens"),
    "n zero": (with_field("n", "0"), "n"),
    "n 10000": (with_field("n", "10000"), "n"),
    "tools object": (with_field("tools", "{}"), "tools"),
    "functions string": (with_field("functions", '"f"'), "functions"),
    "response_format string": (with_field("response_format", '"json"'), "response_format"),
    "temperature string": (with_field("temperature", '"hot"'), "temperature"),
    "top_p boolean": (with_field("top_p", "false"), "top_p"),
    "model twice": (with_field("model", '"large"'), "model"),
    "model twice, escaped": (with_field(r"mod\u0065l", '"large"'), "model"),
    "messages twice": (with_field("messages", "[]"), "messages"),
    "unknown field twice": (with_field("x", '1, "x": 1'), "x"),
}

ACCEPTED: dict[str, bytes] = {
    "64 deep": with_field("x", "[" * 63 + "]" * 63),
    "10,000 messages": messages(*[{"role": "user", "content": "a"}] * 10_000).replace(b"small", b"large", 1),
    "NUL": with_content(r'"a\u0000b"'),
    "control characters": with_content(r'"\u001b[31m\u0007\r\n\u202e\u200b\ufeff\uffff"'),
    "pairs of surrogates": with_content(r'"\ud83d\ude42"'),
    "combining marks": with_content(json.dumps("e" + "\u0301" * 30_000)),
    "names repeated further in": with_field("x", '{"model": {"model": 1}, "messages": "model"}'),
    "spaces around": b"\r\n\t " + HI + b" \n",
    "parts without text": with_content('[{"type": "text"}, {}]'),
    "no content": messages({"role": "assistant"}, {"role": "user", "content": None}),
}


@pytest.fixture
def connection(gateway: GatewayProcess) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    yield connection
    connection.close()


def exchange(connection: http.client.HTTPConnection, body: bytes, **headers: str) -> Reply:
    connection.request("POST", CHAT, body, {**AUTH, **headers})
    return read_reply(connection.getresponse())


def assert_refused(reply: Reply, code: str = "invalid_request", status: int = 400, param: str | None = None) -> None:
    assert reply.status == status, reply.body[:500]
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert len(reply.body) < 2_000


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_request_is_a_400_and_the_connection_lives_on(
    connection: http.client.HTTPConnection, body: bytes
) -> None:
    refused, served = exchange(connection, body), exchange(connection, HI)

    assert_refused(refused)
    assert served.status == 200


@pytest.mark.parametrize(("body", "param"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_a_400_that_names_it_and_the_connection_lives_on(
    connection: http.client.HTTPConnection, body: bytes, param: str
) -> None:
    refused, served = exchange(connection, body), exchange(connection, HI)

    assert_refused(refused, param=param)
    assert served.status == 200


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_merely_unusual_is_served(connection: http.client.HTTPConnection, body: bytes) -> None:
    assert exchange(connection, body).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_a_compressed_body_is_refused(connection: http.client.HTTPConnection, encoding: str) -> None:
    refused = exchange(connection, gzip.compress(HI), **{"Content-Encoding": encoding})
    served = exchange(connection, HI)

    assert_refused(refused, "unsupported_encoding", 415)
    assert "content-encoding" in refused.json()["error"]["message"]
    assert served.status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=utf-8", "multipart/form-data"])
def test_the_declared_content_type_does_not_matter(connection: http.client.HTTPConnection, content_type: str) -> None:
    assert exchange(connection, HI, **{"Content-Type": content_type}).status == 200


@pytest.mark.parametrize("declared", [LIMIT + 1, 99_999_999_999])
def test_a_body_declared_too_large_is_refused_before_it_is_read(gateway: GatewayProcess, declared: int) -> None:
    with gateway.connect() as wire:
        wire.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % declared + b"{" * 100)
        response = http.client.HTTPResponse(wire)
        response.begin()
        reply = read_reply(response)

    assert_refused(reply, "body_too_large", 413)
    assert reply.headers["connection"] == "close"


def test_a_body_that_grows_too_large_is_refused_while_it_comes(gateway: GatewayProcess) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with gateway.connect() as wire:
        wire.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 64 + b"1\r\n \r\n")
        response = http.client.HTTPResponse(wire)
        response.begin()
        reply = read_reply(response)

    assert_refused(reply, "body_too_large", 413)


def test_a_body_of_exactly_the_limit_is_served(connection: http.client.HTTPConnection) -> None:
    assert exchange(connection, HI + b" " * (LIMIT - len(HI))).status == 200


def test_a_body_in_chunks_is_served(gateway: GatewayProcess) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in HI) + b"0\r\n\r\n"
    with gateway.connect() as wire:
        wire.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        response = http.client.HTTPResponse(wire)
        response.begin()
        reply = read_reply(response)

    assert reply.status == 200


def test_a_body_that_comes_slowly_is_read_to_its_end(gateway: GatewayProcess) -> None:
    with gateway.connect() as wire:
        wire.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(HI))
        for at in range(0, len(HI), 10):
            wire.sendall(HI[at : at + 10])
            time.sleep(0.15)
        response = http.client.HTTPResponse(wire)
        response.begin()
        reply = read_reply(response)

    assert reply.status == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(gateway: GatewayProcess) -> None:
    with gateway.connect() as wire:
        wire.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + HI)

    assert gateway.chat(HI).status == 200
    assert '"error"' not in gateway.log()


def test_expect_100_continue_is_answered(gateway: GatewayProcess) -> None:
    with gateway.connect() as wire:
        wire.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(HI))
        interim = wire.recv(100)
        wire.sendall(HI)
        response = http.client.HTTPResponse(wire)
        response.begin()
        reply = read_reply(response)

    assert interim.startswith(b"HTTP/1.1 100")
    assert reply.status == 200


def test_pipelined_requests_are_answered_in_order(gateway: GatewayProcess) -> None:
    small, large = HI, HI.replace(b"small", b"large")
    answers = b""
    with gateway.connect() as wire:
        wire.sendall(b"".join(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in (small, large)))
        while answers.count(b"}}}") < 2:
            answers += wire.recv(1 << 16)

    first, second = answers.split(b"HTTP/1.1 200 OK")[1:]
    assert b"scripted-small" in first
    assert b"scripted-large" in second


def test_an_http_1_0_client_is_served_and_the_connection_closed(gateway: GatewayProcess) -> None:
    with gateway.connect() as wire:
        wire.sendall(HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: %d\r\n\r\n" % len(HI) + HI)
        answer = b"".join(iter(lambda: wire.recv(1 << 16), b""))

    assert b" 200 OK\r\n" in answer
    assert answer.endswith(b"}")
