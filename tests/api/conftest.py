"""One gateway and one scripted upstream for each test process; both are looked at from outside."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from gateway.providers.scripted import ScriptedUpstream
from tests.api.policies import demo_policies, fault_policies, guarded_policies
from tests.gateway_process import GatewayProcess, running_gateway


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
def gateway(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The demo's policies, an alias for each fault, and one that guards personal data; bodies up to 4 MiB."""
    directory: Path = tmp_path_factory.mktemp("gateway")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        policies = {
            "default.yaml": demo_policies(),
            "faults.yaml": fault_policies(f"{upstream_server.url}/v1", refusing),
            "guarded.yaml": guarded_policies(f"{upstream_server.url}/v1"),
        }
        environment = {
            "SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1",
            "SIZEWISE_MAX_BODY_BYTES": str(4 << 20),
        }
        with running_gateway(directory, policies, environment) as running:
            yield running


@pytest.fixture(scope="session")
def client(gateway: GatewayProcess) -> Iterator[OpenAI]:
    with gateway.client() as openai:
        yield openai


@pytest.fixture(scope="session")
def guarded(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose admin plane has a key."""
    environment = {"SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1", "SIZEWISE_ADMIN_KEY": "key-for-admins"}
    with running_gateway(tmp_path_factory.mktemp("guarded"), {"default.yaml": demo_policies()}, environment) as running:
        yield running
