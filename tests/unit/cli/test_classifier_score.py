import json
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.classifier_score import score
from tests.unit.cli.labelled_rows import EASY, HARD


def _file(tmp_path: Path) -> Path:
    file = tmp_path / "asks.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": each}) for each in (EASY, HARD)), "utf-8")
    return file


def test_json_is_one_line_a_row_with_the_verdict_and_its_reasons(tmp_path: Path) -> None:
    file = _file(tmp_path)

    easy, hard = map(json.loads, CliRunner().invoke(score, ["--data", str(file), "--json"]).stdout.splitlines())

    assert (easy["file"], easy["line"], easy["task"], hard["task"]) == (str(file), 1, "translation", "math")
    assert hard["small_ok"] < 0.5 < easy["small_ok"]
    assert easy["contributions"][0]["feature"] == "asks to translate"
    assert easy["microseconds"] > 0


def test_people_get_a_table(tmp_path: Path) -> None:
    result = CliRunner().invoke(score, ["--data", str(_file(tmp_path))])

    headings, easy, _ = result.stdout.splitlines()
    assert headings.split() == ["ROW", "SMALL_OK", "CONFIDENCE", "TASK", "WHY"]
    assert easy.startswith("asks.jsonl:1")
    assert "asks to translate +2.0" in easy
