import json
import os
from pathlib import Path

import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result
from msgspec.structs import replace

from gateway.classifiers.linear import Model
from gateway.classifiers.model_file import load_prior
from gateway.cli.classifier_model import MODEL_VARIABLE
from gateway.cli.main import main
from gateway.cli.policy_trial import policies_to_try, trial
from gateway.domain.signals import measure
from gateway.policyfile.problems import PolicyError
from gateway.policyfile.trial import Given
from tests.unit.cli.tiny_models import model_file, tiny_model

DEMO = Path(__file__).parents[3] / "policies" / "demo"
ASK = "Translate: good morning"


def _policy(*arguments: str, model: Path) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], env={MODEL_VARIABLE: str(model)})


def test_a_trial_asks_the_classifier_that_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    body = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": "Translate: good morning"}]})

    facts, _ = trial().decide(policies_to_try(DEMO, assume_env=True), body, Given())

    assert facts.classification == load_prior().classify(facts.request, measure(facts.request))


def test_variables_are_assumed_only_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIZEWISE_DEMO_UPSTREAM", raising=False)

    assumed = policies_to_try(DEMO, assume_env=True)

    assert {each.api_base for each in assumed.deployments.values()} == {"https://assumed.invalid/v1"}
    with pytest.raises(PolicyError, match="'SIZEWISE_DEMO_UPSTREAM' is not set"):
        policies_to_try(DEMO, assume_env=False)


def test_a_variable_that_is_set_wins_over_the_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SIZEWISE_DEMO_UPSTREAM", "http://127.0.0.1:9/v1")

    policies = policies_to_try(DEMO, assume_env=True)

    assert {each.api_base for each in policies.deployments.values()} == {"http://127.0.0.1:9/v1"}


def test_the_variable_names_another_model(tmp_path: Path) -> None:
    model = model_file(tmp_path / "tiny.safetensors", tiny_model())

    result = _policy("explain", str(DEMO), "--ask", ASK, "--json", "--assume-env", model=model)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["classification"]["model"].startswith("tiny@3+")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "")
    body = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": ASK}]})

    facts, _ = trial().decide(policies_to_try(DEMO, assume_env=True), body, Given())

    assert facts.classification.model == load_prior().model.label


def test_the_model_decides_the_cases_of_a_policy(tmp_path: Path) -> None:
    willing = model_file(tmp_path / "a.safetensors", _always(9.0))
    unwilling = model_file(tmp_path / "b.safetensors", _always(-9.0))
    directory = _one_case(tmp_path)

    small = _policy("test", str(directory), "--assume-env", model=willing)
    large = _policy("test", str(directory), "--assume-env", model=unwilling)

    assert (small.exit_code, large.exit_code) == (0, 1)
    assert small.stdout.startswith("ok      an easy ask")
    assert large.stdout.startswith("FAILED  an easy ask")


@pytest.mark.parametrize("arguments", [("test", str(DEMO)), ("explain", str(DEMO), "--ask", ASK)])
@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model_is_one_line(tmp_path: Path, arguments: tuple[str, ...], content: bytes | None) -> None:
    file = tmp_path / "mine.safetensors"
    if content is not None:
        file.write_bytes(content)

    result = _policy(*arguments, "--assume-env", model=file)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {MODEL_VARIABLE}: {file}: ")
    assert result.stderr.count("\n") == 1


def _always(bias: float) -> Model:
    """Says the same of everything, and is sure of it."""
    model = tiny_model()
    return replace(model, ask=replace(model.ask, bias=bias, features={}, callers={}))


def _one_case(tmp_path: Path) -> Path:
    directory = tmp_path / "policies"
    directory.mkdir()
    for file in DEMO.glob("*.yaml"):
        if not file.name.endswith(".cases.yaml"):
            (directory / file.name).write_bytes(file.read_bytes())
    case = {"name": "an easy ask", "ask": ASK, "alias": "auto", "expect": {"route": "small-first"}}
    (directory / "one.cases.yaml").write_text(yaml.safe_dump({"cases": [case]}), "utf-8")
    return directory
