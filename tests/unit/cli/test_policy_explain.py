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
    assert headings[:-1] == ["Asked", "Measured", "Classified", "Constraints", "Rules", "Decided", "Plan"]
    assert "  speaks for small " in result.stdout
    assert "its rule 'easy goes small' chose route 'small-first'" in result.stdout
    plan = result.stdout.split("Plan: ")[1].splitlines()
    assert plan[1].startswith("  1. scripted-small (tier small, model scripted-small), about $0.000")
    assert plan[2].startswith("  2. scripted-large (tier large, model scripted-large), about $0.00")


def test_each_condition_comes_with_its_verdict_and_its_values() -> None:
    lines = _run("--ask", "Translate to French: good morning").stdout.splitlines()

    assert "  false      agents go large: signals.tool_loop -> route large-only" in lines
    assert "             signals.tool_loop = false" in lines
    assert any(line.startswith("  true       easy goes small: ") for line in lines)
    assert "             quality.threshold = 0.6" in lines


def test_constraints_and_exclusions_come_with_their_reasons() -> None:
    lines = _run("--ask", PERSONAL, "--alias", "demo-fallback").stdout.splitlines()

    assert "  because of constraint 'personal data stays home': only labels.residency == \"on_prem\"" in lines
    assert "  left out scripted-large: constraint 'personal data stays home'" in lines
    assert any(line.startswith("  1. scripted-failing (tier small, model error-503), about $") for line in lines)


def test_a_request_nothing_may_serve_is_said_to_be_refused() -> None:
    result = _run("--ask", PERSONAL, "--alias", "large")

    assert result.exit_code == 0
    assert "\nPlan: none, it would be refused: no deployment may serve it\n" in result.stdout


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


@pytest.mark.parametrize("form", ["REQUEST DIR", "DIR REQUEST", "--policies", "environment"])
def test_a_file_is_the_request_and_a_directory_the_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"model": "small", "messages": [{"role": "user", "content": "hello"}]}', encoding="utf-8")
    arguments = {
        "REQUEST DIR": [str(file), DEMO],
        "DIR REQUEST": [DEMO, str(file)],
        "--policies": ["--policies", DEMO, str(file)],
        "environment": [str(file)],
    }[form]
    if form == "environment":
        monkeypatch.setenv("SIZEWISE_POLICIES", DEMO)

    result = CliRunner().invoke(explain, [*arguments, "--assume-env", "--json"])

    assert json.loads(result.stdout)["policy"] == "small"


def test_an_anthropic_body_is_a_request_too() -> None:
    body = {
        "model": "auto",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [{"name": "look_up", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "What is the weather in Lyon?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look_up", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "rain"}]},
        ],
    }

    document = json.loads(_run("-", "--json", standard_input=json.dumps(body)).stdout)

    assert (document["signals"]["tool_loop"], document["signals"]["tools"]) == (True, 1)
    assert document["rule"] == "agents go large"


def test_what_is_said_of_key_budget_and_health_is_what_conditions_see(tmp_path: Path) -> None:
    policy = (Path(DEMO) / "default.yaml").read_text(encoding="utf-8")
    rules = """    headers: [x-team]
    rules:
      - name: everything is so
        when: >
          key.team == "legal" && key.app == "desk" && "eu" in key.tags && budget.used_ratio > 0.8
          && "scripted-large" in health.resting && request.headers["x-team"] == "a=b" && time.hour == 14
        route: small-only
"""
    (tmp_path / "p.yaml").write_text(policy.replace("    rules:\n", rules, 1), encoding="utf-8")

    result = CliRunner().invoke(
        explain,
        [str(tmp_path), "--assume-env", "--ask", "hello", "--team", "legal", "--app", "desk", "--tag", "eu",
         "--budget-used", "0.9", "--resting", "scripted-large", "--header", "X-Team=a=b", "--at", "2026-11-20 14:30",
         "--json"],
    )  # fmt: skip

    document = json.loads(result.stdout)
    assert document["rule"] == "everything is so"
    assert document["rules"][0]["values"]["request.headers"] == {"x-team": "a=b"}
    assert document["resting"] == ["scripted-large"]


def test_a_policy_on_its_way_is_told_beside_or_by_its_name(tmp_path: Path) -> None:
    policy = (Path(DEMO) / "default.yaml").read_text(encoding="utf-8")
    candidate = "  - {name: next, serves: [auto], rollout: {canary: 10%}, default: small-only}\n"
    (tmp_path / "p.yaml").write_text(policy + candidate, encoding="utf-8")
    asked = [str(tmp_path), "--assume-env", "--ask", "Prove it.", "--json"]

    beside = json.loads(CliRunner().invoke(explain, asked).stdout)
    named = json.loads(CliRunner().invoke(explain, [*asked, "--policy", "next"]).stdout)

    assert (beside["policy"], beside["beside"]["policy"], beside["beside"]["mode"]) == ("default", "next", "canary")
    assert (named["policy"], named["beside"]["policy"]) == ("next", "default")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--ask", "a", "--request", "-"),
        ("--ask", "a", "-"),
        ("--request", "-", "--alias", "auto"),
        ("-", "--alias", "auto"),
        ("--ask", "\udcff"),
        ("--ask", "a", "--header", "x-team"),
        ("--ask", "a", "--header", "x-team=claims"),
        ("--ask", "a", "--resting", "scripted-smal"),
        ("--ask", "a", "--policy", "defalt"),
        ("--ask", "a", "--budget-used", "-1"),
        ("--ask", "a", "--at", "noon"),
        (DEMO, "--ask", "a"),
        ("none.json", "-"),
        ("none.json",),
    ],
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
    result = _run(*arguments, standard_input='{"messages": [{"role": "user", "content": "a"}]}')

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


def test_a_directory_that_is_not_there_is_named() -> None:
    result = CliRunner().invoke(explain, ["--ask", "hi", "nope"])

    assert result.exit_code == 2
    assert "there is no directory or file 'nope'" in result.stderr
