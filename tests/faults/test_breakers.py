"""Faults 64 and 65, and what a deployment with so many places does with one request more."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from tests.faults.policies import Case
from tests.faults.proxy import FaultProxy
from tests.faults.runs import Asked, FaultRun

Faulty = Callable[..., AbstractContextManager[FaultRun]]

WAITING = 60


@pytest.fixture(scope="module")
def cases(proxy: FaultProxy) -> list[Case]:
    return [
        Case(alias="half-open", model="slow:300", base=f"{proxy.url}/v1"),
        Case(alias="trips", model="rate-limit:1", has_spare=False, route={"when_all_rest": "refuse"}),
        Case(alias="insists", model="rate-limit:30", has_spare=False),
        Case(alias="narrow", model="slow:200", has_spare=False, deployment={"concurrency": {"calls": 2}}),
        Case(
            alias="queues",
            model="slow:100",
            has_spare=False,
            deployment={"concurrency": {"calls": 2, "queue": 4, "queue_s": 5}},
        ),
    ]


def at_once(run: FaultRun, alias: str, count: int) -> list[Asked]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: run.ask(alias), range(count)))


def test_f064_a_stampede_on_a_half_open_breaker(faulty: Faulty, proxy: FaultProxy) -> None:
    """After a rest exactly one call tries the deployment; all others go to the next one until it has answered."""
    with faulty(kept_fds=WAITING) as run:
        proxy.refuse()
        for _ in range(3):
            run.ask("half-open")
        proxy.accept()
        time.sleep(10.2)  # the shortest rest, of a process whose clock is the machine's
        asked = at_once(run, "half-open", WAITING)

        calls = [call for call in run.world.upstream.ledger.calls if call.model == "slow:300"]
        answered_s = min(call.ended_s for call in calls)
        probes = sum(call.started_s < answered_s for call in calls)
        run.measure(waiting=WAITING, probes=probes)
        assert {each.reply.status for each in asked} == {200}
        assert probes == 1
        assert run.ask("half-open").reply.headers["x-sizewise-attempts"] == "1"


def test_f065_every_deployment_rests_and_the_route_refuses(faulty: Faulty) -> None:
    """503 with the time to wait, in a few milliseconds and without a call."""
    with faulty() as run:
        assert run.ask("trips").reply.status == 429
        asked = [run.ask("trips") for _ in range(30)]

        assert {(each.reply.status, each.error_code) for each in asked} == {(503, "all_resting")}
        assert asked[0].reply.headers["retry-after"] == "1"
        fastest_ms = min(run.record(each).total_ms for each in asked)
        run.measure(refused_in_ms=fastest_ms, seen_by_the_client_ms=min(each.total_s for each in asked) * 1e3)
        assert sum(call.model == "rate-limit:1" for call in run.world.upstream.ledger.calls) == 1
        assert fastest_ms < 5


def test_f065_every_deployment_rests_and_the_route_insists(faulty: Faulty) -> None:
    """By default it is called all the same: better a chance than none."""
    with faulty() as run:
        asked = [run.ask("insists") for _ in range(3)]

        assert [each.reply.status for each in asked] == [429] * 3


def test_f062_no_place_left(faulty: Faulty) -> None:
    """With as many calls under way as a deployment may have, the next is shed at once: 503 and when to come again."""
    with faulty(kept_fds=2) as run:
        asked = at_once(run, "narrow", 8)

        statuses = sorted(each.reply.status for each in asked)
        shed = [each for each in asked if each.reply.status == 503]
        run.measure(served=statuses.count(200), shed=len(shed), shed_in_ms=max(each.total_s for each in shed) * 1e3)
        assert statuses == [200] * 2 + [503] * 6
        assert {each.error_code for each in shed} == {"all_busy"}
        assert all("retry-after" in each.reply.headers for each in shed)


def test_f062_a_bounded_queue(faulty: Faulty) -> None:
    """As many as the queue holds wait for a place; what is beyond it is shed."""
    with faulty(kept_fds=2) as run:
        asked = at_once(run, "queues", 8)

        statuses = sorted(each.reply.status for each in asked)
        run.measure(served=statuses.count(200), shed=statuses.count(503))
        assert statuses == [200] * 6 + [503] * 2
