"""Serve the two planes on their ports, in one event loop, until told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from gateway.api.probes import Readiness
from gateway.api.wire import GuardedProtocol, WireConfig, WireLimits
from gateway.api.wire_head import ANYBODY, Callers

log = logging.getLogger(__name__)

DRAIN_S = 30
CHECK_S = 0.5
"""How often the deadlines of all connections are looked at: a microsecond each."""
BACKLOG = 2048


class PortTakenError(Exception):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """An application, where it is served, and who may call it there."""

    app: ASGIApp
    listener: socket.socket
    callers: Callers = ANYBODY


class _Server(uvicorn.Server):
    """A uvicorn server whose signals are handled here, once for both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, whose clients wait until it is served; port 0 takes any free one. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as exc:
        listener.close()
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise PortTakenError(
            f"cannot listen on {host}:{port}: {reason}; choose another port, 0 takes a free one"
        ) from exc
    listener.set_inheritable(True)
    return listener


async def serve(
    planes: Sequence[Plane],
    readiness: Readiness,
    *,
    limits: WireLimits,
    rejected: Callable[[str], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve each plane until SIGTERM or SIGINT, then let the requests under way finish.

    rejected  is told the code of each request that never reaches its application
    tls       of all planes; None: plain HTTP
    """
    servers = [(_Server(_config(plane, limits, rejected, tls)), plane.listener) for plane in planes]

    def stop() -> None:
        readiness.drain()
        for server, _ in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
    async with asyncio.TaskGroup() as group:
        checking = group.create_task(_keep_checking([server.server_state for server, _ in servers]))
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))
        checking.cancel()


async def _keep_checking(servers: Sequence[ServerState]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(CHECK_S)
        for server in servers:
            for connection in list(server.connections):
                _check(cast("GuardedProtocol", connection), loop.time())


def _check(connection: GuardedProtocol, now_s: float) -> None:
    try:
        connection.check(now_s)
    except Exception:  # the other connections keep their deadlines
        log.exception("a connection was cut off by a fault of the gateway")
        connection.transport.abort()


def _config(
    plane: Plane, limits: WireLimits, rejected: Callable[[str], None], tls: ssl.SSLContext | None
) -> uvicorn.Config:
    return WireConfig(
        plane.app,
        limits=limits,
        rejected=rejected,
        callers=plane.callers,
        tls=tls,
        loop="none",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
        backlog=BACKLOG,
    )
