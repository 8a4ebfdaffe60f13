"""Traffic of a running gateway, replayed: today's files move nothing, a candidate what it should."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.classifiers.model_file import load_prior
from gateway.providers.scripted import ScriptedUpstream
from tests.api.policies import demo_policies
from tests.gateway_process import GatewayProcess, database_url, running_gateway

EASY = "Translate to French: good morning"
LEGAL = "Review the indemnity clause of this contract and draft a non-compete covenant under New York law"
SHADOW = """
policies:
  - {name: all-large, serves: [auto], rollout: shadow, default: large-only}
"""


@pytest.fixture(scope="module")
def logged(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a gateway that has answered, fallen back and refused, with another policy decided beside."""
    directory = tmp_path_factory.mktemp("logged")
    policies = {"default.yaml": demo_policies(), "shadow.yaml": SHADOW}
    environment = {"SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1"}
    with running_gateway(directory, policies, environment) as gateway:
        for number in range(3):
            _ask(gateway, "auto", f"{EASY} {number}")
        _ask(gateway, "auto", LEGAL)
        _ask(gateway, "demo-fallback", EASY)
        _ask(gateway, "large", "Write to jane.doe@example.com", status=403)
        messages = [{"role": "user", "content": EASY}, {"role": "assistant", "content": "Bonjour"}]
        gateway.chat({"model": "auto", "messages": [*messages, {"role": "user", "content": f"{EASY}, again"}]})
        gateway.records(7)
    return directory


def _ask(gateway: GatewayProcess, alias: str, text: str, status: int = 200) -> None:
    reply = gateway.chat({"model": alias, "messages": [{"role": "user", "content": text}]})
    assert reply.status == status, reply.body


def _replay(
    directory: Path, policies: Path, *arguments: str, command: str = "policy replay", standard_input: str | None = None
) -> "subprocess.CompletedProcess[str]":
    where = ["--policies", str(policies), "--assume-env"] if command == "policy replay" else []
    return subprocess.run(
        [sys.executable, "-m", "gateway", *command.split(), *where, *arguments],
        capture_output=True,
        check=False,
        text=True,
        input=standard_input,
        env={**os.environ, "SIZEWISE_DATABASE_URL": database_url(directory)},
    )


def _document(ran: "subprocess.CompletedProcess[str]") -> Any:
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def _candidate(tmp_path: Path) -> Path:
    """Nothing is easy enough any more, and nobody serves `demo-fallback`."""
    text = demo_policies().replace("quality: {threshold: 0.6}", "quality: {threshold: 1.0}")
    text = text.replace("serves: [demo-fallback]", "serves: [something-else]")
    (tmp_path / "default.yaml").write_text(text)
    return tmp_path


def test_the_files_in_force_decide_the_log_as_they_did(logged: Path) -> None:
    document = _document(_replay(logged, logged / "policies", "--json"))

    assert (document["read"], document["replayed"], document["figures"]["moved"]) == (7, 7, 0)
    assert document["unrecorded"] == 0
    assert document["figures"]["cost_delta"] == 0.0
    assert document["changes"]["total"]["refused_before"] == document["changes"]["total"]["refused_after"] == 1


def test_a_candidate_moves_what_it_should_and_its_price_is_told(logged: Path, tmp_path: Path) -> None:
    document = _document(_replay(logged, _candidate(tmp_path), "--json"))

    moves = {
        (move["before"], move["after"], move["unserved"]): move["requests"] for move in document["changes"]["moves"]
    }
    assert moves == {
        ("scripted-small", "scripted-large", False): 4,
        ("scripted-failing", None, True): 1,
    }
    assert document["figures"]["cost_delta"] > 1
    assert document["figures"]["quality_delta"] > 0
    assert document["classifiers"] == [load_prior().model.label]


def test_the_log_of_a_file_is_the_log_of_the_database(logged: Path, tmp_path: Path) -> None:
    printed = _replay(logged, tmp_path, "--json", command="report decisions").stdout
    policies = _candidate(tmp_path)

    ran = _replay(logged, policies, "--json", "--from", "-", standard_input=printed)

    assert _document(ran) == _document(_replay(logged, policies, "--json"))


def test_a_gate_fails_the_build(logged: Path, tmp_path: Path) -> None:
    ran = _replay(logged, _candidate(tmp_path), "--fail-if", "cost_delta > 0.05 || quality_delta < -0.01")

    assert ran.returncode == 1
    assert "Gate: FAILED, it is true" in ran.stdout
    assert ran.stderr == ""


def test_what_the_shadow_decided_otherwise_is_told_from_the_records(logged: Path) -> None:
    document = _document(_replay(logged, logged / "policies", "--shadow", "--json"))

    (rolled,) = document["rolled"]
    assert (rolled["policy"], rolled["mode"]) == ("all-large", "shadow")
    assert rolled["changes"]["total"]["requests"] == 5
    assert [(each["before"], each["after"], each["requests"]) for each in rolled["changes"]["moves"]] == [
        ("scripted-small", "scripted-large", 4)
    ]
