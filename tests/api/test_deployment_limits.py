"""A deployment with limits gets as many calls as they say and no more; the fallback answers the rest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, eventually, models_called, running_gateway


def _policies(base: str) -> str:
    deployments: list[dict[str, Any]] = [
        {"name": "thrice", "tier": "small", "model": "thrice", "limits": {"requests_per_minute": 3}},
        {"name": "spare", "tier": "large", "model": "spare"},
        {"name": "brief", "tier": "small", "model": "brief", "limits": {"tokens_per_day": 1_000}},
        {"name": "alone", "tier": "small", "model": "alone", "limits": {"requests_per_minute": 1}},
    ]
    routes: list[dict[str, Any]] = [
        {"name": "thrice", "try": ["thrice"], "then": ["spare"]},
        {"name": "brief", "try": ["brief"], "then": ["spare"]},
        {"name": "alone", "try": ["alone"]},
    ]
    policies = [{"name": each["name"], "serves": [each["name"]], "default": each["name"]} for each in routes]
    common: dict[str, Any] = {"provider": "openai", "api_base": base}
    return json.dumps({"deployments": [each | common for each in deployments], "routes": routes, "policies": policies})


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service("redis"))])
def limited(request: pytest.FixtureRequest, upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[GatewayProcess]:
    environment = {}
    if request.param == "redis":
        url = str(request.getfixturevalue("redis_url"))
        with Redis.from_url(url) as redis:
            redis.flushall()
        environment["SIZEWISE_REDIS_URL"] = url
    with running_gateway(tmp_path, {"default.yaml": _policies(f"{upstream.url}/v1")}, environment) as running:
        yield running


def _ask(alias: str, **fields: Any) -> dict[str, Any]:
    return {"model": alias, "messages": [{"role": "user", "content": "hi"}], **fields}


def test_the_fourth_of_three_a_minute_is_answered_by_the_fallback(
    limited: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    replies = [limited.chat(_ask("thrice", stream=each % 2 == 1)) for each in range(5)]

    assert [reply.status for reply in replies] == [200] * 5
    assert [reply.headers["x-sizewise-deployment"] for reply in replies] == ["thrice"] * 3 + ["spare"] * 2
    assert models_called(upstream) == ["thrice"] * 3 + ["spare"] * 2
    record = limited.record(replies[3].headers["x-request-id"])
    assert "3 requests a minute of deployment 'thrice' is used up" in record.excluded["thrice"]
    exposed = limited.admin("/metrics").body.decode()
    assert 'sizewise_deployment_limit_reached_total{deployment="thrice",limit="requests_per_minute"} 2.0' in exposed


def test_tokens_that_were_estimated_and_not_used_are_there_for_the_next_call(limited: GatewayProcess) -> None:
    """Each is estimated at more than 600 and uses far less, which is told a moment after its answer."""

    def is_answered() -> bool | None:
        return limited.chat(_ask("brief", max_tokens=600)).headers["x-sizewise-deployment"] == "brief" or None

    answered = [eventually(is_answered, "an answer of the deployment with room for one call") for _ in range(3)]

    assert answered == [True, True, True]


def test_where_nobody_else_may_answer_the_client_is_told_when_to_come_back(
    limited: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    assert limited.chat(_ask("alone")).status == 200

    reply = limited.chat(_ask("alone"))

    assert reply.status == 503
    assert reply.json()["error"]["code"] == "all_busy"
    assert 50 <= int(reply.headers["retry-after"]) <= 60
    assert models_called(upstream) == ["alone"]
