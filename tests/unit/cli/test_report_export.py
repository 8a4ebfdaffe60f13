import csv
import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.api.dialects import parse_any
from gateway.classifiers.outcomes import read_outcomes
from gateway.cli.classifier import classifier
from gateway.cli.record_columns import ATTEMPT_COLUMNS, REQUEST_COLUMNS
from gateway.cli.report import report
from gateway.domain.record import RequestRecord
from gateway.store.urls import DATABASE_URL_VARIABLE
from tests.builders import a_record, an_attempt
from tests.unit.cli.exports import filled, keep_text, say
from tests.unit.cli.labelled_rows import training_file


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


def _run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(report, ["export", *arguments], env={DATABASE_URL_VARIABLE: url})


def _later(record_id: str, **changes: object) -> RequestRecord:
    return a_record(record_id, received_at=1_791_000_000.0, **changes)


def test_lines_hold_the_whole_record_and_what_was_said_of_it(url: str) -> None:
    filled(url, a_record("req-1"), _later("req-2"))
    say(url, "req-1", "good", score=0.9, comment="fine")

    result = _run(url)

    second, first = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, result.stderr) == (0, "")
    assert (first["id"], first["attempts"][0]["deployment"]) == ("req-1", "small-a")
    assert first["feedback"] == {
        "score": 0.9,
        "label": "good",
        "comment": "fine",
        "given_at": "2026-09-21T14:13:20+00:00",
    }
    assert (second["id"], second["feedback"]) == ("req-2", None)


def test_csv_has_one_row_a_request(url: str) -> None:
    filled(url, a_record("req-1", team="=1+1"), a_record("req-2"))
    say(url, "req-1", "bad", comment='two\nlines, "quoted"')

    second, first = csv.DictReader(io.StringIO(_run(url, "--format", "csv").stdout))

    assert tuple(first) == REQUEST_COLUMNS
    assert (first["id"], first["team"], second["team"]) == ("req-1", "'=1+1", "")
    assert (first["feedback_label"], first["feedback_comment"]) == ("bad", 'two\nlines, "quoted"')
    assert second["feedback_label"] == ""


def test_csv_by_attempts_has_one_row_a_call(url: str) -> None:
    filled(url, a_record(attempts=(an_attempt(outcome="failed"), an_attempt(number=2, deployment="small-b"))))

    rows = list(csv.DictReader(io.StringIO(_run(url, "--format", "csv", "--attempts").stdout)))

    assert tuple(rows[0]) == ATTEMPT_COLUMNS
    assert [(row["request_id"], row["number"], row["deployment"]) for row in rows] == [
        ("req-1", "1", "small-a"),
        ("req-1", "2", "small-b"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        ("--since", "2026-10-01"),
        ("--alias", "a2"),
        ("--team", "t2"),
        ("--app", "c2"),
        ("--policy", "p2"),
        ("--limit", "1"),
    ],
)
def test_an_option_narrows_the_export(url: str, options: tuple[str, str]) -> None:
    filled(url, a_record("a"), _later("b", alias="a2", team="t2", app="c2", policy="p2"))

    assert [json.loads(line)["id"] for line in _run(url, *options).stdout.splitlines()] == ["b"]


def test_until_is_the_first_moment_that_is_left_out(url: str) -> None:
    filled(url, a_record("req-a"), _later("req-b"))

    lines = _run(url, "--until", "2026-10-01").stdout.splitlines()

    assert [json.loads(line)["id"] for line in lines] == ["req-a"]


def test_no_requests_are_no_error(url: str) -> None:
    filled(url)

    result = _run(url)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no such requests\n")


def test_a_file_is_there_once_it_is_whole(url: str, tmp_path: Path) -> None:
    filled(url, a_record())
    (out := tmp_path / "out.jsonl").write_text("before")

    result = _run(url, "--output", str(out))

    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(out.read_text())["id"] == "req-1"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_an_export_that_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    (out := tmp_path / "out.jsonl").write_text("before")

    result = _run(f"sqlite:///{tmp_path}/empty.db", "--output", str(out))

    assert result.exit_code == 1
    assert "no such table: requests" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"empty.db", "out.jsonl"}
    assert out.read_text() == "before"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--attempts",), "a JSON line holds its attempts already"),
        (("--for", "training", "--format", "csv"), "leave --format csv and --attempts out"),
        (("--for", "training", "--small-tier", "x", "--large-tier", "x"), "are both 'x'; name two tiers"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "is not after --since 2026-02-01"),
        (("--for", "fun"), "'fun' is not 'training'"),
        (("--limit", "0"), "0 is not in the range"),
    ],
)
def test_wrong_use_exits_with_2_and_says_why(url: str, wrong: tuple[str, ...], said: str) -> None:
    filled(url)

    result = _run(url, *wrong)

    assert result.exit_code == 2
    assert said in result.stderr


def test_what_is_exported_for_training_is_read_and_trained_on(url: str, tmp_path: Path) -> None:
    asked = [json.loads(line) for line in training_file(tmp_path / "asked.jsonl").read_text().splitlines()]
    filled(url, *(a_record(f"req-{number}", app=row["app"]) for number, row in enumerate(asked)), a_record("silent"))
    for number, row in enumerate(asked):
        say(url, f"req-{number}", "good" if row["small_correct"] else "bad")
        keep_text(url, f"req-{number}", row["prompt"], row["small_answer"])
    out, model = tmp_path / "rows.jsonl", tmp_path / "model"

    exported = _run(url, "--for", "training", "--output", str(out))
    read = read_outcomes([out], parse_any)
    trained = CliRunner().invoke(classifier, ["train", "--data", str(out), "--cascade", "--out", str(model)])

    assert exported.stderr == (
        "320 rows\n  left out: 1 that have neither feedback nor an answer that failed its check for certain\n"
    )
    latest_first = sorted(enumerate(asked), key=lambda each: f"req-{each[0]}", reverse=True)
    assert [
        (each.request.messages[-1].text, each.small_correct, each.large_correct, each.small_answer, each.app)
        for each in read.rows
    ] == [(row["prompt"], row["small_correct"], True, row["small_answer"], row["app"]) for _, row in latest_first]
    assert trained.exit_code == 0, trained.output
    assert model.exists()


def test_memory_does_not_grow_with_what_is_exported(url: str) -> None:
    dice = random.Random(0)
    filled(url, *(a_record(f"{dice.getrandbits(128):032x}") for _ in range(12_000)))
    program = (
        "import resource, sys; from gateway.cli.report import report;"
        "report(['export', *sys.argv[1:]], standalone_mode=False);"
        "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )

    def peak_kb(limit: int) -> int:
        command = [sys.executable, "-c", program, "--database-url", url, "--limit", str(limit)]
        done = subprocess.run(command, capture_output=True, check=True)
        assert done.stdout.count(b"\n") == limit
        return int(done.stderr)

    assert peak_kb(12_000) < peak_kb(2_000) * 1.1
