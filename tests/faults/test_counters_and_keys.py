"""Faults 50 to 52, 66 and 68, each in a gateway that runs: Redis in trouble, keys taken away, keys guessed.

The rules themselves stand in tests/contract/test_redis_faults.py, tests/api/test_budgets_kept.py and test_keys.py.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from gateway.counters.guesses import PER_NETWORK
from gateway.counters.redis_link import CALL_S, FAILURES
from gateway.domain.allowances import Limits
from gateway.providers.scripted import ScriptedUpstream
from tests.faults.runs import Figure
from tests.gateway_process import KEY, GatewayProcess, Reply, eventually
from tests.keyed_gateways import BUDGET, SPENT_NANO_USD, KeyedGateways
from tests.keys import a_key_text
from tests.services import running_redis

NOBODY_LISTENS = "redis://127.0.0.1:9/0"
TEN = Limits(requests_per_day=10)
SLACK_S = 0.15
"""Of a busy machine, around a request."""


def _timed(keyed: KeyedGateways, gateway: GatewayProcess) -> tuple[Reply, float]:
    begun_s = time.perf_counter()
    reply = keyed.ask(gateway)
    return reply, time.perf_counter() - begun_s


@contextmanager
def _stopped(url: str) -> Iterator[None]:
    """Redis takes what it is sent, and does nothing, while the block runs."""
    with Redis.from_url(url) as redis:
        process = int(redis.info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_f050_without_redis_a_gateway_lets_its_share_pass(
    tmp_path: Path, upstream: ScriptedUpstream, measured: dict[str, Figure]
) -> None:
    """Down from the start, one of two gateways lets half of each limit pass, then it is a 429; no request waits."""
    keyed = KeyedGateways(
        tmp_path, upstream, redis_url=NOBODY_LISTENS, environment={"SIZEWISE_GATEWAYS": "2"}, limits=TEN
    )

    with keyed.gateway() as gateway:
        replies = [_timed(keyed, gateway) for _ in range(8)]

    assert [reply.status for reply, _ in replies] == [200] * 5 + [429] * 3
    measured["limit"], measured["passed"] = 10, 5
    measured["longest_ms"] = round(max(took_s for _, took_s in replies) * 1e3, 1)


def test_f050_without_redis_it_is_a_503_where_the_settings_say_refuse(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """With Retry-After, for callers that have limits; nobody else notices."""
    environment = {"SIZEWISE_ON_REDIS_DOWN": "refuse"}
    keyed = KeyedGateways(tmp_path, upstream, redis_url=NOBODY_LISTENS, environment=environment, limits=TEN)

    with keyed.gateway() as gateway:
        limited, free = keyed.ask(gateway), keyed.ask(gateway, KEY)

    assert (limited.status, limited.json()["error"]["code"]) == (503, "counters_unavailable")
    assert limited.headers["retry-after"] == "1"
    assert free.status == 200


@pytest.mark.service("redis")
def test_f051_redis_falls_silent(tmp_path: Path, upstream: ScriptedUpstream, measured: dict[str, Figure]) -> None:
    """Three requests wait 50 ms each, then none does: the breaker is open; it closes when Redis is back."""
    with running_redis() as redis_url:
        limits = Limits(requests_per_day=1_000)
        keyed = KeyedGateways(tmp_path, upstream, redis_url=redis_url, limits=limits)
        with keyed.gateway() as gateway:
            assert keyed.ask(gateway).status == 200
            with _stopped(redis_url):
                replies = [_timed(keyed, gateway) for _ in range(30)]
                assert b"sizewise_redis_up 0.0" in gateway.admin("/metrics").body
            began_s = time.perf_counter()
            eventually(
                lambda: b"sizewise_redis_up 1.0" in gateway.admin("/metrics").body or None, "Redis to be asked again"
            )
            measured["recovered_ms"] = round((time.perf_counter() - began_s) * 1e3, 1)

    assert {reply.status for reply, _ in replies} == {200}
    waited_s = sorted(took_s for _, took_s in replies)
    assert waited_s[-1] < CALL_S + SLACK_S
    assert waited_s[len(waited_s) - FAILURES - 2] < CALL_S
    measured["longest_ms"], measured["p50_ms"] = round(waited_s[-1] * 1e3, 1), round(waited_s[15] * 1e3, 1)


@pytest.mark.service("redis")
def test_f052_redis_loses_what_it_counted(
    tmp_path: Path, upstream: ScriptedUpstream, measured: dict[str, Figure]
) -> None:
    """A budget that was spent is raised to what the records say, and refuses again; nothing is given back twice."""
    with running_redis() as redis_url:
        keyed = KeyedGateways(tmp_path, upstream, redis_url=redis_url, budgets=(BUDGET,))
        with keyed.gateway() as gateway:
            keyed.spend(gateway)
            keyed.forget()
            began_s = time.perf_counter()
            eventually(lambda: keyed.counted() >= SPENT_NANO_USD or None, "what Redis had forgotten", 60.0)
            measured["recovered_ms"] = round((time.perf_counter() - began_s) * 1e3, 1)

            refused = keyed.ask(gateway)

        assert refused.json()["error"]["code"] == "budget_exceeded"
        assert keyed.counted() == SPENT_NANO_USD
    measured["spent_nano_usd"] = SPENT_NANO_USD


def test_f066_a_key_is_revoked_while_redis_is_down(
    tmp_path: Path, upstream: ScriptedUpstream, measured: dict[str, Figure]
) -> None:
    """It is refused within 5 s: keys are read from the database, whatever becomes of Redis."""
    keyed = KeyedGateways(tmp_path, upstream, redis_url=NOBODY_LISTENS)

    with keyed.gateway() as gateway:
        assert keyed.ask(gateway).status == 200
        keyed.revoke()
        began_s = time.perf_counter()
        eventually(lambda: keyed.ask(gateway).status == 401 or None, "a 401", 5.0)

    measured["revoked_after_ms"] = round((time.perf_counter() - began_s) * 1e3, 1)


def test_f068_keys_are_guessed(tmp_path: Path, upstream: ScriptedUpstream, measured: dict[str, Figure]) -> None:
    """60 unknown keys a minute from one network are a 401, more a 429 with Retry-After; good keys from there pass."""
    keyed = KeyedGateways(tmp_path, upstream)

    with keyed.gateway() as gateway:
        guesses = [keyed.ask(gateway, a_key_text()) for _ in range(PER_NETWORK + 5)]
        good = keyed.ask(gateway)

    assert [reply.status for reply in guesses] == [401] * PER_NETWORK + [429] * 5
    assert int(guesses[-1].headers["retry-after"]) > 0
    assert good.status == 200
    assert upstream.ledger.received[-1].json()["model"] == "scripted"
    measured["guesses"], measured["refused_as_unknown"] = len(guesses), PER_NETWORK
