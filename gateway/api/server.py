"""Serve the two planes on their ports, in one event loop, until told to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from gateway.api.probes import Readiness

KEEP_ALIVE_S = 75
DRAIN_S = 30
BACKLOG = 2048


class PortTakenError(Exception):
    """The address cannot be listened on."""


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


async def serve(applications: list[tuple[ASGIApp, socket.socket]], readiness: Readiness) -> None:
    """Serve each application on its socket until SIGTERM or SIGINT, then let the requests under way finish."""
    servers = [(_Server(_config(app)), listener) for app, listener in applications]

    def stop() -> None:
        readiness.drain()
        for server, _ in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        backlog=BACKLOG,
    )
