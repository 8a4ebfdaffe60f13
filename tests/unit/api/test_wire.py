"""The guarded protocol over a real socket, before an application that answers with what it read."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from uvicorn.server import ServerState

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.departure import departure_of
from gateway.api.wire import MAX_PIPELINED, GuardedProtocol, WireConfig, WireLimits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Echo:
    """An application that answers each request with its method and body, once `may_answer`; and what became of each."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    left: int = 0
    headers: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    answer_bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        self.headers.append(scope["headers"])
        departure_of(scope).tell(self._leave)
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        await self.may_answer.wait()
        answer = scope["method"].encode() + b"[" + body + b"]" + b"." * self.answer_bytes
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}
        await send(start)
        await send({"type": "http.response.body", "body": answer})

    def _leave(self) -> None:
        self.left += 1


@dataclass
class Served:
    """A client's side, and the server's."""

    app: Echo
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connections: set[GuardedProtocol]
    rejected: list[str]

    async def answers(self, sent: bytes) -> bytes:
        """All that comes until the server closes."""
        self.writer.write(sent)
        return await self.reader.read()

    def check_at(self, later_s: float) -> None:
        for connection in list(self.connections):
            connection.check(asyncio.get_running_loop().time() + later_s)


@asynccontextmanager
async def served(app: Echo | None = None) -> AsyncIterator[Served]:
    app = app or Echo()
    app.may_answer.set()
    rejected: list[str] = []
    limits = WireLimits(head_s=10, body_s=30, stall_s=60, keep_alive_s=75)
    config = WireConfig(app, limits=limits, rejected=rejected.append, ws="none", lifespan="off", log_config=None)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GuardedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield Served(app, reader, writer, state.connections, rejected)  # type: ignore[arg-type]
    finally:
        writer.close()
        server.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(bounded())


def statuses(answers: bytes) -> list[int]:
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


async def settle() -> None:
    await asyncio.sleep(0.05)


def test_requests_are_answered_in_order_and_a_faulty_one_after_them_last() -> None:
    async def scenario() -> None:
        async with served() as each:
            answers = await each.answers(GET + POST + b"2\r\nhi\r\n0\r\n\r\n" + b"no HTTP\r\n\r\n")

            assert statuses(answers) == [200, 200, 400]
            assert b"POST[hi]" in answers
            assert b"connection: close" in answers
            assert each.rejected == ["invalid_request"]

    run(scenario)


def test_nothing_is_served_after_a_fault() -> None:
    async def scenario() -> None:
        async with served() as each:
            assert statuses(await each.answers(b"GET / HTTP/1.1\r\n\r\n" + GET)) == [400]
            assert each.app.begun == 0

    run(scenario)


def test_a_body_that_turns_out_faulty_is_answered_for_its_own_request_and_the_work_ended() -> None:
    async def scenario() -> None:
        async with served() as each:
            each.writer.write(POST + b"2\r\nhi\r\n")
            await settle()

            assert statuses(await each.answers(b"x\r\n")) == [400]
            assert (each.app.begun, each.app.left) == (1, 1)

    run(scenario)


def test_a_faulty_body_in_the_queue_is_answered_when_its_turn_comes() -> None:
    async def scenario() -> None:
        async with served() as each:
            each.app.may_answer.clear()
            each.writer.write(GET + POST + b"x\r\n")
            await settle()
            each.app.may_answer.set()

            assert statuses(await each.answers(b"")) == [200, 400]
            assert each.app.begun == 1

    run(scenario)


def test_too_many_requests_at_once_are_answered_as_far_as_they_are_taken() -> None:
    async def scenario() -> None:
        async with served() as each:
            answers = statuses(await each.answers(GET * 100))

            assert answers == [200] * (MAX_PIPELINED + 1) + [400]

    run(scenario)


def test_trailers_are_no_headers() -> None:
    async def scenario() -> None:
        async with served() as each:
            await each.answers(POST + b"0\r\nAuthorization: forged\r\n\r\n" + CLOSE)

            assert [name for name, _ in each.app.headers[0]] == [b"host", b"transfer-encoding"]

    run(scenario)


@pytest.mark.parametrize("cut", [0, 3])
def test_a_wish_for_http_2_is_passed_over_and_the_body_read(cut: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n"

    async def scenario() -> None:
        async with served() as each:
            each.writer.write(head + b"hello"[:cut])
            await settle()

            assert (await each.answers(b"hello"[cut:])).endswith(b"POST[hello]")

    run(scenario)


def test_a_proxys_method_is_refused() -> None:
    async def scenario() -> None:
        async with served() as each:
            assert statuses(await each.answers(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")) == [405]

    run(scenario)


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_head_that_is_too_long_is_told_however_it_comes(pieces: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"
    size = len(head) // pieces + 1

    async def scenario() -> None:
        async with served() as each:
            for at in range(0, len(head), size):
                each.writer.write(head[at : at + size])
                await settle()

            assert statuses(await each.answers(b"")) == [431]
            assert each.rejected == ["headers_too_large"]

    run(scenario)


def test_a_head_without_end_is_refused_while_it_comes() -> None:
    async def scenario() -> None:
        async with served() as each:
            each.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            for _ in range(10):
                each.writer.write(b"x" * 50_000)
                await settle()
                if each.rejected:
                    break

            assert statuses(await each.reader.read()) == [431]

    run(scenario)


def test_trailers_without_end_are_refused_while_they_come() -> None:
    async def scenario() -> None:
        async with served() as each:
            each.writer.write(POST + b"0\r\n")
            for _ in range(10):
                each.writer.write(b"X: y\r\n" * 10_000)
                await settle()
                if each.rejected:
                    break

            assert statuses(await each.reader.read()) == [400]

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "later_s", "status"),
    [
        (GET[:10], 9.0, None),
        (GET[:10], 10.5, 408),
        (POST + b"2\r\nhi\r\n", 29.0, None),
        (POST + b"2\r\nhi\r\n", 30.5, 408),
        (POST + b"40000\r\n" + b"x" * 0x40000 + b"\r\n", 45.0, None),
        (POST + b"40000\r\n" + b"x" * 0x40000 + b"\r\n", 47.0, 408),
    ],
    ids=["head", "slow head", "body", "slow body", "long body", "long slow body"],
)
def test_what_does_not_come_whole_in_time_is_a_408(sent: bytes, later_s: float, status: int | None) -> None:
    async def scenario() -> None:
        async with served() as each:
            each.writer.write(sent)
            await settle()

            each.check_at(later_s)

            assert each.rejected == ([] if status is None else ["request_timeout"])
            if status is not None:
                assert statuses(await each.reader.read()) == [status]

    run(scenario)


@pytest.mark.parametrize("before", [b"", GET], ids=["never asked", "asked once"])
def test_a_client_that_asks_for_nothing_is_closed_without_a_word(before: bytes) -> None:
    async def scenario() -> None:
        async with served() as each:
            each.writer.write(before)
            await settle()
            each.check_at(74.0)
            assert len(each.connections) == 1

            each.check_at(76.0)

            assert statuses(await each.reader.read()) == [200] * bool(before)
            assert each.rejected == []

    run(scenario)


def test_an_answer_may_take_as_long_as_it_takes() -> None:
    async def scenario() -> None:
        async with served() as each:
            each.app.may_answer.clear()
            each.writer.write(CLOSE)
            await settle()
            each.check_at(10_000.0)
            each.app.may_answer.set()

            assert statuses(await each.reader.read()) == [200]

    run(scenario)


def test_a_client_that_leaves_is_told_to_whoever_works_for_it_though_it_asked_for_more() -> None:
    async def scenario() -> None:
        async with served() as each:
            each.app.may_answer.clear()
            each.writer.write(GET + GET)
            await settle()

            each.writer.close()
            await settle()

            assert (each.app.begun, each.app.left) == (1, 1)

    run(scenario)


def test_a_client_that_takes_nothing_is_cut_off_and_one_that_takes_a_little_is_not() -> None:
    async def scenario() -> None:
        async with served(Echo(answer_bytes=32_000_000)) as each:
            each.writer.transport.pause_reading()  # type: ignore[attr-defined]
            socket = each.writer.get_extra_info("socket").fileno()
            each.writer.write(GET)
            await settle()
            each.check_at(0.0)
            each.check_at(59.0)
            assert len(each.connections) == 1
            while True:
                try:
                    os.read(socket, 1 << 20)
                except BlockingIOError:
                    break
            await settle()
            each.check_at(61.0)
            assert len(each.connections) == 1

            each.check_at(200.0)
            await settle()

            assert len(each.connections) == 0

    run(scenario)
