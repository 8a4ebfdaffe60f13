import asyncio

import pytest

from gateway.api.disconnects import Disconnects
from gateway.api.exchange import ChatExchange
from tests.unit.api.asgi_client import Wire, scope

TICK_S = 0.001


async def worked(disconnects: Disconnects, wire: Wire, seconds: float) -> ChatExchange:
    exchange = ChatExchange(scope(), wire.receive, wire.send, request_id="id", max_body_bytes=1)
    disconnects.add(exchange)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        assert exchange.has_gone
    finally:
        disconnects.discard(exchange)
    return exchange


def test_work_for_a_client_that_leaves_is_cancelled() -> None:
    exchange = asyncio.run(asyncio.wait_for(worked(Disconnects(TICK_S), Wire(leaves=True), 60), 10))

    assert exchange.has_gone


def test_work_for_a_client_that_stays_is_left_alone_and_its_watcher_ended() -> None:
    async def run() -> tuple[ChatExchange, int]:
        exchange = await worked(Disconnects(TICK_S), Wire(), 0.05)
        await asyncio.sleep(0)
        return exchange, len(asyncio.all_tasks())

    exchange, tasks = asyncio.run(run())

    assert not exchange.has_gone
    assert exchange.watcher is not None
    assert exchange.watcher.cancelled()
    assert tasks == 1


def test_a_short_exchange_gets_no_watcher() -> None:
    wire = Wire(leaves=True)

    exchange = asyncio.run(worked(Disconnects(60), wire, 0))

    assert exchange.watcher is None
    assert wire.received == 0


@pytest.mark.parametrize("pauses", [1, 3])
def test_watching_begins_anew_after_a_quiet_time(pauses: int) -> None:
    async def run() -> list[bool]:
        disconnects = Disconnects(TICK_S)
        gone = []
        for _ in range(pauses):
            await asyncio.sleep(10 * TICK_S)
            gone.append((await asyncio.create_task(worked(disconnects, Wire(leaves=True), 60))).has_gone)
        return gone

    assert asyncio.run(asyncio.wait_for(run(), 10)) == [True] * pauses
