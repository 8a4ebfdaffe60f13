"""SIGKILL at random points under load. The full run is `python -m tests.ledger.kills --points 1000`."""

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.providers.scripted import ScriptedUpstream
from gateway.store.spool.spool import Durability
from tests.faults.policies import PROVIDER_KEY, Case, policy_file
from tests.gateway_process import GatewayProcess, database_url, running_gateway, spawn
from tests.ledger.kills import WINDOW_S, kill_often

_ROUNDS = 3
_CLIENTS = 4


@pytest.mark.parametrize("durability", ["sync", "group", "none"])
def test_what_was_accepted_before_the_window_of_a_kill_is_in_the_database_once(
    tmp_path: Path, durability: Durability
) -> None:
    verdict = kill_often(
        f"sqlite:///{tmp_path}/records.db", tmp_path / "spool", points=25, durability=durability, seed=7
    )

    assert verdict.accepted > 100
    assert verdict.rows["unknown"] > 0
    assert (verdict.lost, verdict.doubled, verdict.forgotten) == (0, 0, 0)
    assert verdict.in_window == 0 or durability != "sync"
    assert verdict.texts > 50
    assert verdict.texts_without_record == 0


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream.run_in_thread() as upstream:
        yield upstream


@pytest.mark.parametrize("durability", ["sync", "group"])
def test_a_gateway_that_is_killed_again_and_again_answers_for_every_request(
    tmp_path: Path, upstream: ScriptedUpstream, durability: str
) -> None:
    policies = {"kills.yaml": policy_file([Case(alias="auto", model="small")], f"{upstream.url}/v1")}
    environment = {"SIZEWISE_DURABILITY": durability, PROVIDER_KEY: "none"}
    dice, answered, killed_at_s = random.Random(3), dict[str, float](), list[float]()
    for _ in range(_ROUNDS):
        gateway = GatewayProcess(spawn(tmp_path, policies, environment), tmp_path)
        _ask_until_killed(gateway, answered, dice.uniform(0.2, 0.7))
        killed_at_s.append(time.monotonic())

    with running_gateway(tmp_path, policies, environment):
        pass

    found = _outcomes(tmp_path)
    window_s = 0.0 if durability == "sync" else WINDOW_S
    lost = [
        each
        for each, at_s in answered.items()
        if each not in found and not any(0 <= killed_s - at_s <= window_s for killed_s in killed_at_s)
    ]
    assert len(answered) > 50
    assert lost == []
    assert set(found.values()) <= {"ok", "unknown", "client_disconnected"}
    assert durability != "sync" or len(found) >= len(upstream.ledger.calls)


def _ask_until_killed(gateway: GatewayProcess, answered: dict[str, float], after_s: float) -> None:
    def ask() -> None:
        while True:
            try:
                reply = gateway.chat({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]})
            except (OSError, ValueError):
                return
            if reply.status == 200 and reply.body:
                answered[reply.headers["x-request-id"]] = time.monotonic()

    clients = [threading.Thread(target=ask) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(after_s)
    gateway.process.kill()
    gateway.process.wait()
    for client in clients:
        client.join()


def _outcomes(directory: Path) -> dict[str, str]:
    with sqlite3.connect(database_url(directory).removeprefix("sqlite:///")) as connection:
        rows = connection.execute("SELECT id, outcome FROM requests").fetchall()
    connection.close()
    assert len(rows) == len(dict(rows))
    return dict(rows)
