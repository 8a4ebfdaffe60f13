import pytest

from gateway.api.wire_head import MAX_HEAD_BYTES, MAX_HEADERS, head_fault, is_too_long, without_upgrade
from gateway.domain.errors import HeadersTooLargeError, InvalidRequestError

HOST = (b"host", b"example.test")
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    "host", [b"a", b"a:80", b"api.example.test:8080", b"127.0.0.1:1", b"[::1]", b"[::ffff:1.2.3.4]:443", b"my_service"]
)
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(host: bytes) -> None:
    assert head_fault([(b"host", host)], "1.1") is None


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a/?#@b",
        b"a b",
        b"a,b",
        b"http://a",
        b"u@a",
        b"a:",
        b"a:x",
        b"a:123456",
        b"[::1",
        b"a%00",
        "é".encode(),
        b"*",
    ],
)
def test_what_is_no_host_is_refused(host: bytes) -> None:
    assert isinstance(head_fault([(b"host", host)], "1.1"), InvalidRequestError)


def test_there_is_exactly_one_host() -> None:
    assert head_fault([HOST, HOST], "1.1") is not None
    assert head_fault([], "1.1") is not None


def test_an_http_1_0_client_need_not_name_one() -> None:
    assert head_fault([], "1.0") is None
    assert head_fault([HOST, HOST], "1.0") is not None


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2"])
def test_no_other_version_is_taken(version: str) -> None:
    assert head_fault([HOST], version) is not None


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity", b"chunked;x=1", b""])
def test_a_body_comes_plain_or_in_chunks(coding: bytes) -> None:
    assert head_fault([HOST, (b"transfer-encoding", b"Chunked")], "1.1") is None
    assert head_fault([HOST, (b"transfer-encoding", coding)], "1.1") is not None


def test_chunks_are_http_1_1s_and_said_once() -> None:
    assert head_fault([HOST, CHUNKED], "1.0") is not None
    assert head_fault([HOST, CHUNKED, CHUNKED], "1.1") is not None


def test_there_is_one_key_in_one_header() -> None:
    key = (b"authorization", b"Bearer k")

    assert head_fault([HOST, key], "1.1") is None
    assert head_fault([HOST, key, key], "1.1") is not None


def test_headers_are_many_but_not_more() -> None:
    assert head_fault([HOST] + [(b"x", b"1")] * (MAX_HEADERS - 1), "1.1") is None
    assert isinstance(head_fault([HOST] + [(b"x", b"1")] * MAX_HEADERS, "1.1"), HeadersTooLargeError)


def test_a_head_is_as_long_as_it_is_on_the_wire() -> None:
    exactly = MAX_HEAD_BYTES - len(b"/") - len(b"x: \r\n")

    assert not is_too_long(b"/", [(b"x", b"v" * exactly)])
    assert is_too_long(b"/", [(b"x", b"v" * (exactly + 1))])


def test_a_wish_for_another_protocol_is_left_out_and_all_else_kept() -> None:
    headers = [
        HOST,
        (b"connection", b"Upgrade, HTTP2-Settings, close"),
        (b"upgrade", b"h2c"),
        (b"http2-settings", b"AAMAAABk"),
        (b"content-length", b"2"),
    ]

    assert without_upgrade(b"POST", b"/v1?a=b", "1.1", headers) == (
        b"POST /v1?a=b HTTP/1.1\r\nhost: example.test\r\nconnection: close\r\ncontent-length: 2\r\n\r\n"
    )


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"api-key"])
def test_a_key_is_sent_once(name: bytes) -> None:
    fault = head_fault([HOST, (name, b"a"), (name, b"b")], "1.1")

    assert isinstance(fault, InvalidRequestError)
    assert head_fault([HOST, (name, b"a")], "1.1") is None
