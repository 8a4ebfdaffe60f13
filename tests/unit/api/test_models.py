import asyncio

import orjson
import pytest

from gateway.api.models import Models
from gateway.store.static_keys import StaticKeys
from tests.builders import a_policy
from tests.unit.api.asgi_client import KEY, FixedPolicies, Wire, scope


def ask(method: str = "GET", key: str = KEY) -> tuple[Wire, list[str]]:
    rejected: list[str] = []
    policies = FixedPolicies(a_policy(serves=("b", "a")))
    models = Models(StaticKeys([KEY]), policies, created=1_790_000_000, rejected=rejected.append)
    wire = Wire()
    asyncio.run(models(scope(method, "/v1/models", authorization=f"Bearer {key}"), wire.receive, wire.send))
    return wire, rejected


def test_the_aliases_are_listed_in_order_as_openai_lists_models() -> None:
    wire, rejected = ask()

    assert (wire.status, rejected) == (200, [])
    assert orjson.loads(wire.body) == {
        "object": "list",
        "data": [
            {"id": alias, "object": "model", "created": 1_790_000_000, "owned_by": "sizewise"} for alias in ("a", "b")
        ],
    }


@pytest.mark.parametrize(
    ("method", "key", "status", "code"),
    [("GET", "wrong", 401, "invalid_api_key"), ("POST", KEY, 405, "method_not_allowed")],
)
def test_a_refusal_is_counted_and_has_a_request_id(method: str, key: str, status: int, code: str) -> None:
    wire, rejected = ask(method, key)

    assert (wire.status, wire.error["code"], rejected) == (status, code, [code])
    assert len(wire.headers["x-request-id"]) == 32
