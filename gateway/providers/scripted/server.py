"""The scripted upstream as a server: in the caller's event loop, or in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from gateway.providers.scripted.connection import Connection
from gateway.providers.scripted.ledger import UpstreamLedger
from gateway.providers.scripted.responder import Responder

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class ScriptedUpstream:
    """A real HTTP server on loopback that speaks OpenAI's wire format and says that it is scripted.

    `async with ScriptedUpstream() as upstream:` serves in the running loop, `run_in_thread` in a thread. The
    model name in a request decides the behaviour: see `faults.py`. `port=0` takes any free port.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.ledger = UpstreamLedger()
        self._wanted_port = port
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port served on. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the scripted upstream is not started; use `async with` or call start()")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`; `/chat/completions` is served with and without `/v1` before it."""
        return f"http://{self.host}:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        """Serve from now on. Raises OSError if the port is taken."""
        loop = asyncio.get_running_loop()
        responder = Responder(self.ledger)
        self._server = await loop.create_server(
            lambda: Connection(responder, self._connections, loop), self.host, self._wanted_port, backlog=4096
        )

    async def stop(self) -> None:
        """Break off all connections and stop; harmless when not started. The ledger stays readable."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in tuple(self._connections):
            connection.stop()
        while self._connections:  # noqa: ASYNC110 (each leaves in its own callback, within a turn of the loop)
            await asyncio.sleep(0)
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @classmethod
    @contextmanager
    def run_in_thread(
        cls, *, host: str = "127.0.0.1", port: int = 0, loop_factory: LoopFactory | None = None
    ) -> Iterator[Self]:
        """Serve from a daemon thread with an event loop of its own, for code without one."""
        upstream = cls(host=host, port=port)
        started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        failed: list[BaseException] = []
        ready = threading.Event()

        async def serve() -> None:
            stopping = asyncio.Event()
            async with upstream:
                started.append((asyncio.get_running_loop(), stopping))
                ready.set()
                await stopping.wait()

        def run() -> None:
            try:
                with asyncio.Runner(loop_factory=loop_factory) as runner:
                    runner.run(serve())
            except OSError as exc:  # the port is taken: the caller's business
                failed.append(exc)
                ready.set()

        thread = threading.Thread(target=run, name="scripted-upstream", daemon=True)
        thread.start()
        ready.wait()
        if failed:
            raise failed[0]
        loop, stopping = started[0]
        try:
            yield upstream
        finally:
            loop.call_soon_threadsafe(stopping.set)
            thread.join()
