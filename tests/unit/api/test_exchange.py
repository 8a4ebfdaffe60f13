import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.api.asgi import Scope
from gateway.api.exchange import ChatExchange, ClientGoneError, credential_of
from gateway.api.keep_alive import KeepAlives
from gateway.api.load import Load
from gateway.domain.errors import (
    BodyTooLargeError,
    GatewayError,
    InvalidRequestError,
    OverloadedError,
    UnsupportedEncodingError,
    UpstreamRateLimitError,
)
from gateway.ports import AnswerHead
from tests.unit.api.asgi_client import Wire, a_load, leave, scope

HI = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}'


def exchange(wire: Wire, *, limit: int = 1_000, load: Load | None = None, **headers: str) -> ChatExchange:
    return exchange_of(scope(**headers), wire, limit=limit, load=load)


def exchange_of(request: Scope, wire: Wire, *, limit: int = 1_000, load: Load | None = None) -> ChatExchange:
    return ChatExchange(
        request,
        wire.receive,
        wire.send,
        request_id="id",
        max_body_bytes=limit,
        load=load or a_load(),
        keep_alives=KeepAlives(0.0),
    )


def read(wire: Wire, *, limit: int = 1_000, **headers: str) -> str:
    async def run() -> str:
        return (await exchange_of(scope(**headers), wire, limit=limit).read()).alias

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

    with pytest.raises(UnsupportedEncodingError, match="content-encoding 'gzip'"):
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
        ({b"authorization": b"Bearer abc", b"x-api-key": b"abc", b"api-key": b"abc"}, "abc"),
        ({b"authorization": b"Bearer abc", b"x-api-key": b""}, "abc"),
        ({b"authorization": b"Bearer ", b"api-key": b"abc"}, "abc"),
        ({b"authorization": b"Bearer ", b"api-key": b""}, None),
    ],
)
def test_the_key_is_found_where_clients_put_it(headers: dict[bytes, bytes], credential: str | None) -> None:
    assert credential_of(headers) == credential


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer abc", b"x-api-key": b"other"},
        {b"authorization": b"Bearer abc", b"api-key": b"ABC"},
        {b"x-api-key": b"abc", b"api-key": b"other"},
    ],
)
def test_two_different_keys_are_refused_without_repeating_either(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(InvalidRequestError, match="two different API keys") as caught:
        credential_of(headers)

    assert "abc" not in str(caught.value).lower()


def refused(error: GatewayError) -> Wire:
    wire = Wire()

    async def run() -> int:
        return await exchange(wire).refuse(error, AnswerHead())

    assert asyncio.run(run()) == wire.status
    return wire


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (6.2, "7"), (6.6, "7"), (3_600.0, "3600")])
def test_a_rate_limit_says_when_to_come_back_in_whole_seconds(seconds: float, header: str) -> None:
    wire = refused(UpstreamRateLimitError("busy", retry_after_s=seconds))

    assert (wire.status, wire.headers["retry-after"]) == (429, header)


def test_clients_that_read_milliseconds_are_told_them_and_none_too_early() -> None:
    assert refused(UpstreamRateLimitError("busy", retry_after_s=0.2503)).headers["retry-after-ms"] == "251"


def test_a_full_process_says_when_to_come_back() -> None:
    wire = refused(OverloadedError("full", retry_after_s=2.0))

    assert (wire.status, wire.headers["retry-after"], wire.error["code"]) == (503, "2", "overloaded")


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


@pytest.mark.parametrize(
    ("headers", "is_retry"),
    [({}, False), ({"x_stainless_retry_count": "0"}, False), ({"x_stainless_retry_count": "2"}, True)]
    + [({"x_stainless_retry_count": nonsense}, False) for nonsense in ("", "-1", "two", "1\u00b2")],
)
def test_a_retry_is_what_the_clients_sdk_counts_as_one(headers: dict[str, str], is_retry: bool) -> None:
    async def run() -> bool:
        return exchange_of(scope(**headers), Wire()).is_retry

    assert asyncio.run(run()) == is_retry


def test_a_body_is_held_as_it_comes_and_refused_where_the_process_can_hold_no_more() -> None:
    load = Load(max_requests=1, max_body_bytes=len(HI) - 1)

    async def run() -> int:
        each = exchange(Wire(HI[:5], HI[5:]), load=load)
        with pytest.raises(OverloadedError):
            await each.read()
        return each.body_bytes

    assert asyncio.run(run()) == load.body_bytes == 5


def test_a_client_that_leaves_cancels_the_work_on_a_request_that_is_read() -> None:
    async def run() -> bool:
        request = scope()
        each = exchange_of(request, Wire(HI))
        await each.read()
        asyncio.get_running_loop().call_soon(leave, request)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(10)
        return each.has_gone

    assert asyncio.run(run())


def test_a_client_that_left_before_its_request_was_read_has_gone() -> None:
    async def run() -> None:
        request = scope()
        leave(request)
        await exchange_of(request, Wire(HI)).read()

    with pytest.raises(ClientGoneError):
        asyncio.run(run())


def test_a_closed_exchange_is_not_cancelled_any_more() -> None:
    async def run() -> bool:
        request = scope()
        each = exchange_of(request, Wire(HI))
        await each.read()
        each.close()
        leave(request)
        await asyncio.sleep(0)
        return each.has_gone

    assert not asyncio.run(run())


def _streamed(*calls: str) -> Wire:
    """What the client got of a stream for which this was done, in order."""
    wire = Wire(HI)

    async def run() -> None:
        streaming = exchange(wire)
        for call in calls:
            if call == "start":
                await streaming.start_stream(AnswerHead(attempts=1))
            elif call == "tick":
                streaming.keep_alive()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            elif call == "end":
                await streaming.end_stream()
            elif call == "refuse":
                assert await streaming.refuse(UpstreamRateLimitError("busy"), AnswerHead()) == 200
            else:
                await streaming.send(call.encode())
        streaming.close()

    asyncio.run(run())
    return wire


def test_a_comment_that_was_due_is_not_sent_into_the_error_that_came_first() -> None:
    wire = Wire(HI)

    async def run() -> int:
        streaming = exchange(wire)
        streaming.keep_alive()
        status = await streaming.refuse(UpstreamRateLimitError("busy"), AnswerHead())
        await asyncio.sleep(0)
        streaming.close()
        return status

    assert asyncio.run(run()) == 429
    assert wire.error["code"] == "upstream_rate_limit"
    assert b"keep-alive" not in wire.body


def test_a_client_that_hears_nothing_from_one_tick_to_the_next_gets_a_comment() -> None:
    wire = _streamed("start", "data: a\n\n", "tick", "tick", "data: b\n\n", "tick", "end")

    assert wire.body == b"data: a\n\n: keep-alive\n\ndata: b\n\n"


def test_a_comment_begins_a_stream_whose_first_event_takes_long_and_the_rest_follows() -> None:
    wire = _streamed("tick", "tick", "start", "data: a\n\n", "end")

    assert wire.status == 200
    assert wire.headers["content-type"].startswith("text/event-stream")
    assert wire.body == b": keep-alive\n\ndata: a\n\n"


def test_a_failure_after_a_comment_is_the_last_event_of_the_stream() -> None:
    wire = _streamed("tick", "tick", "refuse")

    assert wire.status == 200
    assert wire.body.startswith(b': keep-alive\n\ndata: {"error":')
    assert wire.is_ended


def test_no_comment_comes_after_the_end() -> None:
    wire = _streamed("start", "tick", "end", "tick", "tick")

    assert wire.body == b""
