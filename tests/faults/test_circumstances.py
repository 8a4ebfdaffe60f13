"""Faults 58, 62 and 63: prices, addresses, descriptors, and a loop that stands still."""

import resource
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.ledgers import footprint
from tests.faults.policies import Case
from tests.faults.proxy import FaultProxy
from tests.faults.runs import FaultRun, World
from tests.gateway_process import models_called

Faulty = Callable[..., AbstractContextManager[FaultRun]]


@pytest.fixture(scope="module")
def over_ipv6(upstream: ScriptedUpstream) -> Iterator[str]:
    with FaultProxy.run_in_thread("127.0.0.1", upstream.port, "::1") as proxy:
        yield f"http://[::1]:{proxy.port}/v1"


@pytest.fixture(scope="module")
def trap() -> Iterator[socket.socket]:
    """Where the proxy variables point: nobody must come."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="module")
def environment(trap: socket.socket) -> dict[str, str]:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}"
    names = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    return dict.fromkeys(names, url)


@pytest.fixture(scope="module")
def cases(over_ipv6: str) -> list[Case]:
    return [
        Case(alias="unpriced", model="nobody-knows-this", has_spare=False, deployment={"price": None}),
        Case(alias="slow", model="slow:200", has_spare=False),
        Case(alias="ipv6", model="over-ipv6", base=over_ipv6, has_spare=False),
    ]


def test_f058_an_unknown_price(faulty: Faulty) -> None:
    """The cost is unknown, with the reason, and a metric counts it; it is never 0."""
    with faulty() as run:
        record = run.record(run.ask("unpriced"))

        assert record.usage is not None
        assert record.cost_nano_usd is None
        assert record.unpriced is not None
        assert "price" in record.unpriced
        metrics = run.world.gateway.admin("/metrics").body.decode()
        name = record.attempts[0].deployment
        assert f'sizewise_price_missing_total{{deployment="{name}"}} 1.0' in metrics


def test_f062_an_upstream_with_ipv6_only(faulty: Faulty) -> None:
    """It is called as any other."""
    with faulty() as run:
        asked = run.ask("ipv6")

        assert asked.reply.json()["model"] == "over-ipv6"
        assert asked.reply.headers["x-sizewise-attempts"] == "1"


def status_of(run: FaultRun, alias: str) -> int:
    """The status of an answer; 0 where the connection was refused before a request was read."""
    try:
        return run.ask(alias).reply.status
    except ConnectionError:
        return 0


def test_f062_no_descriptors(faulty: Faulty) -> None:
    """A client for whom there is no descriptor is refused at once, one whose upstream call finds none gets an error.

    With descriptors to be had, all is well again.
    """
    with faulty(kept_fds=12) as run:
        pid = run.world.gateway.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (footprint(run.world.gateway).fds + 5, limits[1]))
        try:
            with ThreadPoolExecutor(12) as threads:
                statuses = list(threads.map(lambda _: status_of(run, "slow"), range(12)))
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

        failed = [status for status in statuses if status > 200]
        run.measure(served=statuses.count(200), told=len(failed), refused=statuses.count(0))
        assert set(statuses) <= {0, 200, 502, 503}
        assert 0 in statuses or failed


def test_f062_proxy_variables(faulty: Faulty, trap: socket.socket) -> None:
    """They are not read: prompts and keys go where the policy says and nowhere else."""
    with faulty() as run:
        run.ask("healthy")

        with pytest.raises(BlockingIOError):
            trap.accept()
        assert models_called(run.world.upstream)[-1] == "small"


def longest_wait_s(run: FaultRun) -> float:
    """The longest that others waited while a request of 8 MB was read."""
    heavy = threading.Thread(target=lambda: run.ask("healthy", user="x" * (8 << 20)))
    heavy.start()
    waits_s = [run.ask("healthy").total_s]
    while heavy.is_alive():
        waits_s.append(run.ask("healthy").total_s)
    heavy.join()
    return max(waits_s)


def test_f063_a_large_body_does_not_hold_up_the_others(faulty: Faulty, world: World) -> None:
    """While a request of 8 MB is read, others are answered; of three tries the best, for a machine may be busy."""
    longest_wait_s(FaultRun(world=world))  # what is loaded with the first of its size belongs to no fault
    with faulty() as run:
        longest_s = min(longest_wait_s(run) for _ in range(3))

        run.measure(longest_wait_ms=longest_s * 1e3)
        assert longest_s < 0.5
