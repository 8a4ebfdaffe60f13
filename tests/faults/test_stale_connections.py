"""Fault 29: a pooled connection that the other side has closed. A request is sent again only if it was never taken."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.faults.policies import Case
from tests.faults.proxy import FaultProxy
from tests.faults.runs import FaultRun
from tests.gateway_process import models_called

Faulty = Callable[..., AbstractContextManager[FaultRun]]


@pytest.fixture(scope="module")
def cases(proxy: FaultProxy) -> list[Case]:
    return [
        Case(alias="through-proxy", model="small", base=f"{proxy.url}/v1"),
        Case(alias="stale", model="stale", base=f"{proxy.url}/v1", has_spare=False, route={"retries": 2}),
        Case(alias="reset", model="reset:0"),
    ]


@pytest.mark.parametrize("ending", ["closed", "reset"])
def test_f029_a_connection_closed_while_idle(faulty: Faulty, proxy: FaultProxy, ending: str) -> None:
    """It is replaced at once: one attempt, one upstream call, and nothing charged to the retry budget."""
    with faulty() as run:
        for _ in range(6):
            asked = run.ask("through-proxy")
            assert asked.reply.headers["x-sizewise-attempts"] == "1"
            (proxy.close_all if ending == "closed" else proxy.reset_all)()

        run.measure(connections=ending, upstream_calls_of_6_requests=len(run.world.upstream.ledger.calls) - 12)
        assert len(run.world.upstream.ledger.calls) == 12 + 6


def test_f029_a_request_reset_on_a_pooled_connection(faulty: Faulty) -> None:
    """Nobody can tell whether it was read: it is an attempt that failed, and what follows is the route's to say."""
    with faulty() as run:
        for _ in range(3):
            run.ask("reset")

        called = models_called(run.world.upstream).count("reset:0")
        run.measure(upstream_calls_of_3_attempts=called)
        assert called == 3


def test_f029_a_connection_reset_as_it_is_used_again(faulty: Faulty) -> None:
    """The route's retry mends it, unseen."""
    with faulty() as run:
        replies = [run.ask("stale").reply for _ in range(4)]

        assert [reply.status for reply in replies] == [200] * 4
