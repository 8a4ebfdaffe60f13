import asyncio
import os
import signal
import socket

import pytest
from starlette.applications import Starlette

from gateway.api.probes import Readiness, probe_routes
from gateway.api.server import Plane, PortTakenError, listen, serve
from gateway.api.wire import WireLimits


def test_port_0_takes_any_free_one() -> None:
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as other:
        assert one.getsockname()[1] != other.getsockname()[1]


def test_a_taken_port_is_told_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_an_address_that_is_none_is_told(host: str, port: int) -> None:
    with pytest.raises(PortTakenError, match="cannot listen on"):
        listen(host, port)


@pytest.mark.parametrize("signal_sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_both_planes(signal_sent: signal.Signals) -> None:
    readiness = Readiness()
    app = Starlette(routes=probe_routes(readiness, lambda: (b"", "text/plain")))

    async def run() -> bytes:
        with listen("127.0.0.1", 0) as data, listen("127.0.0.1", 0) as admin:
            planes = [Plane(app=app, listener=data), Plane(app=app, listener=admin)]
            serving = asyncio.create_task(serve(planes, readiness, limits=WireLimits(), rejected=lambda _: None))
            answer = await asyncio.wait_for(first_answer(data.getsockname()[1]), 10)
            os.kill(os.getpid(), signal_sent)
            await asyncio.wait_for(serving, 10)
            return answer

    answer = asyncio.run(run())
    assert answer.endswith(b"ready\n")
    assert not readiness.is_ready


async def first_answer(port: int) -> bytes:
    """The answer of /readyz, asked for until somebody listens."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
            continue
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


def test_half_a_request_on_either_plane_is_answered_when_its_time_is_over() -> None:
    readiness = Readiness()
    app = Starlette(routes=probe_routes(readiness, lambda: (b"", "text/plain")))
    rejected: list[str] = []

    async def half(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\nHo")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return answer

    async def run() -> list[bytes]:
        with listen("127.0.0.1", 0) as data, listen("127.0.0.1", 0) as admin:
            planes, limits = [Plane(app=app, listener=each) for each in (data, admin)], WireLimits(head_s=0.2)
            serving = asyncio.create_task(serve(planes, readiness, limits=limits, rejected=rejected.append))
            ports = (data.getsockname()[1], admin.getsockname()[1])
            answers = await asyncio.gather(*map(half, ports))
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(serving, 10)
            return answers

    assert [answer.partition(b"\r\n")[0] for answer in asyncio.run(run())] == [b"HTTP/1.1 408 Request Timeout"] * 2
    assert rejected == ["request_timeout"] * 2
