import asyncio

from gateway.api.keep_alive import KeepAlives
from tests.virtual_time import run


class Stream:
    def __init__(self) -> None:
        self.ticks_s: list[float] = []

    def keep_alive(self) -> None:
        self.ticks_s.append(asyncio.get_running_loop().time())


def _ticks_s(silence_s: float, under_way_s: float) -> list[float]:
    stream = Stream()

    async def main() -> None:
        began_s = asyncio.get_running_loop().time()
        keep_alives = KeepAlives(silence_s)
        keep_alives.add(stream)
        await asyncio.sleep(under_way_s)
        keep_alives.discard(stream)
        await asyncio.sleep(10 * (silence_s + 1.0))
        stream.ticks_s[:] = [at_s - began_s for at_s in stream.ticks_s]

    run(main())
    return stream.ticks_s


def test_each_stream_is_looked_at_twice_in_the_time_it_may_be_silent_and_no_more_once_it_is_over() -> None:
    assert _ticks_s(10.0, 21.0) == [5.0, 10.0, 15.0, 20.0]


def test_where_silence_may_last_for_ever_nobody_is_looked_at() -> None:
    assert _ticks_s(0.0, 100.0) == []
