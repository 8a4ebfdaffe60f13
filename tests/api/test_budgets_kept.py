"""What was spent stays spent, whoever forgets it: a gateway that is started anew, a Redis that lost its counts."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, eventually
from tests.keyed_gateways import BUDGET, SPENT_NANO_USD, KeyedGateways


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service("redis"))])
def restarts(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str, upstream: ScriptedUpstream
) -> KeyedGateways:
    redis_url = None if request.param == "memory" else str(request.getfixturevalue("redis_url"))
    return KeyedGateways(tmp_path, upstream, database_url=database_url, redis_url=redis_url, budgets=(BUDGET,))


def test_a_budget_that_is_spent_refuses_after_a_restart_too(restarts: KeyedGateways) -> None:
    with restarts.gateway() as gateway:
        restarts.spend(gateway)

    restarts.forget()

    with restarts.gateway() as gateway:
        assert restarts.ask(gateway).json()["error"]["code"] == "budget_exceeded"
        assert b'sizewise_budget_looks_total{result="ok"} 1.0' in gateway.admin("/metrics").body


@pytest.mark.service("redis")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("restarts", ["redis"], indirect=True)
def test_a_redis_that_forgets_is_told_again_while_the_gateway_runs(restarts: KeyedGateways) -> None:
    """The looks after the first are near, so the test need not wait for minutes."""
    with restarts.gateway() as gateway:
        restarts.spend(gateway)
        restarts.forget()

        eventually(lambda: restarts.counted() >= SPENT_NANO_USD or None, "what Redis had forgotten", 60.0)

        assert restarts.ask(gateway).json()["error"]["code"] == "budget_exceeded"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("restarts", ["memory"], indirect=True)
def test_what_a_killed_gateway_left_in_its_spool_is_spent_too(restarts: KeyedGateways, tmp_path: Path) -> None:
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
