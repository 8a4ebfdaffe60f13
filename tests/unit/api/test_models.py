import asyncio

import orjson
import pytest

from gateway.api.models import Models
from gateway.api.unknown_keys import UnknownKeys
from gateway.counters.guesses import MemoryGuesses
from gateway.domain.request import Caller
from gateway.ports import KeyStore
from gateway.store.static_keys import StaticKeys
from tests.builders import a_policy
from tests.unit.api.asgi_client import KEY, FixedPolicies, Wire, scope


class Restricted:
    """`KeyStore` whose every key may ask for one model, and one that nobody serves."""

    def authenticate(self, credential: str | None) -> Caller:
        return Caller(key_id="k", models=frozenset({"b", "c"}))


def ask(method: str = "GET", key: str = KEY, keys: KeyStore | None = None, times: int = 1) -> tuple[Wire, list[str]]:
    rejected: list[str] = []
    policies = FixedPolicies(a_policy(serves=("b", "a")))
    unknown_keys = UnknownKeys(MemoryGuesses(per_network=1), lambda: 0.0)
    models = Models(
        keys or StaticKeys([KEY]),
        policies,
        unknown_keys=unknown_keys,
        created=1_790_000_000,
        rejected=rejected.append,
    )
    for _ in range(times):
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


def test_only_what_the_key_may_ask_for_is_listed() -> None:
    wire, _ = ask(keys=Restricted())

    assert [model["id"] for model in orjson.loads(wire.body)["data"]] == ["b"]


def test_one_unknown_key_too_many_is_told_to_wait() -> None:
    wire, rejected = ask(key="wrong", times=2)

    assert (wire.status, wire.headers["retry-after"]) == (429, "60")
    assert rejected == ["invalid_api_key", "too_many_unknown_keys"]
