"""One patient gateway and one impatient one, before one scripted upstream."""

import json
import socket
from collections.abc import Iterator

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.api.policies import demo_policies, fault_policies
from tests.gateway_process import GatewayProcess, running_gateway

MAX_INFLIGHT = 20
"""Of the impatient gateway."""


def huge_policies(upstream: str) -> str:
    """The alias `huge` is an answer of 20 MB."""
    deployment = {"name": "huge", "tier": "small", "provider": "openai", "model": "huge:20", "api_base": upstream}
    return json.dumps(
        {
            "deployments": [{**deployment, "price": {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6}}],
            "routes": [{"name": "huge", "try": ["huge"]}],
            "policies": [{"name": "huge", "serves": ["huge"], "default": "huge"}],
        }
    )


@pytest.fixture(scope="session")
def upstream_server() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream.run_in_thread() as upstream:
        yield upstream


@pytest.fixture
def upstream(upstream_server: ScriptedUpstream) -> ScriptedUpstream:
    """The upstream, its ledger empty."""
    upstream_server.ledger.reset()
    return upstream_server


@pytest.fixture(scope="session")
def policies(upstream_server: ScriptedUpstream) -> dict[str, str]:
    url = f"{upstream_server.url}/v1"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
    return {
        "default.yaml": demo_policies(),
        "faults.yaml": fault_policies(url, refusing),
        "huge.yaml": huge_policies(url),
    }


@pytest.fixture(scope="session")
def environment(upstream_server: ScriptedUpstream) -> dict[str, str]:
    return {"SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1", "SIZEWISE_MAX_BODY_BYTES": str(4 << 20)}


@pytest.fixture(scope="session")
def gateway(
    policies: dict[str, str], environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """The usual deadlines; bodies up to 4 MiB."""
    with running_gateway(tmp_path_factory.mktemp("patient"), policies, environment) as running:
        yield running


@pytest.fixture(scope="session")
def impatient(
    policies: dict[str, str], environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A second for a head, one and a half for a body, two without taking a byte; and `MAX_INFLIGHT` requests."""
    limits = {
        "SIZEWISE_CLIENT_HEAD_S": "1",
        "SIZEWISE_CLIENT_BODY_S": "1.5",
        "SIZEWISE_CLIENT_STALL_S": "2",
        "SIZEWISE_MAX_INFLIGHT": str(MAX_INFLIGHT),
    }
    with running_gateway(tmp_path_factory.mktemp("impatient"), policies, environment | limits) as running:
        yield running
