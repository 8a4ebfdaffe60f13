from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.problems import PolicyError
from gateway.ports import PolicySource
from tests.unit.policyfile.folder import DEPLOYMENTS, GOOD, load, problems_of, unknown_prices, write


def test_the_set_has_the_version_of_its_files(tmp_path: Path) -> None:
    first = load(tmp_path, p=GOOD).version
    second = load(tmp_path, p=GOOD + "# a comment\n").version

    assert len(first) == 8
    assert first != second


def test_cases_beside_a_policy_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "p.cases.yaml").write_text("cases: [1, 2")

    assert load(tmp_path, p=GOOD).policies[0].name == "default"


def test_files_without_a_policy_are_refused(tmp_path: Path) -> None:
    assert problems_of(tmp_path, p=DEPLOYMENTS)[0].endswith("no policy in these files; write one under 'policies'")


def test_references_to_a_file_that_cannot_be_read_are_not_reported(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, a="deployments: [", b=GOOD.replace(DEPLOYMENTS, ""))

    assert [problem.partition(":")[0] for problem in problems] == ["a.yaml"]


def test_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path, a="deployments: [", b="deployment: []", c=GOOD.replace("tier: small", "tear: small")
    )

    assert [problem.partition(":")[0] for problem in problems] == ["a.yaml", "b.yaml", "c.yaml", "c.yaml"]


def test_a_source_gives_what_it_loaded(tmp_path: Path) -> None:
    source: PolicySource = FilePolicySource(write(tmp_path, p=GOOD), unknown_prices, {})

    assert source.current().policies[0].name == "default"


def test_a_set_that_fails_is_never_put_in_force(tmp_path: Path) -> None:
    source = FilePolicySource(write(tmp_path, p=GOOD), unknown_prices, {})
    before = source.current()
    write(tmp_path, p=GOOD.replace("route: small-first", "route: nowhere"))

    with pytest.raises(PolicyError, match="unknown route 'nowhere'"):
        source.reload()

    assert source.current() is before


def test_a_reload_puts_the_new_set_in_force_and_leaves_the_old_one_alone(tmp_path: Path) -> None:
    source = FilePolicySource(write(tmp_path, p=GOOD), unknown_prices, {})
    before = source.current()
    write(tmp_path, p=GOOD.replace("serves: [auto]", "serves: [other]"))

    after = source.reload()

    assert source.current() is after
    assert "other" in after.by_alias
    assert "auto" in before.by_alias


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(start=st.integers(0, len(GOOD)), cut=st.integers(0, 40), put=st.text("[]{}:,-'\"|>&*!#\n 0aé", max_size=8))
def test_any_edit_of_a_file_is_loaded_or_refused_and_never_crashes(
    tmp_path: Path, start: int, cut: int, put: str
) -> None:
    text = GOOD[:start] + put + GOOD[start + cut :]

    try:
        outcome: object = load(tmp_path, p=text).policies or None
    except PolicyError as error:
        outcome = error.problems or None

    assert outcome is not None


DESIGN_EXAMPLE = """
deployments:
  - name: mistral-onprem
    tier: small
    provider: openai                 # wire protocol
    model: mistral-small
    api_base: http://vllm.internal:8000/v1
    context_window: 32768
    capabilities: [tools, json_schema]
    labels: {residency: on_prem, indemnified: true}
    price: {gpu_hour_usd: 2.10, tokens_per_second: 900}
  - name: gpt-large
    tier: large
    provider: openai
    model: gpt-4o
    api_key: ${OPENAI_API_KEY}
    labels: {residency: us}
routes:
  - name: small-first
    try: [mistral-onprem]
    then: [gpt-large]
    retries: 1
    timeout: {connect_s: 2, first_token_s: 5, idle_s: 10, total_s: 120}
  - name: large-only
    try: [gpt-large]
  - name: checked
    try: [mistral-onprem]
    check: {json_schema: true, not_refused: true, min_score: 0.6}
    then: [gpt-large]
policies:
  - name: default
    serves: [auto]
    baseline: gpt-large
    quality: {keep: 0.97, confidence: 0.9}
    constraints:
      - name: personal data stays home
        when: signals.sensitivity == "personal"
        require: labels.residency == "on_prem"
    rules:
      - {name: agents keep their model, when: signals.tool_loop, route: sticky}
      - {name: legal and medical go large, when: 'classification.task in ["legal", "medical"]', route: large-only}
      - {name: easy goes small, when: classification.small_ok >= quality.threshold, route: small-first}
    default: large-only
"""


def test_of_the_designs_example_only_what_is_not_built_yet_is_refused(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, {"OPENAI_API_KEY": "key"}, p=DESIGN_EXAMPLE)

    assert problems == [
        "p.yaml:28:5: route 'checked': 'check' is not supported yet",
        (
            "p.yaml:40:73: policy 'default', rule 1: unknown route 'sticky'; "
            "session affinity is not supported yet; name a route of these files"
        ),
    ]
