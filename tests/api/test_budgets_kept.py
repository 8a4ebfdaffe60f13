"""What was spent stays spent, whoever forgets it: a gateway that is started anew, a Redis that lost its counts."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from gateway.domain.allowances import BudgetTerms
from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.upgrade import upgrade
from tests.gateway_process import GatewayProcess, Reply, eventually, running_gateway, spawn
from tests.keys import PEPPER, a_new_key

BUDGET = BudgetTerms(period="month", limit_nano_usd=270_000)
"""A request holds 227 tokens at 1 000 nano-USD, and takes 51."""
SPENT_NANO_USD = 51_000
ASK = {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 200}


class Restarts:
    """Gateways one after the other, over one database and, where `redis_url` is given, one Redis."""

    def __init__(self, directory: Path, database_url: str, redis_url: str | None, upstream: ScriptedUpstream) -> None:
        self._directory = directory
        self._database_url = database_url
        self._redis_url = redis_url
        self._upstream = f"{upstream.url}/v1"
        upgrade(database_url)
        engine = open_engine(database_url)
        self._key = a_new_key(engine, team="claims", budgets=(BUDGET,)).text
        engine.dispose()

    @contextmanager
    def gateway(self) -> Iterator[GatewayProcess]:
        policies, environment = self._home()
        with running_gateway(self._directory, policies, environment) as running:
            yield running

    def spawned(self) -> "subprocess.Popen[bytes]":
        """A gateway that may be killed."""
        return spawn(self._directory, *self._home())

    def _home(self) -> tuple[dict[str, str], dict[str, str]]:
        environment = {
            "SIZEWISE_DATABASE_URL": self._database_url,
            "SIZEWISE_KEY_PEPPER": PEPPER,
            "SIZEWISE_SPOOL": str(self._directory / "spool"),
            **({} if self._redis_url is None else {"SIZEWISE_REDIS_URL": self._redis_url}),
        }
        return {"default.yaml": _policies(self._upstream)}, environment

    def ask(self, gateway: GatewayProcess) -> Reply:
        return gateway.chat(ASK, {"Authorization": f"Bearer {self._key}"})

    def spend(self, gateway: GatewayProcess) -> None:
        """One answer, after which there is no room for the hold of another."""
        answered = self.ask(gateway)
        assert answered.status == 200, answered.body
        assert self.ask(gateway).json()["error"]["code"] == "budget_exceeded"

    def forget(self) -> None:
        """Redis loses all it counted."""
        if self._redis_url is not None:
            with Redis.from_url(self._redis_url) as redis:
                redis.flushall()

    def counted(self) -> int:
        """What Redis counts of the budget, in nano-USD."""
        if self._redis_url is None:
            return 0
        with Redis.from_url(self._redis_url, decode_responses=True) as redis:
            amounts = [str(redis.get(key)) for key in redis.scan_iter("*:budget_month")]
        return sum(int(amount.partition(":")[2]) for amount in amounts)


def _policies(base: str) -> str:
    price = {"input_per_mtok_usd": 1, "output_per_mtok_usd": 1}
    upstream = {"provider": "openai", "model": "scripted", "api_base": base}
    return json.dumps(
        {
            "deployments": [{"name": "only", "tier": "small", "price": price, **upstream}],
            "routes": [{"name": "only", "try": ["only"]}],
            "policies": [{"name": "default", "serves": ["auto"], "default": "only"}],
        }
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service("redis"))])
def restarts(request: pytest.FixtureRequest, tmp_path: Path, database_url: str, upstream: ScriptedUpstream) -> Restarts:
    redis_url = None if request.param == "memory" else str(request.getfixturevalue("redis_url"))
    return Restarts(tmp_path, database_url, redis_url, upstream)


def test_a_budget_that_is_spent_refuses_after_a_restart_too(restarts: Restarts) -> None:
    with restarts.gateway() as gateway:
        restarts.spend(gateway)

    restarts.forget()

    with restarts.gateway() as gateway:
        assert restarts.ask(gateway).json()["error"]["code"] == "budget_exceeded"
        assert b'sizewise_budget_looks_total{result="ok"} 1.0' in gateway.admin("/metrics").body


@pytest.mark.service("redis")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("restarts", ["redis"], indirect=True)
def test_a_redis_that_forgets_is_told_again_while_the_gateway_runs(restarts: Restarts) -> None:
    """The looks after the first are near, so the test need not wait for minutes."""
    with restarts.gateway() as gateway:
        restarts.spend(gateway)
        restarts.forget()

        eventually(lambda: restarts.counted() >= SPENT_NANO_USD or None, "what Redis had forgotten", 60.0)

        assert restarts.ask(gateway).json()["error"]["code"] == "budget_exceeded"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("restarts", ["memory"], indirect=True)
def test_what_a_killed_gateway_left_in_its_spool_is_spent_too(restarts: Restarts, tmp_path: Path) -> None:
    process = restarts.spawned()
    gateway = GatewayProcess(process, tmp_path)
    restarts.spend(gateway)
    eventually(lambda: _is_kept(tmp_path) or None, "the record on the disk")
    process.kill()
    process.wait()

    with restarts.gateway() as gateway:
        eventually(lambda: _used_nano_usd(gateway) >= SPENT_NANO_USD or None, "what was spent before", 60.0)

        assert restarts.ask(gateway).json()["error"]["code"] == "budget_exceeded"


def _is_kept(directory: Path) -> bool:
    """Whether the record, which names the model as its intent does not, is in the spool or in the database already."""
    files = [path for path in directory.glob("spool/**/*") if path.is_file()]
    if any(b"scripted" in path.read_bytes() for path in files):
        return True
    with closing(sqlite3.connect(directory / "kept.db")) as connection:
        return bool(connection.execute("SELECT count(*) FROM requests").fetchone()[0])


def _used_nano_usd(gateway: GatewayProcess) -> int:
    """What is used of the budget, as the gateway tells it."""
    lines = gateway.admin("/metrics").body.decode().splitlines()
    told = [line for line in lines if line.startswith("sizewise_budget_used_ratio{")]
    return round(float(told[0].rpartition(" ")[2]) * BUDGET.limit_nano_usd) if told else 0
