import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli.classifier_calibrate import calibrate
from tests.unit.cli.labelled_rows import labelled_file


def _calibrate(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(calibrate, ["--data", str(file), *arguments])


def test_the_threshold_may_be_pasted_into_a_policy(tmp_path: Path) -> None:
    result = _calibrate(labelled_file(tmp_path / "rows.jsonl", rows=400), "--keep", "0.97", "--confidence", "0.9")

    assert result.exit_code == 0
    assert list(yaml.safe_load(result.stdout)) == ["quality"]
    assert 0.0 < yaml.safe_load(result.stdout)["quality"]["threshold"] < 1.0
    assert "# expected: 50.0% to the large model, accuracy 100.0%" in result.stdout


def test_json_says_the_share_the_bound_and_the_cost(tmp_path: Path) -> None:
    file = labelled_file(tmp_path / "rows.jsonl", rows=400)

    found = json.loads(_calibrate(file, "--keep", "0.97", "--json").stdout)

    assert (found["large_share"], found["confidence"], found["quality_kept"]) == (0.5, 0.9, 1.0)
    assert 0.97 <= found["quality_bound"] < 1.0
    assert 0 < found["cost_nano_usd"] < found["always_large_cost_nano_usd"]


def test_too_few_labels_are_refused_with_the_number_missing(tmp_path: Path) -> None:
    result = _calibrate(labelled_file(tmp_path / "rows.jsonl", rows=120), "--keep", "0.97")

    assert result.exit_code == 1
    assert "180 labelled rows are missing" in result.stderr
    assert result.stdout == ""


def test_a_share_needs_no_such_number(tmp_path: Path) -> None:
    found = json.loads(_calibrate(labelled_file(tmp_path / "rows.jsonl"), "--large-share", "0.5", "--json").stdout)

    assert (found["large_share"], found["quality_bound"]) == (0.5, None)


def test_rows_that_go_small_without_evidence_are_told(tmp_path: Path) -> None:
    result = _calibrate(labelled_file(tmp_path / "rows.jsonl"), "--large-share", "0")

    assert "# 20 rows go small by this threshold though nothing in them spoke for it;" in result.stdout
    assert "quality" in yaml.safe_load(result.stdout)


def test_where_no_threshold_is_sure_the_answer_is_no(tmp_path: Path) -> None:
    rows = [{"prompt": "Translate 'yes' into French.", "small_correct": 0, "large_correct": 1}] * 300
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))

    result = _calibrate(tmp_path / "rows.jsonl", "--keep", "0.97")

    assert result.exit_code == 1
    assert "no threshold is sure to keep 0.97 of the quality on these 300 rows" in result.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("--keep", "0.9", "--large-share", "0.3"), ("--large-share", "0.3", "--confidence", "0.9")]
)
def test_one_target_is_given(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert _calibrate(labelled_file(tmp_path / "rows.jsonl"), *arguments).exit_code == 2
