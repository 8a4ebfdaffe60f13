import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from gateway.cli.policy_replay import replay
from gateway.cli.report import report
from gateway.domain.record import RequestRecord
from gateway.domain.rollout import Beside
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE
from tests.builders import a_classification, a_record, an_attempt
from tests.unit.policyfile.folder import DEPLOYMENTS, POLICIES, ROUTES, write

_PRICED = DEPLOYMENTS.replace(
    "model: s,", "model: s, price: {input_per_mtok_usd: 0.15, output_per_mtok_usd: 0.6},"
).replace("model: l,", "model: l, price: {input_per_mtok_usd: 2.5, output_per_mtok_usd: 10},")
_AT = "2026-09-01"
_BESIDE = Beside(
    policy="next",
    policy_version="v2",
    mode="shadow",
    was_candidate=True,
    rule="hard",
    route="large-only",
    deployment="large-a",
    differs=True,
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """Asks for more than the policy of the records, 0.6, did."""
    directory = tmp_path / "candidate"
    directory.mkdir()
    stricter = POLICIES.replace("serves: [auto]", "serves: [auto]\n    quality: {threshold: 0.95}")
    return write(directory, p=_PRICED + ROUTES + stricter)


def _filled(url: str, *records: RequestRecord) -> None:
    upgrade(url)
    sink = open_sink(url)
    sink.write(records)
    sink.close()


def _two_records() -> tuple[RequestRecord, RequestRecord]:
    """One that was sure to be easy, and one that was barely."""
    sure = a_record("sure", classification=a_classification(1.0))
    return sure, a_record("barely", classification=a_classification(0.9), team="claims", context=None)


def _run(*arguments: str, url: str, standard_input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(replay, arguments, env={DATABASE_URL_VARIABLE: url}, input=standard_input)


def test_what_moves_is_told_for_people(url: str, candidate: Path) -> None:
    _filled(url, *_two_records())

    result = _run("--policies", str(candidate), "--since", _AT, url=url)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith(f"Replayed 2 of 2 requests under {candidate} (")
    assert lines[1] == "Moved: 1 (50.0%)"
    assert any(line.split() == ["small-a", "large-a", "1"] for line in lines)
    assert lines[-1].split()[:3] == ["barely", "small-a", "large-a"]
    assert result.stderr == ""


def test_the_directory_is_that_of_the_environment_without_a_flag(url: str, candidate: Path) -> None:
    _filled(url, *_two_records())
    env = {DATABASE_URL_VARIABLE: url, "SIZEWISE_POLICIES": str(candidate)}

    result = CliRunner().invoke(replay, ["--since", _AT, "--json"], env=env)

    assert json.loads(result.stdout)["figures"]["moved"] == 1


@pytest.mark.parametrize("source", ["-", "file"])
def test_what_report_prints_replays_as_the_database_does(
    url: str, candidate: Path, tmp_path: Path, source: str
) -> None:
    _filled(url, *_two_records())
    printed = CliRunner().invoke(report, ["decisions", "--json"], env={DATABASE_URL_VARIABLE: url}).stdout
    (tmp_path / "log.jsonl").write_text(printed)
    arguments = ("--policies", str(candidate), "--json")

    from_database = json.loads(_run(*arguments, "--since", _AT, url=url).stdout)
    file = "-" if source == "-" else str(tmp_path / "log.jsonl")
    from_file = json.loads(_run(*arguments, "--from", file, url="sqlite:///nowhere", standard_input=printed).stdout)

    assert from_file == from_database
    assert from_file["replayed"] == 2


@pytest.mark.parametrize(
    ("condition", "exit_code", "said"),
    [
        ("cost_delta > 0.05 || quality_delta < -0.01", 1, "FAILED, it is true"),
        ("cost_delta > 100.0 || quality_delta < -0.01", 0, "passed"),
        ("latency_delta > 10.0", 1, "FAILED, latency_delta is unknown"),
    ],
)
def test_the_gate_decides_the_exit_code(url: str, candidate: Path, condition: str, exit_code: int, said: str) -> None:
    barely = _two_records()[1]
    _filled(url, barely)

    result = _run("--policies", str(candidate), "--since", _AT, "--fail-if", condition, url=url)

    assert result.exit_code == exit_code
    assert f"Gate: {said}" in result.stdout


def test_the_gate_stands_in_the_document(url: str, candidate: Path) -> None:
    _filled(url, *_two_records())

    result = _run("--policies", str(candidate), "--since", _AT, "--json", "--fail-if", "moved > 0", url=url)

    gate = json.loads(result.stdout)["gate"]
    assert result.exit_code == 1
    assert gate["failed"] is True
    assert gate["verdicts"] == [{"policy": None, "has_failed": True, "why": "it is true", "figures": {"moved": 1}}]


def test_without_prices_a_gate_on_cost_fails_closed(url: str, tmp_path: Path) -> None:
    _filled(url, replace(_two_records()[1], cost_nano_usd=None, attempts=(an_attempt(cost_nano_usd=None),)))
    directory = write(tmp_path, p=_PRICED + ROUTES + POLICIES)

    result = _run("--policies", str(directory), "--since", _AT, "--fail-if", "cost_delta > 0.05", url=url)

    assert result.exit_code == 1
    assert "cost_delta is unknown" in result.stdout


@pytest.mark.parametrize("arguments", [("--fail-if", "cost_dleta > 0.05"), ("--shadow", "--policy", "next")])
def test_wrong_use_exits_with_2_before_anything_is_read(candidate: Path, arguments: tuple[str, ...]) -> None:
    result = _run("--policies", str(candidate), *arguments, url="sqlite:///nowhere/at/all.db")

    assert result.exit_code == 2


def test_a_misspelt_figure_comes_with_a_suggestion(candidate: Path) -> None:
    result = _run("--fail-if", "cost_dleta > 0.05", url="sqlite:///nowhere")

    assert "unknown name 'cost_dleta'; did you mean 'cost_delta'?" in result.stderr


def test_a_policy_that_is_being_rolled_out_is_replayed_by_name_alone(url: str, tmp_path: Path) -> None:
    _filled(url, *_two_records())
    rolled = """
  - {name: next, serves: [auto], rollout: shadow, default: large-only}
"""
    arguments = ("--policies", str(write(tmp_path, p=_PRICED + ROUTES + POLICIES + rolled)), "--since", _AT, "--json")

    in_force = json.loads(_run(*arguments, url=url).stdout)
    by_name = json.loads(_run(*arguments, "--policy", "next", url=url).stdout)

    assert (in_force["figures"]["moved"], by_name["figures"]["moved"]) == (0, 2)


def test_an_unknown_policy_is_told_with_a_suggestion(url: str, candidate: Path) -> None:
    result = _run("--policies", str(candidate), "--policy", "defualt", url=url)

    assert result.exit_code == 2
    assert "did you mean 'default'?" in result.stderr


def test_what_a_shadow_decided_otherwise_is_told_by_candidate(url: str, candidate: Path) -> None:
    _filled(url, a_record("one", beside=_BESIDE), a_record("two"))

    result = _run("--policies", str(candidate), "--since", _AT, "--shadow", "--fail-if", "moved > 0", url=url)

    assert result.exit_code == 1
    assert "Decided by two policies: 1 of 2 requests" in result.stdout
    assert "Policy next@v2 as shadow, against the one in force" in result.stdout
    assert "Gate of next@v2 as shadow: FAILED" in result.stdout


def test_a_log_without_a_roll_out_has_no_shadow_to_tell_of(url: str, candidate: Path) -> None:
    _filled(url, *_two_records())

    result = _run("--policies", str(candidate), "--since", _AT, "--shadow", url=url)

    assert result.exit_code == 1
    assert "none of the 2 requests was decided by two policies" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "2027-01-01"), "no such requests at sqlite:///"),
        (("--since", _AT, "--team", "nobody"), "no such requests at sqlite:///"),
        (("--from", "-"), "no such requests in standard input"),
    ],
)
def test_where_there_is_nothing_it_says_so(url: str, candidate: Path, arguments: tuple[str, ...], said: str) -> None:
    _filled(url, *_two_records())

    result = _run("--policies", str(candidate), *arguments, url=url)

    assert result.exit_code == 1
    assert said in result.stderr


def test_a_database_that_is_not_there_is_told_in_one_line(candidate: Path) -> None:
    result = _run("--policies", str(candidate), url="sqlite:///nowhere/at/all.db")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no records yet: there is no database at sqlite:///nowhere/at/all.db")


def test_a_database_without_tables_is_told_in_one_line(candidate: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    result = _run("--policies", str(candidate), url=f"sqlite:///{tmp_path}/empty.db")

    assert result.exit_code == 1
    assert "no such table" in result.stderr


def test_a_file_of_something_else_is_told_with_its_line(candidate: Path) -> None:
    result = _run("--policies", str(candidate), "--from", "-", url="sqlite:///x", standard_input="{}\n")

    assert result.exit_code == 1
    assert "line 1: " in result.stderr


def test_policy_files_with_problems_are_told(tmp_path: Path) -> None:
    result = _run("--policies", str(write(tmp_path, p="policies: []")), url="sqlite:///x")

    assert result.exit_code == 1
    assert "no policy in these files" in result.stderr


def test_what_a_shadow_decided_is_told_without_policies_and_its_costs_are_unknown(url: str, tmp_path: Path) -> None:
    _filled(url, a_record("one", beside=_BESIDE), a_record("two"))

    result = _run("--policies", str(tmp_path / "nowhere"), "--since", _AT, "--shadow", url=url)

    assert result.exit_code == 0
    assert "note: no policies could be read from" in result.stderr
    assert "Policy next@v2 as shadow, against the one in force" in result.stdout
    assert "Cost: unknown" in result.stdout
