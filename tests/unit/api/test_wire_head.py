import pytest

from gateway.api.wire_head import MAX_HEAD_BYTES, MAX_HEADERS, Callers, Pairs, head_fault, is_too_long, without_upgrade
from gateway.api.wire_host import LOOPBACK, Hosts
from gateway.domain.errors import HeadersTooLargeError, InvalidRequestError, RequestError

HOST = (b"host", b"example.test")
CHUNKED = (b"transfer-encoding", b"chunked")
OPEN_ADMIN = Callers(hosts=Hosts(LOOPBACK), is_same_origin=True)


def fault_of(headers: Pairs, version: str, target: bytes = b"/v1/models") -> RequestError | None:
    return head_fault(target, headers, version)


@pytest.mark.parametrize("host", [b"127.0.0.1:8081", b"localhost", b"LOCALHOST.:1", b"[::1]:8081"])
def test_a_plane_without_a_key_answers_to_this_machines_own_names(host: bytes) -> None:
    assert head_fault(b"/", [(b"host", host)], "1.1", OPEN_ADMIN) is None
    assert head_fault(b"/", [(b"host", host), (b"origin", b"http://" + host)], "1.1", OPEN_ADMIN) is None


@pytest.mark.parametrize("host", [b"rebound.example", b"127.0.0.1.example", b"10.0.0.1"])
def test_a_name_that_only_leads_there_is_not_enough(host: bytes) -> None:
    fault = head_fault(b"/", [(b"host", host)], "1.1", OPEN_ADMIN)

    assert fault is not None
    assert "SIZEWISE_ALLOWED_HOSTS" in fault.message


@pytest.mark.parametrize("origin", [b"https://page.example", b"null", b"http://localhost:3000", b"file://"])
def test_no_other_web_page_calls_a_plane_without_a_key(origin: bytes) -> None:
    headers = [(b"host", b"localhost:8081"), (b"origin", origin)]

    assert head_fault(b"/", headers, "1.1", OPEN_ADMIN) is not None
    assert head_fault(b"/", headers, "1.1") is None


def test_where_names_are_listed_a_request_must_name_one_even_in_http_1_0() -> None:
    assert head_fault(b"/", [], "1.0", Callers(hosts=Hosts(["a.example"]))) is not None
    assert head_fault(b"/", [], "1.0") is None


def test_the_target_is_judged_too() -> None:
    assert head_fault(b"/#@x", [HOST], "1.1") is not None
    assert head_fault(b"http://other.test/", [HOST], "1.1") is not None
    assert head_fault(b"http://other.test/", [], "1.0") is None


@pytest.mark.parametrize(
    "host", [b"a", b"a:80", b"api.example.test:8080", b"127.0.0.1:1", b"[::1]", b"[::ffff:1.2.3.4]:443", b"my_service"]
)
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(host: bytes) -> None:
    assert fault_of([(b"host", host)], "1.1") is None


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
    assert isinstance(fault_of([(b"host", host)], "1.1"), InvalidRequestError)


def test_there_is_exactly_one_host() -> None:
    assert fault_of([HOST, HOST], "1.1") is not None
    assert fault_of([], "1.1") is not None


def test_an_http_1_0_client_need_not_name_one() -> None:
    assert fault_of([], "1.0") is None
    assert fault_of([HOST, HOST], "1.0") is not None


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2"])
def test_no_other_version_is_taken(version: str) -> None:
    assert fault_of([HOST], version) is not None


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity", b"chunked;x=1", b""])
def test_a_body_comes_plain_or_in_chunks(coding: bytes) -> None:
    assert fault_of([HOST, (b"transfer-encoding", b"Chunked")], "1.1") is None
    assert fault_of([HOST, (b"transfer-encoding", coding)], "1.1") is not None


def test_chunks_are_http_1_1s_and_said_once() -> None:
    assert fault_of([HOST, CHUNKED], "1.0") is not None
    assert fault_of([HOST, CHUNKED, CHUNKED], "1.1") is not None


def test_there_is_one_key_in_one_header() -> None:
    key = (b"authorization", b"Bearer k")

    assert fault_of([HOST, key], "1.1") is None
    assert fault_of([HOST, key, key], "1.1") is not None


def test_headers_are_many_but_not_more() -> None:
    assert fault_of([HOST] + [(b"x", b"1")] * (MAX_HEADERS - 1), "1.1") is None
    assert isinstance(fault_of([HOST] + [(b"x", b"1")] * MAX_HEADERS, "1.1"), HeadersTooLargeError)


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
    fault = fault_of([HOST, (name, b"a"), (name, b"b")], "1.1")

    assert isinstance(fault, InvalidRequestError)
    assert fault_of([HOST, (name, b"a")], "1.1") is None
