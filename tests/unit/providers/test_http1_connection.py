"""One connection against a server that says exactly what a test wants it to."""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import uvloop

from gateway.providers.http1 import Http1Client, Http1Response
from gateway.providers.http1_connection import HIGH_WATER_BYTES, MAX_HEAD_BYTES, Connection
from gateway.providers.http_client import HttpError

Result = TypeVar("Result")
Say = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


async def request(reader: asyncio.StreamReader) -> None:
    """Read one request without a body."""
    await reader.readuntil(b"\r\n\r\n")


def says(*pieces: bytes) -> Say:
    """Answer one request with these bytes, each on its own, then close."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return say


def against(say: Say, use: Callable[[Callable[[], Awaitable[Http1Response]]], Awaitable[Result]]) -> Result:
    """Run `use` with a function that posts to a server that behaves like `say` on each of its connections."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await say(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> Result:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/x?y=1"
        client = Http1Client()
        try:
            async with asyncio.timeout(10):
                return await use(lambda: client.post(url, {}, b"", connect_s=2))
        finally:
            await client.aclose()
            server.close()
            handlers = asyncio.all_tasks() - {asyncio.current_task()}
            if handlers:
                await asyncio.wait(handlers, timeout=5)

    return asyncio.run(run())


def answer_to(say: Say) -> tuple[int, bytes]:
    async def use(post: Callable[[], Awaitable[Http1Response]]) -> tuple[int, bytes]:
        response = await post()
        return response.status, await response.read(1 << 20)

    return against(say, use)


@pytest.mark.parametrize("cut", range(1, len(HELLO)))
def test_an_answer_survives_a_cut_at_every_byte(cut: int) -> None:
    assert answer_to(says(HELLO[:cut], HELLO[cut:])) == (200, b"hello")


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HELLO,
    ],
    ids=["chunked", "ends where the connection does", "HTTP/1.0", "after an interim answer"],
)
def test_a_body_is_whole_however_its_end_is_told(answer: bytes) -> None:
    assert answer_to(says(answer)) == (200, b"hello")


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_chunked_body_survives_a_pause_around_every_byte(cut: int) -> None:
    """The head of a chunk may come alone: that is not the end of the body."""
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    at = len(answer) - cut

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for piece in (answer[:at], answer[at : at + 1], answer[at + 1 :]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)

    async def use(post: Callable[[], Awaitable[Http1Response]]) -> bytes:
        response = await post()
        body = b""
        while piece := await response.read_some():
            body += piece
        return body

    assert against(say, use) == b"hello world"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "before an answer came"),
        (b"HTTP/1.1 200", "before an answer came"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "before an answer came"),
        (OK + b"Content-Length: 9\r\n\r\nhello", "broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "broke off"),
        (b"SSH-2.0-OpenSSH_9\r\n", "is not HTTP"),
        (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "is not HTTP"),
        (OK + b"X: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n", "larger than"),
    ],
)
def test_an_answer_that_is_none_is_told(answer: bytes, reason: str) -> None:
    with pytest.raises(HttpError, match=reason) as caught:
        answer_to(says(answer))
    assert not caught.value.is_connect


async def two_bodies(post: Callable[[], Awaitable[Http1Response]]) -> list[bytes]:
    bodies = []
    for _ in range(2):
        response = await post()
        bodies.append(await response.read(100))
        response.close()
    return bodies


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_the_other_side_closed_is_replaced_without_a_word(reset: bool) -> None:
    connections = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await request(reader)
        writer.write(HELLO)
        if reset and len(connections) == 1:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def use(post: Callable[[], Awaitable[Http1Response]]) -> list[bytes]:
        first = await post()
        body = await first.read(100)
        first.close()
        await asyncio.sleep(0.05)
        second = await post()
        return [body, await second.read(100)]

    assert against(say, use) == [b"hello", b"hello"]
    assert len(connections) == 2


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_request_that_was_taken_is_not_sent_again(reset: bool) -> None:
    taken = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        taken.append(writer)
        writer.write(HELLO)
        await request(reader)
        taken.append(writer)
        if reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    with pytest.raises(HttpError, match="before an answer came") as caught:
        against(say, two_bodies)
    assert not caught.value.is_connect
    assert len(taken) == 2


def exchanged_after(
    end: Callable[[socket.socket], None], loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> bool:
    """`is_unread` of a connection whose other side did `end` after an answer, just before the next request left."""

    async def run() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, *listener.getsockname())
            wire = listener.accept()[0]
            first = asyncio.create_task(connection.send(b"GET / HTTP/1.1\r\n\r\n"))
            await asyncio.sleep(0)
            wire.recv(1 << 10)
            wire.sendall(HELLO)
            await first
            await connection.take()
            end(wire)
            assert connection.is_open
            assert connection.is_stale
            with pytest.raises(HttpError):
                await connection.send(b"GET / HTTP/1.1\r\n\r\n")
            return connection.is_unread

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere TCP does not tell what had arrived")
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_request_that_crossed_the_end_of_its_connection_is_known_to_be_unread(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    assert exchanged_after(socket.socket.close, loop_factory)


def test_of_a_reset_nobody_can_tell_what_was_read_before() -> None:
    def reset(wire: socket.socket) -> None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()

    assert not exchanged_after(reset, asyncio.new_event_loop)


def test_an_answer_that_broke_off_is_not_asked_for_again() -> None:
    requests = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (HELLO, OK + b"Content-"):
            await request(reader)
            requests.append(answer)
            writer.write(answer)

    async def use(post: Callable[[], Awaitable[Http1Response]]) -> None:
        first = await post()
        await first.read(100)
        first.close()
        await post()

    with pytest.raises(HttpError, match="before an answer came"):
        against(say, use)
    assert len(requests) == 2


@pytest.mark.parametrize("tail", [b"HTTP/1.1 200 OK\r\n\r\n", b"x"])
def test_a_connection_that_says_more_than_asked_is_not_used_again(tail: bytes) -> None:
    connections = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await request(reader)
        writer.write(HELLO)
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(tail)
        await reader.read()

    async def use(post: Callable[[], Awaitable[Http1Response]]) -> int:
        for _ in range(2):
            response = await post()
            await response.read(100)
            response.close()
            await asyncio.sleep(0.05)
        return len(connections)

    assert against(say, use) == 2


def test_a_reader_that_does_not_come_holds_the_upstream_back() -> None:
    sent = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK + b"\r\n")
        for _ in range(2_000):
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent.append(65_536)

    async def use(post: Callable[[], Awaitable[Http1Response]]) -> tuple[int, int]:
        response = await post()
        await asyncio.sleep(0.3)
        held = sum(sent)
        for _ in range(200):
            await response.read_some()
        response.close()
        return held, sum(sent)

    held, later = against(say, use)

    assert HIGH_WATER_BYTES < held < 64 << 20
    assert later > held


def test_a_header_with_a_line_break_is_not_sent() -> None:
    async def run() -> None:
        await Http1Client().post("http://127.0.0.1:9/", {"Authorization": "Bearer k\r\nX: y"}, b"", connect_s=1)

    with pytest.raises(HttpError, match="line break"):
        asyncio.run(run())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1:80/v1", "http:///v1"])
def test_a_url_that_is_not_http_is_told(url: str) -> None:
    async def run() -> None:
        await Http1Client().post(url, {}, b"", connect_s=1)

    with pytest.raises(HttpError, match="cannot be called"):
        asyncio.run(run())


def test_a_connection_that_is_closed_keeps_nothing_of_what_nobody_read() -> None:
    async def leave_it(post: Callable[[], Awaitable[Http1Response]]) -> list[bool]:
        response = await post()
        await asyncio.sleep(0.05)
        kept = [response._connection.has_pieces]
        response.close()
        return [*kept, response._connection.has_pieces]

    assert against(says(OK + b"Content-Length: 100000\r\n\r\n", b"x" * 1_000), leave_it) == [True, False]
