"""The fault proxy does to a connection what its faults say, and nothing where they say nothing."""

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import FaultProxy, Faults, full_listener
from tests.gateway_process import eventually

HELLO = b"hello, upstream" * 100


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets, and ends when its client does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=_echo, args=(listener.accept()[0],), daemon=True).start()


def _echo(wire: socket.socket) -> None:
    with wire, contextlib.suppress(OSError):
        while data := wire.recv(1 << 16):
            wire.sendall(data)


@pytest.fixture(scope="module")
def running(echo_port: int) -> Iterator[FaultProxy]:
    with FaultProxy.run_in_thread("127.0.0.1", echo_port) as proxy:
        yield proxy


@pytest.fixture
def proxy(running: FaultProxy) -> FaultProxy:
    """The proxy, healthy."""
    running.mend()
    running.accept()
    return running


def wire_to(proxy: FaultProxy, timeout_s: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout_s)


def echoed(wire: socket.socket, size: int = len(HELLO)) -> bytes:
    """What comes back, up to `size` bytes or the end."""
    got = b""
    while len(got) < size and (data := wire.recv(1 << 16)):
        got += data
    return got


def timed(proxy: FaultProxy) -> float:
    """Seconds for one exchange on a connection of its own."""
    with wire_to(proxy) as wire:
        started_s = time.monotonic()
        wire.sendall(HELLO)
        assert echoed(wire) == HELLO
        return time.monotonic() - started_s


def test_what_passes_a_healthy_proxy_is_not_changed(proxy: FaultProxy) -> None:
    assert timed(proxy) < 1.0


def test_latency_delays_both_ways_by_at_least_as_much_and_jitter_by_no_more_than_it_says(proxy: FaultProxy) -> None:
    proxy.break_with(to_client=Faults(latency_s=0.05, jitter_s=0.05), to_upstream=Faults(latency_s=0.05))

    assert 0.1 <= timed(proxy) < 1.0


def test_a_blackhole_takes_the_connection_and_gives_nothing_back(proxy: FaultProxy) -> None:
    proxy.break_with(to_upstream=Faults(is_blackhole=True))

    with wire_to(proxy, timeout_s=0.2) as wire:
        wire.sendall(HELLO)
        with pytest.raises(TimeoutError):
            wire.recv(1)


def test_a_reset_comes_after_so_many_bytes_and_is_one(proxy: FaultProxy) -> None:
    proxy.break_with(to_client=Faults(reset_after_bytes=700))

    with wire_to(proxy) as wire:
        wire.sendall(HELLO)
        assert echoed(wire, 700) == HELLO[:700]
        with pytest.raises(ConnectionResetError):
            wire.recv(1)


def test_a_cut_comes_after_so_many_bytes_and_is_an_end(proxy: FaultProxy) -> None:
    proxy.break_with(to_client=Faults(cut_after_bytes=700))

    with wire_to(proxy) as wire:
        wire.sendall(HELLO)
        assert echoed(wire) == HELLO[:700]


def test_slices_arrive_one_by_one(proxy: FaultProxy) -> None:
    proxy.break_with(to_client=Faults(slice_bytes=500, slice_gap_s=0.03))

    with wire_to(proxy) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(HELLO)
        assert len(wire.recv(1 << 16)) == 500
        assert echoed(wire, 1000) == HELLO[500:]


def test_bandwidth_is_the_limit(proxy: FaultProxy) -> None:
    proxy.break_with(to_client=Faults(bytes_per_s=10_000))

    assert 0.12 <= timed(proxy) < 1.0


def test_the_end_is_passed_on_late(proxy: FaultProxy) -> None:
    proxy.break_with(to_client=Faults(close_delay_s=0.2))

    with wire_to(proxy) as wire:
        wire.shutdown(socket.SHUT_WR)
        started_s = time.monotonic()
        assert wire.recv(1) == b""
        assert time.monotonic() - started_s >= 0.15


def test_a_proxy_that_is_down_refuses_and_resets_and_can_come_back(proxy: FaultProxy) -> None:
    with wire_to(proxy) as wire:
        wire.sendall(HELLO)
        echoed(wire)

        proxy.refuse()

        with pytest.raises(ConnectionResetError):
            wire.recv(1)
    with pytest.raises(ConnectionRefusedError):
        wire_to(proxy)
    proxy.accept()
    assert timed(proxy) < 1.0


def test_faults_are_switched_for_connections_that_are_open(proxy: FaultProxy) -> None:
    with wire_to(proxy) as wire:
        wire.sendall(HELLO)
        echoed(wire)
        proxy.break_with(to_client=Faults(is_blackhole=True))
        wire.settimeout(0.2)
        wire.sendall(b"lost")
        with pytest.raises(TimeoutError):
            wire.recv(1)
        proxy.mend()

        wire.sendall(b"found")

        assert wire.recv(100) == b"found"


def test_no_connection_is_left_behind(proxy: FaultProxy) -> None:
    timed(proxy)

    assert eventually(lambda: proxy.open_links == 0 or None, "the end of all links", 2.0)


def test_a_full_listener_never_completes_a_handshake() -> None:
    with full_listener() as port, socket.socket() as wire:
        wire.settimeout(0.3)
        with pytest.raises(TimeoutError):
            wire.connect(("127.0.0.1", port))
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.EINPROGRESS)
