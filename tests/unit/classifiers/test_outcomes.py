import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.api.dialects import parse_any
from gateway.classifiers.outcomes import MOST_PROBLEMS, OutcomesError, Row, read_outcomes, read_rows
from tests.builders import a_request

_ROW: dict[str, Any] = {"prompt": "2 + 2?", "small_correct": True, "large_correct": 0}


def _written(file: Path, *lines: Any) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_row_is_read_with_its_labels_and_what_else_is_known(tmp_path: Path, name: str) -> None:
    known = {"category": "maths", "app": "tutor", "team": "school", "task": "math"}
    full = {**_ROW, **known, "small_answer": "4", "small_logprob": -0.25, "large_chars": 7}

    outcomes = read_outcomes([_written(tmp_path / name, "", full)], parse_any)

    (row,) = outcomes.rows
    assert (row.line, row.request.messages[0].text) == (2, "2 + 2?")
    assert (row.small_correct, row.large_correct) == (True, False)
    assert (row.category, row.app, row.team, row.task) == ("maths", "tutor", "school", "math")
    assert (row.small_answer, row.small_logprob, row.large_answer) == ("4", -0.25, None)


@pytest.mark.parametrize("known", [{}, dict.fromkeys(("category", "app", "team", "task", "small_logprob"))])
def test_what_is_not_known_of_a_row_may_be_left_out_or_null(tmp_path: Path, known: dict[str, None]) -> None:
    outcomes = read_outcomes([_written(tmp_path / "rows.jsonl", {**_ROW, **known})], parse_any)

    (row,) = outcomes.rows
    assert (row.category, row.app, row.team) == ("", "", "")
    assert (row.task, row.small_logprob, row.small_answer, row.large_answer) == (None, None, None, None)


@pytest.mark.parametrize("logprob", [0, -3, -0.125, -1e300])
def test_a_log_probability_is_a_number_of_at_most_zero(tmp_path: Path, logprob: float) -> None:
    outcomes = read_outcomes([_written(tmp_path / "rows.jsonl", {**_ROW, "small_logprob": logprob})], parse_any)

    assert outcomes.rows[0].small_logprob == logprob


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": [{"role": "user", "content": "2 + 2?"}]},
        {"messages": [{"role": "user", "content": "2 + 2?"}]},
        {"model": "m", "max_tokens": 9, "system": "Be short.", "messages": [{"role": "user", "content": "2 + 2?"}]},
    ],
    ids=["openai", "without a model", "anthropic"],
)
def test_a_whole_body_stands_in_for_a_prompt(tmp_path: Path, body: dict[str, Any]) -> None:
    row = {"request": body, "small_correct": 1, "large_correct": 1}

    outcomes = read_outcomes([_written(tmp_path / "rows.jsonl", row)], parse_any)

    assert outcomes.rows[0].request.messages[-1].text == "2 + 2?"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "not valid JSON: "),
        ("[1]", "expected a JSON object, got [1]"),
        ('{"prompt": "\\ud800", "small_correct": 1, "large_correct": 1}', "not valid JSON: "),
        ({**_ROW, "prompt": " "}, "'prompt' must be a text that is not empty, not ' '"),
        ({**_ROW, "prompt": 7}, "'prompt' must be a text that is not empty, not 7"),
        ({**_ROW, "request": {}}, "needs 'prompt' (a text) or 'request'"),
        ({"small_correct": 1, "large_correct": 1}, "needs 'prompt' (a text) or 'request'"),
        ({"request": [], "small_correct": 1, "large_correct": 1}, "'request' must be an object"),
        ({"request": {}, "small_correct": 1, "large_correct": 1}, "'request': you must provide 'messages'"),
        ({"prompt": "a", "large_correct": 1}, "'small_correct' is missing"),
        ({**_ROW, "large_correct": "yes"}, "'large_correct' must be true or false (or 1 or 0), not 'yes'"),
        ({**_ROW, "large_correct": 0.5}, "'large_correct' must be true or false (or 1 or 0), not 0.5"),
        ({**_ROW, "small_answer": ["4"]}, "'small_answer' must be a text, not ['4']"),
        ({**_ROW, "team": 7}, "'team' must be a text, not 7"),
        ({**_ROW, "task": "maths"}, "'task' must be one of chat, classification, "),
        ({**_ROW, "task": ["math"]}, "'task' must be one of chat, classification, "),
        ({**_ROW, "task": ""}, "'task' must be one of chat, classification, "),
        ({**_ROW, "small_logprob": 0.5}, "'small_logprob' must be a number of at most 0, not 0.5"),
        ({**_ROW, "small_logprob": "-1"}, "'small_logprob' must be a number of at most 0, not '-1'"),
        ({**_ROW, "small_logprob": False}, "'small_logprob' must be a number of at most 0, not False"),
        ({**_ROW, "small_logprob": float("nan")}, "not valid JSON: "),
        ('{"prompt": "a", "small_correct": 1, "large_correct": 1, "small_logprob": -1e999}', "not valid JSON: "),
    ],
)
def test_a_bad_line_is_named_with_its_file_number_and_fault(tmp_path: Path, line: Any, fault: str) -> None:
    file = _written(tmp_path / "rows.jsonl", _ROW, line)

    with pytest.raises(OutcomesError) as raised:
        read_outcomes([file], parse_any)

    (problem,) = raised.value.problems
    assert problem.startswith(f"{file}:2: {fault}")


def test_the_faults_of_all_files_are_told_at_once_up_to_a_bound(tmp_path: Path) -> None:
    bad = _written(tmp_path / "bad.jsonl", *["{"] * (MOST_PROBLEMS + 3))
    worse = _written(tmp_path / "worse.jsonl", "[]")

    with pytest.raises(OutcomesError) as raised:
        read_outcomes([bad, worse], parse_any)

    assert (len(raised.value.problems), raised.value.more) == (MOST_PROBLEMS, 4)
    assert str(raised.value).endswith("\nand 4 more")


def test_a_file_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutcomesError, match="holds no rows"):
        read_outcomes([_written(tmp_path / "rows.jsonl", "", " ")], parse_any)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    cut = _written(tmp_path / "cut.jsonl.gz", *[_ROW] * 100)
    cut.write_bytes(cut.read_bytes()[:-20])
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_text(json.dumps(_ROW))

    with pytest.raises(OutcomesError) as raised:
        read_outcomes([tmp_path / "none.jsonl", cut, plain], parse_any)

    assert [problem.partition(": cannot be read: ")[0] for problem in raised.value.problems] == [
        str(tmp_path / "none.jsonl"),
        str(cut),
        str(plain),
    ]


def test_rows_that_are_only_scored_need_no_labels(tmp_path: Path) -> None:
    (file,) = read_rows([_written(tmp_path / "rows.jsonl", {"prompt": "Hi"})], parse_any)

    assert file.rows[0].request.messages[0].text == "Hi"
    assert file.rows[0].small_logprob is None


def test_rows_that_are_only_scored_keep_what_is_known_of_them(tmp_path: Path) -> None:
    row = {"prompt": "Hi", "app": "tutor", "team": "school", "task": "chat", "small_logprob": -1}

    (file,) = read_rows([_written(tmp_path / "rows.jsonl", row)], parse_any)

    (read,) = file.rows
    assert (read.app, read.team, read.task, read.small_logprob) == ("tutor", "school", "chat", -1.0)


def test_the_caller_of_a_row_is_its_app_and_team() -> None:
    caller = Row(line=1, request=a_request(), app="tutor", team="school").caller

    assert (caller.app, caller.team, caller.key_id) == ("tutor", "school", "")
