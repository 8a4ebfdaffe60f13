"""Gateways with one virtual key, started one after the other over the same database and, if there is one, Redis."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from gateway.domain.allowances import BudgetTerms
from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.key_admin import revoke_key
from gateway.store.upgrade import upgrade
from tests.gateway_process import GatewayProcess, Reply, running_gateway, spawn
from tests.keys import NOW_S, PEPPER, TESTER, a_new_key

BUDGET = BudgetTerms(period="month", limit_nano_usd=270_000)
"""Of a request that holds 227 tokens at 1 000 nano-USD, and takes 51, there is room for one."""
SPENT_NANO_USD = 51_000
ASK = {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 200}


class KeyedGateways:
    """`terms`: of the key. `environment`: more of the gateways'."""

    def __init__(
        self,
        directory: Path,
        upstream: ScriptedUpstream,
        *,
        database_url: str | None = None,
        redis_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        **terms: Any,
    ) -> None:
        self._directory = directory
        self._redis_url = redis_url
        self._policies = {"default.yaml": _policies(f"{upstream.url}/v1")}
        self._database_url = database_url or f"sqlite:///{directory}/kept.db"
        self._environment = {
            "SIZEWISE_DATABASE_URL": self._database_url,
            "SIZEWISE_KEY_PEPPER": PEPPER,
            "SIZEWISE_SPOOL": str(directory / "spool"),
            **({} if redis_url is None else {"SIZEWISE_REDIS_URL": redis_url}),
            **(environment or {}),
        }
        upgrade(self._database_url)
        engine = open_engine(self._database_url)
        made = a_new_key(engine, team="claims", **terms)
        engine.dispose()
        self.key, self._key_id = made.text, made.key.id

    @contextmanager
    def gateway(self) -> Iterator[GatewayProcess]:
        with running_gateway(self._directory, self._policies, self._environment) as running:
            yield running

    def spawned(self) -> "subprocess.Popen[bytes]":
        """A gateway that may be killed."""
        return spawn(self._directory, self._policies, self._environment)

    def ask(self, gateway: GatewayProcess, key: str | None = None) -> Reply:
        return gateway.chat(ASK, {"Authorization": f"Bearer {key or self.key}"})

    def spend(self, gateway: GatewayProcess) -> None:
        """One answer, after which `BUDGET` has no room for the hold of another."""
        answered = self.ask(gateway)
        assert answered.status == 200, answered.body
        assert self.ask(gateway).json()["error"]["code"] == "budget_exceeded"

    def revoke(self) -> None:
        engine = open_engine(self._database_url)
        revoke_key(engine, self._key_id, actor=TESTER, now_s=NOW_S)
        engine.dispose()

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
