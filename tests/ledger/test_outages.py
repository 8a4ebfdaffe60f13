"""The database away, silent or slow while requests come: none fails, none waits, and all are there afterwards."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import pytest
from sqlalchemy import make_url, text

from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.upgrade import upgrade
from tests.faults.policies import PROVIDER_KEY, Case, policy_file
from tests.faults.proxy import FaultProxy, Faults
from tests.gateway_process import KEY, GatewayProcess, eventually, spawn

pytestmark = pytest.mark.service("postgresql")

ADDED_P99_MS = 1.0
_ROUNDS = 3
_MOST_ROUNDS = 12
"""Others use the machine too: the least of several rounds counts, of each state as of the one it is held against."""
_REQUESTS = 200
_BODY = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]})
_HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream.run_in_thread() as upstream:
        yield upstream


@contextmanager
def _gateway(directory: Path, upstream: ScriptedUpstream, database_url: str) -> Iterator[GatewayProcess]:
    policies = {"outages.yaml": policy_file([Case(alias="auto", model="small")], f"{upstream.url}/v1")}
    process = spawn(directory, policies, {PROVIDER_KEY: "none", "SIZEWISE_DATABASE_URL": database_url})
    gateway = GatewayProcess(process, directory)
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0, gateway.log()


def _ask(gateway: GatewayProcess, taken_ms: list[float]) -> list[str]:
    """The ids of the requests, all answered; `taken_ms` gets how long each took."""
    host, port = gateway.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    ids = []
    for _ in range(_REQUESTS):
        started_s = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", _BODY, _HEADERS)
        response = connection.getresponse()
        response.read()
        taken_ms.append((time.perf_counter() - started_s) * 1e3)
        assert response.status == 200
        ids.append(response.headers["x-request-id"])
    connection.close()
    return ids


def _states(proxy: FaultProxy) -> Mapping[str, tuple[Callable[[], None], Callable[[], None]]]:
    """What is done to the way to the database, and how it is undone."""

    def gone() -> None:
        proxy.refuse()
        proxy.reset_all()

    return {
        "up": (lambda: None, lambda: None),
        "gone": (gone, proxy.accept),
        "silent": (lambda: proxy.break_with(to_client=Faults(is_blackhole=True)), proxy.mend),
        "slow": (lambda: proxy.break_with(to_client=Faults(latency_s=0.5)), proxy.mend),
    }


def test_whatever_the_database_does_no_request_fails_or_waits_and_all_are_recorded(
    tmp_path: Path, upstream: ScriptedUpstream, postgres_database: str
) -> None:
    upgrade(postgres_database)
    url = make_url(postgres_database)
    ids: list[str] = []
    p99_ms: dict[str, list[float]] = {}
    with FaultProxy.run_in_thread(url.host or "", url.port or 0) as proxy:
        host, port = proxy.url.removeprefix("http://").split(":")
        behind = url.set(host=host, port=int(port)).render_as_string(hide_password=False)
        with _gateway(tmp_path, upstream, behind) as gateway:
            ids += _ask(gateway, [])
            for number in range(_MOST_ROUNDS):
                if number >= _ROUNDS and all(_adds_little(p99_ms).values()):
                    break
                for name, (break_it, mend_it) in _states(proxy).items():
                    taken_ms: list[float] = []
                    break_it()
                    ids += _ask(gateway, taken_ms)
                    mend_it()
                    proxy.reset_all()
                    p99_ms.setdefault(name, []).append(quantiles(taken_ms, n=100)[98])
            stored = eventually(lambda: _complete(postgres_database, ids), "all records", 60)

    assert len(ids) == len(set(ids)) == _REQUESTS * (1 + len(p99_ms["up"]) * 4)
    assert stored == sorted(ids)
    assert _adds_little(p99_ms) == dict.fromkeys(p99_ms, True), p99_ms


def _adds_little(p99_ms: Mapping[str, list[float]]) -> dict[str, bool]:
    """State → whether the slowest requests in it are hardly slower than with the database up."""
    return {name: min(each) <= min(p99_ms["up"]) + ADDED_P99_MS for name, each in p99_ms.items()}


def _complete(url: str, ids: list[str]) -> list[str] | None:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            found = sorted(connection.execute(text("SELECT id FROM requests")).scalars())
    finally:
        engine.dispose()
    return found if len(found) >= len(ids) else None
