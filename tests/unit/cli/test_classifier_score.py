import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.classifier_score import score
from tests.unit.cli.labelled_rows import HARD, written
from tests.unit.cli.tiny_models import BANDS, judging_answers, model_file, tiny_model

POLITE = "Translate 'good morning' into French, please."


def _score(model: Path, data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(score, ["--model", str(model), "--data", str(data), *arguments])


def _documents(result: Result) -> list[dict[str, Any]]:
    return list(map(json.loads, result.stdout.splitlines()))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return model_file(tmp_path / "tiny.safetensors", judging_answers(tiny_model(history=BANDS)))


@pytest.fixture
def asks(tmp_path: Path) -> Path:
    return written(tmp_path / "asks.jsonl", [{"prompt": POLITE, "app": "desk"}, {"prompt": HARD}])


def test_json_is_one_line_a_row_with_the_verdict_and_its_reasons(tiny: Path, asks: Path) -> None:
    easy, hard = _documents(_score(tiny, asks, "--json"))

    assert (easy["file"], easy["line"], hard["line"]) == (str(asks), 1, 2)
    assert hard["small_ok"] < 0.5 < easy["small_ok"]
    assert easy["model"].startswith("tiny@3+")
    assert easy["microseconds"] > 0


def test_the_reasons_are_those_of_the_classifier_words_among_them(tiny: Path, asks: Path) -> None:
    easy, hard = _documents(_score(tiny, asks, "--json"))

    assert [each["feature"] for each in easy["contributions"]] == [
        "asks to translate",
        "app desk",
        "short ask",
        "word 'please'",
    ]
    assert [each["log_odds"] for each in easy["contributions"][:3]] == [2.0, 1.5, 0.25]
    assert hard["contributions"][0] == {"feature": "proof or derivation", "log_odds": -2.0}


def test_what_became_of_like_requests_is_told_where_the_model_knows(tiny: Path, asks: Path, tmp_path: Path) -> None:
    without = model_file(tmp_path / "plain.safetensors", tiny_model())

    easy, hard = _documents(_score(tiny, asks, "--json"))
    unknown, _ = _documents(_score(without, asks, "--json"))

    assert (easy["history"], hard["history"]) == ({"right": 48, "requests": 50}, {"right": 5, "requests": 50})
    assert unknown["history"] is None


def test_people_get_a_table(tiny: Path, asks: Path) -> None:
    headings, easy, _ = _score(tiny, asks).stdout.splitlines()

    assert headings.split() == ["ROW", "SMALL_OK", "CONFIDENCE", "TASK", "WHY"]
    assert easy.startswith("asks.jsonl:1")
    assert easy.endswith("asks to translate +2.0; app desk +1.5; short ask +0.2")


def test_a_cascade_judges_the_answers(tiny: Path, tmp_path: Path) -> None:
    rows = [{"prompt": POLITE, "small_answer": answer} for answer in ("Bonjour.", "Perhaps Bonjour; I am not sure.")]

    sure, hedging = _documents(_score(tiny, written(tmp_path / "rows.jsonl", rows), "--cascade", "--json"))

    assert hedging["small_ok"] < sure["small_ok"]
    assert "answer: hedges" in [each["feature"] for each in hedging["contributions"]]
    assert sure["history"] is None


def test_a_cascade_needs_answers_and_a_model_that_judges_them(tiny: Path, asks: Path, tmp_path: Path) -> None:
    plain = model_file(tmp_path / "plain.safetensors", tiny_model())

    unanswered, unable = _score(tiny, asks, "--cascade"), _score(plain, asks, "--cascade")

    assert (unanswered.exit_code, unable.exit_code) == (1, 1)
    assert "2 of 2 rows have no 'small_answer'" in unanswered.stderr
    assert "cannot judge answers" in unable.stderr
