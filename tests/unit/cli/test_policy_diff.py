import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.policy_diff import diff

SET = """
deployments:
  - name: small
    tier: small
    provider: openai
    model: gpt-4o-mini
    api_key: ${DIFF_TEST_KEY}
  - {name: large, tier: large, provider: openai, model: gpt-4o}
routes:
  - {name: small-first, try: [small], then: [large]}
  - {name: large-only, try: [large]}
policies:
  - name: default
    serves: [auto]
    rules:
      - {name: long, when: signals.tokens > 1200, route: large-only}
    default: small-first
"""


def _diff(directory: Path, before: str, after: str, *options: str) -> Result:
    for name, text in (("a", before), ("b", after)):
        (directory / name).mkdir(exist_ok=True)
        (directory / name / "p.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(diff, [str(directory / "a"), str(directory / "b"), *options])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFF_TEST_KEY", "of no use")


@pytest.mark.parametrize("after", [SET, f"# the same\n{SET.replace('signals.tokens > 1200', '(signals.tokens>1200)')}"])
def test_no_change_in_meaning_is_one_line_whatever_the_text(tmp_path: Path, after: str) -> None:
    result = _diff(tmp_path, SET, after, "--exit-code")

    assert (result.exit_code, result.stdout) == (0, "no change in meaning\n")


def test_changes_are_grouped_and_marked_with_an_example_and_a_count(tmp_path: Path) -> None:
    after = SET.replace("> 1200", "> 900").replace("small], then: [large]", "small]") + (
        "  - {name: fast, serves: [fast], default: small-first}\n"
    )

    result = _diff(tmp_path, SET, after)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "route 'small-first'",
        "  - then: large",
        "aliases",
        "  + fast: fast",
        "policy 'default'",
        "  ~ rule 'long', condition: signals.tokens > 1200 → signals.tokens > 900",
        "+ policy 'fast': serves fast; constraints: 0, rules: 0, default small-first",
        "decided differently for auto",
        "  an ordinary request",
        "    - before: rule 'default' → small-first (small, large)",
        "    + after: rule 'default' → small-first (small)",
        "  signals.tokens = 1200",
        "    - before: rule 'default' → small-first (small, large)",
        "    + after: rule 'long' → large-only (large)",
        "2 added, 1 removed, 1 changed",
    ]


def test_where_no_example_is_found_equivalence_is_not_claimed(tmp_path: Path) -> None:
    result = _diff(tmp_path, SET, SET.replace("model: gpt-4o}", "model: gpt-4.1}"))

    assert "  ~ model: gpt-4o → gpt-4.1" in result.stdout.splitlines()
    assert "decided for auto: no difference found among " in result.stdout


def test_the_exit_code_tells_a_change_only_where_asked(tmp_path: Path) -> None:
    changed = SET.replace("1200", "900")

    assert _diff(tmp_path, SET, changed).exit_code == 0
    assert _diff(tmp_path, SET, changed, "--exit-code").exit_code == 1


def test_json_is_one_document(tmp_path: Path) -> None:
    document = json.loads(_diff(tmp_path, SET, SET.replace("1200", "900"), "--json").stdout)

    assert document["is_different"] is True
    assert document["changes"] == [
        {
            "kind": "changed",
            "of": "policy 'default'",
            "part": "rule 'long', condition",
            "before": "signals.tokens > 1200",
            "after": "signals.tokens > 900",
        }
    ]
    (decisions,) = document["decisions"]
    assert decisions["aliases"] == ["auto"]
    assert decisions["examples"] == [
        {
            "given": ["signals.tokens = 1200"],
            "before": {"rule": "default", "route": "small-first", "plan": ["small", "large"]},
            "after": {"rule": "long", "route": "large-only", "plan": ["large"]},
        }
    ]


@pytest.mark.parametrize("wrong", ["a", "b"])
def test_errors_name_the_directory_they_are_in(tmp_path: Path, wrong: str) -> None:
    texts = {"a": SET, "b": SET} | {wrong: SET.replace("tier:", "tear:")}

    result = _diff(tmp_path, texts["a"], texts["b"])

    assert result.exit_code == 1
    assert f"the policies in '{tmp_path / wrong}' do not load:\n{tmp_path / wrong}/p.yaml:" in result.stderr
    assert result.stdout == ""


def test_variables_that_are_not_set_may_be_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIFF_TEST_KEY")

    assert _diff(tmp_path, SET, SET).exit_code == 1
    assert _diff(tmp_path, SET, SET, "--assume-env").stdout == "no change in meaning\n"
