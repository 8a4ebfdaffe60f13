import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.api.exchange import ChatExchange, ClientGoneError, credential_of
from gateway.domain.errors import (
    BodyTooLargeError,
    GatewayError,
    InvalidRequestError,
    UpstreamRateLimitError,
)
from gateway.ports import AnswerHead
from tests.unit.api.asgi_client import Wire, scope

HI = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}'


def exchange(wire: Wire, *, limit: int = 1_000, **headers: str) -> ChatExchange:
    return ChatExchange(scope(**headers), wire.receive, wire.send, request_id="id", max_body_bytes=limit)


def read(wire: Wire, *, limit: int = 1_000, **headers: str) -> str:
    async def run() -> str:
        return (await exchange(wire, limit=limit, **headers).read()).alias

    return asyncio.run(run())


@pytest.mark.parametrize(
    "parts", [(HI,), (HI[:5], HI[5:]), (b"", HI, b""), tuple(HI[at : at + 1] for at in range(len(HI)))]
)
def test_a_body_is_read_whole_however_it_comes(parts: tuple[bytes, ...]) -> None:
    assert read(Wire(*parts)) == "auto"


def test_a_body_declared_too_large_is_refused_unread() -> None:
    wire = Wire(HI)

    with pytest.raises(BodyTooLargeError, match="larger than 50 bytes"):
        read(wire, limit=50, content_length="51")
    assert wire.received == 0


def test_a_body_that_grows_too_large_is_refused_where_it_does() -> None:
    wire = Wire(*[b" " * 30] * 100)

    with pytest.raises(BodyTooLargeError):
        read(wire, limit=50)
    assert wire.received == 2


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert read(Wire(HI), limit=len(HI), content_length=str(len(HI))) == "auto"


def test_a_compressed_body_is_refused_unread() -> None:
    wire = Wire(HI)

    with pytest.raises(InvalidRequestError, match="content-encoding 'gzip'"):
        read(wire, content_encoding="gzip")
    assert wire.received == 0


def test_a_client_that_leaves_before_its_body_is_whole_has_gone() -> None:
    with pytest.raises(ClientGoneError):
        read(Wire(HI[:5], leaves=True))


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({}, None),
        ({b"authorization": b"Bearer abc"}, "abc"),
        ({b"authorization": b"bearer  a b "}, "a b"),
        ({b"authorization": b"Basic abc"}, None),
        ({b"authorization": b"Bearer"}, None),
        ({b"x-api-key": b"abc"}, "abc"),
        ({b"api-key": b"\xff"}, "\u00ff"),
        ({b"authorization": b"Basic x", b"x-api-key": b"abc"}, "abc"),
        ({b"authorization": b"Bearer abc", b"x-api-key": b"other"}, "abc"),
    ],
)
def test_the_key_is_found_where_clients_put_it(headers: dict[bytes, bytes], credential: str | None) -> None:
    assert credential_of(headers) == credential


def refused(error: GatewayError) -> Wire:
    wire = Wire()

    async def run() -> int:
        return await exchange(wire).refuse(error, AnswerHead())

    assert asyncio.run(run()) == wire.status
    return wire


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (6.6, "7"), (3_600.0, "3600")])
def test_a_rate_limit_says_when_to_come_back_in_whole_seconds(seconds: float, header: str) -> None:
    wire = refused(UpstreamRateLimitError("busy", retry_after_s=seconds))

    assert (wire.status, wire.headers["retry-after"]) == (429, header)


def test_an_error_without_a_time_has_no_retry_after() -> None:
    assert "retry-after" not in refused(UpstreamRateLimitError("busy")).headers


def test_a_body_too_large_closes_the_connection_for_it_is_still_coming() -> None:
    assert refused(BodyTooLargeError("large")).headers["connection"] == "close"
    assert "connection" not in refused(InvalidRequestError("bad")).headers


def test_an_error_before_the_answer_is_an_answer() -> None:
    wire = Wire()

    async def run() -> None:
        await exchange(wire).break_off(GatewayError("it broke"))

    asyncio.run(run())
    assert (wire.status, wire.error["message"]) == (500, "it broke")


def test_an_error_within_a_stream_is_its_last_event() -> None:
    wire = Wire()

    async def run() -> None:
        each = exchange(wire)
        await each.start_stream(AnswerHead())
        await each.send(b"data: 1\n\n")
        await each.break_off(GatewayError("it broke"))

    asyncio.run(run())
    assert wire.status == 200
    assert wire.body.startswith(b'data: 1\n\ndata: {"error":{"message":"it broke"')
    assert wire.body.endswith(b"\n\n")
    assert wire.is_ended


def test_an_error_after_the_answer_says_nothing_more() -> None:
    wire = Wire()

    async def run() -> None:
        each = exchange(wire)
        await each.answer(AnswerHead(), b"{}")
        await each.break_off(GatewayError("it broke"))

    asyncio.run(run())
    assert (wire.status, wire.body) == (200, b"{}")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({}, ""),
        ({"x_session_id": "case-17"}, "case-17"),
        ({"x_session_id": "theirs", "x_sizewise_session": "ours"}, "ours"),
        ({"x_session_id": "s" * 10_000}, "s" * 256),
    ],
)
def test_a_client_names_its_conversation_in_a_header_of_bounded_length(headers: dict[str, Any], named: str) -> None:
    async def session_id() -> str:
        return exchange(Wire(), **headers).session_id

    assert asyncio.run(session_id()) == named


def test_only_the_headers_asked_for_are_given() -> None:
    async def headers() -> Mapping[str, str]:
        return exchange(Wire(), x_team="claims", x_other="1").headers({"x-team", "x-absent"})

    assert asyncio.run(headers()) == {"x-team": "claims"}
