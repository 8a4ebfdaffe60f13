import logging
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.policyfile.loader import FilePolicySource, PolicyStatus, changes
from gateway.policyfile.problems import PolicyError
from gateway.ports import PolicySource
from tests.unit.policyfile.folder import (
    DEPLOYMENTS,
    GOOD,
    POLICIES,
    ROUTES,
    load,
    problems_of,
    trial,
    unknown_prices,
    write,
)


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


CASE = "{name: easy, ask: hello, classification: {small_ok: 0.9}, expect: {route: small-first}}"
BROKEN = GOOD.replace("route: small-first", "route: nowhere")


def write_case(directory: Path, text: str = CASE) -> None:
    (directory / "p.cases.yaml").write_text(f"cases: [{text}]", encoding="utf-8")


def source_of(directory: Path, now: Callable[[], float] = lambda: 0.0) -> FilePolicySource:
    return FilePolicySource(directory, unknown_prices, {}, trial(), now=now)


def test_a_case_that_fails_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    write(tmp_path, p=GOOD)
    write_case(tmp_path, CASE.replace("small-first", "large-only"))

    with pytest.raises(PolicyError) as caught:
        source_of(tmp_path)

    fails = "case 'easy' fails: route: expected 'large-only', got 'small-first'"
    assert str(caught.value) == f"{tmp_path}/p.cases.yaml:1:9: {fails}"


def test_without_a_trial_cases_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, p=GOOD)
    write_case(tmp_path, "{")

    source = FilePolicySource(tmp_path, unknown_prices, {})

    assert source.current().policies[0].name == "default"


def test_a_case_that_fails_keeps_the_old_set_in_force(tmp_path: Path) -> None:
    source = source_of(write(tmp_path, p=GOOD))
    before = source.current()
    write(tmp_path, p=GOOD.replace("small_ok >=", "small_ok <"))
    write_case(tmp_path)

    is_in_force = source.try_reload()

    assert not is_in_force
    assert source.current() is before
    refused = source.status().refused
    assert refused is not None
    assert "case 'easy' fails: route: expected 'small-first', got 'large-only'" in refused.problems[0]


def test_the_cases_that_are_run_are_those_that_were_read_with_the_policies(tmp_path: Path) -> None:
    write_case(write(tmp_path, p=GOOD))

    FilePolicySource(tmp_path, unknown_prices, {}, trial(), after_load=lambda: write_case(tmp_path, "["))

    with pytest.raises(PolicyError):
        source_of(tmp_path)


def test_a_case_alone_that_changes_is_run_against_the_set_in_force_and_compiles_nothing(tmp_path: Path) -> None:
    source = source_of(write(tmp_path, p=GOOD))
    before = source.current()
    write_case(tmp_path)

    source.reload()

    assert source.current() is before
    assert source.status().reloads_ok == 1


def test_files_that_did_not_change_are_not_compiled_again(tmp_path: Path) -> None:
    loads: list[str] = []
    source = FilePolicySource(
        write(tmp_path, p=GOOD), unknown_prices, {}, trial(), after_load=lambda: loads.append("loaded")
    )
    before = source.current()
    os.utime(tmp_path / "p.yaml", (1, 1))

    source.reload()

    assert source.current() is before
    assert loads == ["loaded"]
    assert source.status().reloads_ok == 0


def test_files_that_were_refused_are_not_tried_again_until_they_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = source_of(write(tmp_path, p=GOOD))
    write(tmp_path, p=BROKEN)

    told = []
    for _ in range(3):
        with pytest.raises(PolicyError) as caught:
            source.reload()
        told.append(str(caught.value))

    assert len(set(told)) == 1
    assert source.status().reloads_failed == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_the_status_tells_what_was_refused_and_since_when_until_the_files_are_good_again(tmp_path: Path) -> None:
    time_s = [100.0]
    source = source_of(write(tmp_path, p=GOOD), now=lambda: time_s[0])
    version = source.current().version

    time_s[0] = 200.0
    write(tmp_path, p=BROKEN)
    source.try_reload()
    failing = source.status()
    time_s[0] = 300.0
    write(tmp_path, p=GOOD)
    source.try_reload()

    assert (failing.version, failing.since_s, failing.reloads_failed) == (version, 100.0, 1)
    assert failing.refused is not None
    assert (failing.refused.since_s, len(failing.refused.version)) == (200.0, 8)
    assert failing.refused.version != version
    assert "unknown route 'nowhere'" in failing.refused.problems[0]
    assert source.status() == PolicyStatus(version=version, since_s=100.0, reloads_ok=1, reloads_failed=1)


def test_what_is_refused_without_being_another_version_has_no_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = source_of(write(tmp_path, p=GOOD), now=lambda: 3_723.0)

    (tmp_path / "p.cases.yaml").write_text("cases: [{name: x, ask: hi, expect: {tier: nobody}}]")
    source.try_reload()
    by_a_case = source.status().refused
    (tmp_path / "p.yaml").unlink()
    source.try_reload()
    of_nothing = source.status().refused

    assert by_a_case is not None
    assert of_nothing is not None
    assert (by_a_case.version, of_nothing.version) == ("", "")
    assert caplog.text.count("policy files as of 01:02:03 UTC refused") == 2


def test_a_new_version_is_in_force_from_when_it_was_loaded(tmp_path: Path) -> None:
    time_s = [100.0]
    source = source_of(write(tmp_path, p=GOOD), now=lambda: time_s[0])

    time_s[0] = 200.0
    write(tmp_path, p=GOOD.replace("large-a\n    rules", "small-a\n    rules"))
    source.reload()

    assert source.status().since_s == 200.0
    assert source.status().version == source.current().version


def test_a_reload_is_one_line_in_the_log_and_names_what_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = source_of(write(tmp_path, p=GOOD))
    old = source.current().version
    write(tmp_path, p=GOOD.replace("serves: [auto]", "serves: [other]"))

    with caplog.at_level(logging.INFO):
        source.reload()

    new = source.current().version
    assert [record.getMessage() for record in caplog.records] == [
        f"policy version {new} in force, was {old}: changed default"
    ]


def test_every_problem_of_a_refusal_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = source_of(write(tmp_path, p=GOOD))
    write(tmp_path, p=BROKEN, q="rutes: []")

    source.try_reload()

    (record,) = caplog.records
    assert record.getMessage().endswith(f"refused, {source.current().version} stays in force: 2 problems")
    assert len(vars(record)["problems"]) == 2


def test_changes_are_told_by_kind(tmp_path: Path) -> None:
    first = load(tmp_path, p=GOOD)
    second = load(tmp_path, p=GOOD.replace("name: default", "name: other"))

    assert changes(first, second) == "added other; removed default"
    assert changes(first, first) == "no policy changed"


def test_a_directory_that_vanishes_leaves_the_policies_in_force_and_may_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    source = source_of(write(folder, p=GOOD))
    before = source.current()

    (folder / "p.yaml").unlink()
    folder.rmdir()
    is_in_force = source.try_reload()
    refused = source.status().refused
    folder.mkdir()
    write(folder, p=GOOD)
    is_back = source.try_reload()

    assert (is_in_force, is_back) == (False, True)
    assert refused is not None
    assert "cannot read the policy directory: no such file or directory" in refused.problems[0]
    assert source.current() is before


def test_files_are_never_read_half_old_half_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are swapped under every reading: a mixture of two states must not come into force."""
    for name, alias in (("one", "first"), ("two", "second")):
        (tmp_path / name).mkdir()
        write(tmp_path / name, a=DEPLOYMENTS + ROUTES, b=POLICIES.replace("[auto]", f"[{alias}]"))
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "..data").symlink_to(tmp_path / "one")
    for file in ("a.yaml", "b.yaml"):
        (folder / file).symlink_to(f"..data/{file}")
    source = source_of(folder)
    swaps = count()

    stamp = source.stamp

    def moving() -> tuple[object, ...]:
        seen = stamp()
        target = ("two", "one")[next(swaps) % 2]
        (folder / "..next").symlink_to(tmp_path / target)
        (folder / "..next").rename(folder / "..data")
        return seen

    monkeypatch.setattr(source, "stamp", moving)
    is_in_force = source.try_reload()

    refused = source.status().refused
    assert not is_in_force
    assert refused is not None
    assert "the files change while they are read" in refused.problems[-1]
    assert set(source.current().by_alias) == {"first"}


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


def test_the_designs_example_loads(tmp_path: Path) -> None:
    policies = load(tmp_path, {"OPENAI_API_KEY": "key"}, p=DESIGN_EXAMPLE)

    check = policies.routes["checked"].check
    assert check is not None
    assert (check.wanted.json_schema, check.min_score) == (True, 0.6)
