"""A gateway with two client keys and an admin key, before a server that answers what a test tells it to."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.upstream import Heard, Reply, Upstream, json_reply, running_upstream
from tests.gateway_process import KEY, GatewayProcess, running_gateway

OTHER_KEY = "key-of-another-tenant"
ADMIN_KEY = "key-for-admins"
PROVIDERS = ("openai", "mistral", "gemini")
"""One deployment each, by an alias of that name. The first is our own client's, the others are litellm's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the gateway lives and what it must keep to itself."""

    gateway: GatewayProcess
    directory: Path
    provider_key: str


def policies(backend: str) -> str:
    """Each alias also reads a header and metadata, so that what clients write there is kept with the record."""
    deployments: list[dict[str, Any]] = [
        {
            "name": name,
            "tier": "small",
            "provider": name,
            "model": f"by-{name}",
            "api_base": backend,
            "api_key": "${PROVIDER_KEY}",
            "price": {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6},
        }
        for name in PROVIDERS
    ]
    condition = " || ".join(
        f'"{name}" in request.{held} && request.{held}["{name}"] == "vip"'
        for held, name in (("headers", "x-note"), ("metadata", "note"))
    )
    rules = {"name": "vips first", "when": condition}
    serving: list[dict[str, Any]] = [
        {"name": name, "serves": [name], "headers": ["x-note"], "rules": [{**rules, "route": name}], "default": name}
        for name in PROVIDERS
    ]
    routes = [{"name": name, "try": [name]} for name in PROVIDERS]
    return json.dumps({"deployments": deployments, "routes": routes, "policies": serving})


def fine(heard: Heard) -> Reply:
    """A whole answer, or the same as a stream."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    said = {"role": "assistant", "content": "fine"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    head = {"id": "1", "created": 1, "model": "m"}
    if not heard.json().get("stream"):
        return json_reply(
            {**head, "object": "chat.completion", "choices": [{**choice, "message": said}], "usage": usage}
        )
    chunk = {**head, "object": "chat.completion.chunk", "choices": [{**choice, "delta": said}], "usage": usage}
    pieces = (b"data: " + json.dumps(chunk).encode() + b"\n\n", b"data: [DONE]\n\n")
    return Reply(pieces=pieces, content_type="text/event-stream")


@pytest.fixture(scope="session")
def server() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture
def backend(server: Upstream) -> Upstream:
    """The server, which has heard nothing yet and answers every request."""
    server.listen(fine)
    return server


@pytest.fixture(scope="session")
def place(server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("abused")
    provider_key = f"canary-{secrets.token_hex(16)}"
    environment = {
        "PROVIDER_KEY": provider_key,
        "SIZEWISE_API_KEYS": f"{KEY},{OTHER_KEY}",
        "SIZEWISE_ADMIN_KEY": ADMIN_KEY,
        "SIZEWISE_LOG_LEVEL": "debug",
    }
    with running_gateway(directory, {"default.yaml": policies(f"{server.url}/v1")}, environment) as gateway:
        yield Place(gateway=gateway, directory=directory, provider_key=provider_key)


@pytest.fixture
def gateway(place: Place) -> GatewayProcess:
    return place.gateway


def chat(alias: str = "openai", **fields: Any) -> dict[str, Any]:
    return {"model": alias, "messages": [{"role": "user", "content": "hi"}], **fields}
