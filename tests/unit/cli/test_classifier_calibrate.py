import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli.classifier_calibrate import calibrate
from tests.unit.cli.labelled_rows import EASY, HARD, labelled_file, written
from tests.unit.cli.tiny_models import judging_answers, model_file, tiny_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return model_file(tmp_path / "tiny.safetensors", judging_answers(tiny_model()))


def _calibrate(model: Path, file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(calibrate, ["--model", str(model), "--data", str(file), *arguments])


def _answered(file: Path, rows: int = 400) -> Path:
    """The asks are all alike; the small model is right in every second one, and hedges in the others."""
    return written(
        file,
        [
            {
                "prompt": f"{EASY} ({number})",
                "small_answer": "Perhaps it is; maybe not." if number % 2 else "Bonjour, as all would say it.",
                "large_answer": "Bonjour, as all would say it.",
                "small_correct": number % 2 == 0,
                "large_correct": True,
            }
            for number in range(rows)
        ],
    )


def test_the_threshold_may_be_pasted_into_a_policy(tiny: Path, tmp_path: Path) -> None:
    result = _calibrate(tiny, labelled_file(tmp_path / "rows.jsonl", rows=400), "--keep", "0.97", "--confidence", "0.9")

    assert result.exit_code == 0
    assert list(yaml.safe_load(result.stdout)) == ["quality"]
    assert 0.0 < yaml.safe_load(result.stdout)["quality"]["threshold"] < 1.0
    assert "# expected: 50.0% to the large model, accuracy 100.0%" in result.stdout


def test_json_says_the_share_the_bound_and_the_cost(tiny: Path, tmp_path: Path) -> None:
    file = labelled_file(tmp_path / "rows.jsonl", rows=400)

    found = json.loads(_calibrate(tiny, file, "--keep", "0.97", "--json").stdout)

    assert (found["large_share"], found["confidence"], found["quality_kept"]) == (0.5, 0.9, 1.0)
    assert 0.97 <= found["quality_bound"] < 1.0
    assert 0 < found["cost_nano_usd"] < found["always_large_cost_nano_usd"]
    assert found["cascade"] is False


def test_rows_of_several_files_are_taken_together(tiny: Path, tmp_path: Path) -> None:
    first, second = (labelled_file(tmp_path / f"{name}.jsonl", rows=200) for name in "ab")

    found = json.loads(_calibrate(tiny, first, str(second), "--keep", "0.97", "--json").stdout)

    assert found["rows"] == 400


def test_too_few_labels_are_refused_with_the_number_missing(tiny: Path, tmp_path: Path) -> None:
    result = _calibrate(tiny, labelled_file(tmp_path / "rows.jsonl", rows=120), "--keep", "0.97")

    assert result.exit_code == 1
    assert "180 labelled rows are missing" in result.stderr
    assert result.stdout == ""


def test_a_share_needs_no_such_number(tiny: Path, tmp_path: Path) -> None:
    file = labelled_file(tmp_path / "rows.jsonl")

    found = json.loads(_calibrate(tiny, file, "--large-share", "0.5", "--json").stdout)

    assert (found["large_share"], found["quality_bound"], found["confidence"]) == (0.5, None, None)


def test_rows_that_go_small_without_evidence_are_told(tiny: Path, tmp_path: Path) -> None:
    result = _calibrate(tiny, labelled_file(tmp_path / "rows.jsonl"), "--large-share", "0")

    assert "# 20 rows go small by this threshold without evidence (too little is known of them);" in result.stdout
    assert "quality" in yaml.safe_load(result.stdout)


def test_where_no_threshold_is_sure_the_answer_is_no(tiny: Path, tmp_path: Path) -> None:
    rows = [{"prompt": "Translate 'yes' into French.", "small_correct": 0, "large_correct": 1}] * 300

    result = _calibrate(tiny, written(tmp_path / "rows.jsonl", rows), "--keep", "0.97")

    assert result.exit_code == 1
    assert "no threshold is sure to keep 0.97 of the quality on these 300 rows" in result.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("--keep", "0.9", "--large-share", "0.3"), ("--large-share", "0.3", "--confidence", "0.9")]
)
def test_one_target_is_given(tiny: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert _calibrate(tiny, labelled_file(tmp_path / "rows.jsonl"), *arguments).exit_code == 2


def test_a_cascade_chooses_by_the_verdicts_on_the_answers(tiny: Path, tmp_path: Path) -> None:
    file = _answered(tmp_path / "rows.jsonl")

    by_ask = _calibrate(tiny, file, "--keep", "0.97")
    by_answer = json.loads(_calibrate(tiny, file, "--keep", "0.97", "--cascade", "--json").stdout)

    assert "no threshold is sure" in by_ask.stderr
    assert (by_answer["cascade"], by_answer["large_share"], by_answer["accuracy"]) == (True, 0.5, 1.0)


def test_a_cascade_pays_the_small_model_in_every_row(tiny: Path, tmp_path: Path) -> None:
    arguments = ("--large-share", "0.5", "--json", "--large-price", "1/1", "--small-price")
    file = _answered(tmp_path / "rows.jsonl", rows=40)

    free, paid = (json.loads(_calibrate(tiny, file, "--cascade", *arguments, price).stdout) for price in ("0/0", "1/1"))

    assert free["large_share"] == paid["large_share"] == 0.5
    assert paid["cost_nano_usd"] > 1.4 * paid["always_large_cost_nano_usd"]
    assert free["cost_nano_usd"] == pytest.approx(0.5 * free["always_large_cost_nano_usd"], rel=0.05)


def test_the_threshold_of_a_cascade_is_not_offered_for_requests(tiny: Path, tmp_path: Path) -> None:
    result = _calibrate(tiny, _answered(tmp_path / "rows.jsonl"), "--keep", "0.97", "--cascade")

    said = yaml.safe_load(result.stdout)
    assert list(said) == ["check"]
    assert 0.0 < said["check"]["min_score"] < 1.0
    assert "# the small model is paid for in every row" in result.stdout


def test_a_cascade_needs_a_model_that_judges_answers(tmp_path: Path) -> None:
    model = model_file(tmp_path / "plain.safetensors", tiny_model())

    result = _calibrate(model, _answered(tmp_path / "rows.jsonl", rows=4), "--large-share", "0.5", "--cascade")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot judge answers; train one with --cascade" in result.stderr


def test_a_cascade_needs_an_answer_in_every_row(tiny: Path, tmp_path: Path) -> None:
    rows = [{"prompt": HARD, "small_correct": 1, "large_correct": 1}]

    result = _calibrate(tiny, written(tmp_path / "rows.jsonl", rows), "--large-share", "0.5", "--cascade")

    assert result.exit_code == 1
    assert "1 of 1 rows have no 'small_answer'" in result.stderr
