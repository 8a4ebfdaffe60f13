"""The assembled data plane, over an empty upstream: what is served where, and how all else is refused."""

import asyncio
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr

from gateway.api.data_plane import DataPlane
from gateway.bootstrap import assemble
from gateway.settings import Settings
from tests.unit.api.asgi_client import KEY, FixedPolicies, Wire, scope


@pytest.fixture
def plane(tmp_path: Path) -> DataPlane:
    settings = Settings(api_keys=(SecretStr(KEY),), database_url=SecretStr(f"sqlite:///{tmp_path}/records.db"))
    return assemble(settings, policies=FixedPolicies()).data_plane


def call(plane: DataPlane, method: str, path: str) -> Wire:
    wire = Wire()
    request = {**scope(method, path, authorization=f"Bearer {KEY}"), "root_path": "", "http_version": "1.1"}
    asyncio.run(plane(request, wire.receive, wire.send))
    return wire


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/", "/models/"])
def test_clients_may_write_a_path_in_four_ways(plane: DataPlane, path: str) -> None:
    assert call(plane, "GET", path).status == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions/"])
def test_the_chat_endpoint_is_there(plane: DataPlane, path: str) -> None:
    wire = call(plane, "POST", path)

    assert (wire.status, wire.error["message"]) == (400, "the request body is empty; expected a JSON object")


@pytest.mark.parametrize("path", ["/v1/feedback", "/feedback", "/v1/feedback/", "/feedback/"])
def test_feedback_is_taken_at_all_four_spellings(plane: DataPlane, path: str) -> None:
    wire = call(plane, "POST", path)

    assert (wire.status, wire.error["message"]) == (400, "the request body is empty; expected a JSON object")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models", "/v1/models/auto", "/livez/", "/admin/policies"])
def test_an_unknown_path_is_told_in_openais_shape(plane: DataPlane, path: str) -> None:
    wire = call(plane, "GET", path)

    assert (wire.status, wire.error["code"]) == (404, "unknown_path")
    assert set(wire.error) == {"message", "type", "param", "code"}
    assert len(wire.headers["x-request-id"]) == 32


def test_a_wrong_method_names_those_allowed(plane: DataPlane) -> None:
    wire = call(plane, "POST", "/livez")

    assert (wire.status, wire.error["code"]) == (405, "method_not_allowed")
    assert "GET" in wire.headers["allow"]


def test_a_long_path_is_not_repeated_whole(plane: DataPlane) -> None:
    assert len(call(plane, "GET", "/" + "x" * 10_000).error["message"]) < 300


def test_the_hot_endpoints_are_in_the_api_description(plane: DataPlane) -> None:
    document = orjson.loads(call(plane, "GET", "/openapi.json").body)

    assert set(document["paths"]) >= {"/v1/chat/completions", "/v1/models", "/v1/feedback"}
