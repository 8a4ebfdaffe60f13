"""A TCP proxy that breaks what passes through it, in a thread of its own; the faults are switched while it runs.

The kinds are Toxiproxy's (its README names them), each for one direction or both.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

_LINGER_ZERO = struct.pack("ii", 1, 0)
_PIECE_BYTES = 64 << 10
_ANSWER_S = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What happens to the bytes of one direction. Counts of bytes are of each connection, from its start.

    latency_s, jitter_s  each piece read waits so long, and up to so much longer
    is_blackhole         bytes are taken and never come out
    reset_after_bytes    both sides get an RST once so many bytes have passed
    cut_after_bytes      both sides get a FIN once so many bytes have passed
    slice_bytes          pieces of this size, `slice_gap_s` between two
    bytes_per_s          the bandwidth
    close_delay_s        the end of the stream is passed on so much later
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    is_blackhole: bool = False
    reset_after_bytes: int | None = None
    cut_after_bytes: int | None = None
    slice_bytes: int | None = None
    slice_gap_s: float = 0.0
    bytes_per_s: float | None = None
    close_delay_s: float = 0.0


HEALTHY = Faults()


@dataclass(slots=True, eq=False)
class _Link:
    """One client's connection and the one made for it."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter
    passed: dict[str, int] = field(default_factory=lambda: {"to_client": 0, "to_upstream": 0})

    def reset(self) -> None:
        for writer in (self.client, self.upstream):
            with contextlib.suppress(OSError):  # closed already
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            writer.transport.abort()

    def close(self) -> None:
        self.client.close()
        self.upstream.close()


class FaultProxy:
    """In front of one TCP upstream. The methods without an underscore are for the thread that does not serve.

    accepted  connections taken so far
    """

    def __init__(self, upstream_host: str, upstream_port: int, host: str = "127.0.0.1") -> None:
        self._upstream = (upstream_host, upstream_port)
        self._host = host
        self._faults = {"to_client": HEALTHY, "to_upstream": HEALTHY}
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._dice = random.Random(20)
        self.port = 0
        self.accepted = 0

    @classmethod
    @contextmanager
    def run_in_thread(cls, upstream_host: str, upstream_port: int, host: str = "127.0.0.1") -> Iterator[Self]:
        proxy = cls(upstream_host, upstream_port, host)
        proxy._thread.start()
        try:
            proxy._call(proxy._listen())
            yield proxy
        finally:
            proxy._call(proxy._stop())
            proxy._loop.call_soon_threadsafe(proxy._loop.stop)
            proxy._thread.join()
            proxy._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_links(self) -> int:
        return len(self._links)

    def break_with(self, *, to_client: Faults = HEALTHY, to_upstream: Faults = HEALTHY) -> None:
        """From now on, for the connections that are open too."""
        self._faults = {"to_client": to_client, "to_upstream": to_upstream}

    def mend(self) -> None:
        self.break_with()

    def refuse(self) -> None:
        """Refuse connections and reset those that are open, until `accept`."""
        self._call(self._stop())

    def accept(self) -> None:
        self._call(self._listen())

    def reset_all(self) -> None:
        """Reset the connections that are open."""
        self._call(self._reset_all())

    def close_all(self) -> None:
        """Close the connections that are open, as a server does with those that are idle."""
        self._call(self._close_all())

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self._host, self.port, reuse_address=True)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset_all()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reset_all(self) -> None:
        for link in tuple(self._links):
            link.reset()

    async def _close_all(self) -> None:
        for link in tuple(self._links):
            link.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.close()
            return
        link = _Link(writer, far_writer)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump("to_upstream", reader, far_writer, link))
                pumps.create_task(self._pump("to_client", far_reader, writer, link))
        finally:
            link.close()
            self._links.discard(link)

    async def _pump(
        self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link
    ) -> None:
        """Pass bytes on until the stream ends; an end is passed on as an end, a reset as a reset."""
        try:
            while data := await reader.read(_PIECE_BYTES):
                await self._pass_on(direction, data, writer, link)
            await asyncio.sleep(self._faults[direction].close_delay_s)
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:  # one side is gone: so is the other
            link.reset()

    async def _pass_on(self, direction: str, data: bytes, writer: asyncio.StreamWriter, link: _Link) -> None:
        faults = self._faults[direction]
        if faults.is_blackhole:
            return
        if faults.latency_s or faults.jitter_s:
            await asyncio.sleep(faults.latency_s + self._dice.random() * faults.jitter_s)
        for piece in self._slices(data, faults):
            kept = self._kept(piece, link.passed[direction], faults)
            writer.write(kept)
            await writer.drain()
            link.passed[direction] += len(kept)
            if len(kept) < len(piece) or self._is_spent(link.passed[direction], faults):
                await self._break_off(link, faults)
                return
            await asyncio.sleep(faults.slice_gap_s + (len(kept) / faults.bytes_per_s if faults.bytes_per_s else 0.0))

    @staticmethod
    def _slices(data: bytes, faults: Faults) -> Iterator[bytes]:
        size = faults.slice_bytes or (max(1, int(faults.bytes_per_s / 50)) if faults.bytes_per_s else len(data))
        return (data[at : at + size] for at in range(0, len(data), size))

    @staticmethod
    def _kept(piece: bytes, passed: int, faults: Faults) -> bytes:
        for limit in (faults.reset_after_bytes, faults.cut_after_bytes):
            if limit is not None:
                piece = piece[: max(0, limit - passed)]
        return piece

    @staticmethod
    def _is_spent(passed: int, faults: Faults) -> bool:
        return any(
            limit is not None and passed >= limit for limit in (faults.reset_after_bytes, faults.cut_after_bytes)
        )

    @staticmethod
    async def _break_off(link: _Link, faults: Faults) -> None:
        if faults.reset_after_bytes is None:
            link.close()
            return
        await asyncio.sleep(0.02)  # an RST throws away what its receiver has not read
        link.reset()


@contextmanager
def full_listener() -> Iterator[int]:
    """The port of a listener whose backlog is full: the kernel drops each SYN, as behind a firewall that drops."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
