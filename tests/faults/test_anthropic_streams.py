"""Fault 27, and what it means for clients: Anthropic's events in an order that cannot be."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.conformance.anthropic_server import KEY, AnthropicServer
from tests.faults.runs import Figure
from tests.gateway_process import GatewayProcess, running_gateway

VARIABLE = "SIZEWISE_FAULTS_ANTHROPIC_KEY"
MODELS = ("text", "twice", "overloaded:6", "cut:6")


@pytest.fixture(scope="module")
def anthropic(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """For each model two aliases: `only/MODEL`, and `first/MODEL`, which falls back to a model of another provider."""
    with AnthropicServer.running() as server:
        spare = {"name": "spare", "tier": "large", "provider": "openai", "model": "large", "api_base": upstream.url}
        claude = {"tier": "small", "provider": "anthropic", "api_base": server.url, "api_key": f"${{{VARIABLE}}}"}
        names = {model: f"c{number}" for number, model in enumerate(MODELS)}
        routes = [{"name": f"only-{name}", "try": [name]} for name in names.values()]
        routes += [{"name": f"first-{name}", "try": [name], "then": ["spare"]} for name in names.values()]
        policies = [
            {"name": f"{kind}-{name}", "serves": [f"{kind}/{model}"], "default": f"{kind}-{name}"}
            for model, name in names.items()
            for kind in ("only", "first")
        ]
        deployments = [spare, *({**claude, "name": name, "model": model} for model, name in names.items())]
        files = {"p.yaml": json.dumps({"deployments": deployments, "routes": routes, "policies": policies})}
        directory: Path = tmp_path_factory.mktemp("anthropic")
        with running_gateway(directory, files, {VARIABLE: KEY}) as gateway:
            yield gateway


def ask(alias: str) -> dict[str, object]:
    return {"model": alias, "stream": True, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}


def test_f027_a_second_beginning_is_no_answer_and_the_next_deployment_gives_one(
    anthropic: GatewayProcess, measured: dict[str, Figure]
) -> None:
    """A doubled message_start before any content: fallback, unseen by the client; without one 502."""
    began_s = time.monotonic()
    mended = anthropic.chat(ask("first/twice"))
    measured["answer after, ms"] = round((time.monotonic() - began_s) * 1e3)
    alone = anthropic.chat(ask("only/twice"))

    record = anthropic.record(mended.headers["x-request-id"])
    assert mended.status == 200
    assert b'"model":"large"' in mended.body
    assert mended.body.endswith(b"data: [DONE]\n\n")
    assert [attempt.error_code for attempt in record.attempts] == ["upstream_interrupted", None]
    assert (alone.status, alone.json()["error"]["code"]) == (502, "upstream_interrupted")
    assert anthropic.record(alone.headers["x-request-id"]).outcome == "failed"


@pytest.mark.parametrize("model", ["overloaded:6", "cut:6"])
def test_f027_what_breaks_after_content_ends_with_an_error_event(anthropic: GatewayProcess, model: str) -> None:
    """After the first byte there is no fallback: the stream ends with an error in the client's dialect."""
    whole = anthropic.chat(ask("only/text")).body
    broken = anthropic.chat(ask(f"first/{model}"))

    *events, error, _ = broken.body.split(b"\n\n")
    assert b'"code":"upstream_' in error
    assert len(events) > 0
    assert [_said(event) for event in events] == [_said(event) for event in whole.split(b"\n\n")[: len(events)]]
    assert anthropic.record(broken.headers["x-request-id"]).outcome == "interrupted"


def _said(event: bytes) -> object:
    """What of a chunk does not depend on the model asked for and the time."""
    return json.loads(event.removeprefix(b"data: "))["choices"]
