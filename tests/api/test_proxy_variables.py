"""Whatever the environment says of proxies, requests go where the policy says: by our own clients and by litellm's."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, running_gateway

PRICE = {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6}
PROVIDERS = ("openai", "mistral", "hosted_vllm")
"""The first is our own client's, the others are litellm's."""
NAMES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def policies(upstream: str) -> str:
    deployments: list[dict[str, Any]] = [
        {
            "name": name,
            "tier": "small",
            "provider": name,
            "model": f"by-{name}",
            "price": PRICE,
            "api_base": upstream,
            "api_key": "${UPSTREAM_KEY}",
        }
        for name in PROVIDERS
    ]
    routes = [{"name": name, "try": [name]} for name in PROVIDERS]
    serving = [{"name": name, "serves": [name], "default": name} for name in PROVIDERS]
    return json.dumps({"deployments": deployments, "routes": routes, "policies": serving})


@pytest.fixture(scope="module")
def proxied(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that is told of a proxy where nobody listens."""
    directory: Path = tmp_path_factory.mktemp("proxied")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        environment = dict.fromkeys(NAMES, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        environment |= {"UPSTREAM_KEY": "k" * 12, "AIOHTTP_TRUST_ENV": "True", "NO_PROXY": "elsewhere.test"}
        files = {"default.yaml": policies(f"{upstream_server.url}/v1")}
        with running_gateway(directory, files, environment) as running:
            yield running


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_proxy_of_the_environment_is_never_asked(
    proxied: GatewayProcess, upstream: ScriptedUpstream, provider: str, stream: bool
) -> None:
    reply = proxied.chat({"model": provider, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})

    assert reply.status == 200, reply.body
    assert [request.json()["model"] for request in upstream.ledger.received] == [f"by-{provider}"]
