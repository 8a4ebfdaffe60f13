import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.policy_explain import explain

DEMO = str(Path(__file__).parents[3] / "policies" / "demo")
PERSONAL = "Write to jane.doe@example.com"


def _run(*arguments: str, standard_input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(explain, [DEMO, "--assume-env", *arguments], input=standard_input)


def test_an_ask_is_told_from_what_was_measured_to_the_plan() -> None:
    result = _run("--ask", "Translate to French: good morning")

    assert result.exit_code == 0
    headings = [line.split(":")[0] for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert headings == ["Asked", "Measured", "Classified", "Decided", "Plan"]
    assert "  speaks for small " in result.stdout
    assert "its rule 'easy goes small' chose route 'small-first'" in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        "  1. scripted-small (tier small, model scripted-small)",
        "  2. scripted-large (tier large, model scripted-large)",
    ]


def test_constraints_and_exclusions_come_with_their_reasons() -> None:
    lines = _run("--ask", PERSONAL, "--alias", "demo-fallback").stdout.splitlines()

    assert "  because of constraint 'personal data stays home': only labels.residency == \"on_prem\"" in lines
    assert "  left out scripted-large: constraint 'personal data stays home'" in lines
    assert lines[-1] == "  1. scripted-failing (tier small, model error-503)"


def test_a_request_nothing_may_serve_is_said_to_be_refused() -> None:
    result = _run("--ask", PERSONAL, "--alias", "large")

    assert result.exit_code == 0
    assert result.stdout.endswith("Plan: none, it would be refused: no deployment may serve it\n")


def test_json_is_one_document_without_the_requests_text() -> None:
    result = _run("--ask", PERSONAL, "--alias", "large", "--team", "legal", "--json")

    document = json.loads(result.stdout)
    assert (document["alias"], document["team"], document["refused"], document["plan"]) == ("large", "legal", True, [])
    assert document["signals"]["sensitivity"] == "personal"
    assert document["excluded"] == {"scripted-large": "constraint 'personal data stays home'"}
    assert set(document["classification"]["contributions"][0]) == {"feature", "log_odds"}
    assert "jane.doe" not in result.stdout


@pytest.mark.parametrize("source", ["-", "file"])
def test_a_whole_request_is_read_from_a_file_or_standard_input(tmp_path: Path, source: str) -> None:
    body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "hello"}]})
    file = tmp_path / "request.json"
    file.write_text(body, encoding="utf-8")

    result = _run("--request", str(file) if source == "file" else "-", "--json", standard_input=body)

    assert json.loads(result.stdout)["policy"] == "small"


@pytest.mark.parametrize(
    "arguments", [(), ("--ask", "a", "--request", "-"), ("--request", "-", "--alias", "auto"), ("--ask", "\udcff")]
)
def test_wrong_use_exits_with_2(arguments: tuple[str, ...]) -> None:
    result = _run(*arguments, standard_input="{}")

    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ask", "a", "--alias", "atuo"), "no policy serves the model 'atuo'; did you mean 'auto'?"),
        (("--request", "-"), "you must provide a 'model'"),
    ],
)
def test_what_the_gateway_would_not_accept_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = _run(*arguments, standard_input="{}")

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")


def test_policies_that_do_not_load_are_reported_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("polices: []\n", encoding="utf-8")

    result = CliRunner().invoke(explain, ["--ask", "a"], env={"SIZEWISE_POLICIES": str(tmp_path)})

    assert result.exit_code == 1
    assert f"{tmp_path / 'p.yaml'}:1:1: unknown key 'polices'" in result.stderr


def test_nothing_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert _run("--ask", "hello").exit_code == 0
    assert list(tmp_path.iterdir()) == []
