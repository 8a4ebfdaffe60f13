import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.classifier_evaluate import evaluate
from tests.unit.cli.labelled_rows import EASY, HARD, labelled_file, written
from tests.unit.cli.tiny_models import judging_answers, model_file, tiny_model

SHARED = Path(__file__).parents[4] / "shared" / "data" / "routing"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return model_file(tmp_path / "tiny.safetensors", judging_answers(tiny_model()))


def _evaluate(model: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(evaluate, ["--model", str(model), "--data", *map(str, arguments)])


def test_each_file_is_told_of_by_itself(tiny: Path, tmp_path: Path) -> None:
    result = _evaluate(tiny, labelled_file(tmp_path / "a.jsonl"), labelled_file(tmp_path / "b.jsonl", rows=20))

    assert result.exit_code == 0
    assert f"{tmp_path}/a.jsonl: 40 rows; right: small 50.0%, large 100.0%" in result.stdout
    assert f"\n\n{tmp_path}/b.jsonl: 20 rows" in result.stdout


def test_json_is_one_document_with_the_figures_of_each_file(tiny: Path, tmp_path: Path) -> None:
    document = json.loads(_evaluate(tiny, labelled_file(tmp_path / "a.jsonl"), "--json").stdout)

    (found,) = document["files"]
    assert document["model"].startswith("tiny@3+")
    assert (found["n"], found["apgr"], found["cpt50"], found["auc"]) == (40, 0.75, 0.25, 1.0)
    assert [line["name"] for line in found["lines"]] == [
        "classifier",
        "always-small",
        "always-large",
        "random",
        "length-only",
        "category-constant",
        "oracle",
    ]


def test_categories_are_told_of_by_themselves(tiny: Path, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"{HARD if number % 2 else EASY} ({number})",
            "small_correct": (number % 2 == 0) == (category == "well told"),
            "large_correct": True,
            "category": category,
        }
        for category in ("well told", "badly told")
        for number in range(60)
    ]
    file = written(tmp_path / "rows.jsonl", rows)

    (found,) = json.loads(_evaluate(tiny, file, "--json").stdout)["files"]

    assert found["apgr_by_category"] == [
        {"name": "badly told", "n": 60, "apgr": 0.25},
        {"name": "well told", "n": 60, "apgr": 0.75},
    ]
    assert "well told     60  0.750" in _evaluate(tiny, file).stdout


def test_prices_decide_what_it_costs(tiny: Path, tmp_path: Path) -> None:
    file = labelled_file(tmp_path / "a.jsonl")

    dear, cheap = (
        json.loads(_evaluate(tiny, file, "--large-price", price, "--json").stdout)["files"][0]["lines"][2]["operation"]
        for price in ("20/20", "10/10")
    )

    assert dear["cost_nano_usd"] == 2 * cheap["cost_nano_usd"]


def test_figures_are_drawn_where_asked(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    result = _evaluate(tiny, labelled_file(tmp_path / "a.jsonl"), "--plot", tmp_path / "plots")

    assert result.exit_code == 0
    assert sorted(file.name for file in (tmp_path / "plots").iterdir()) == ["a-pgr.png", "a-reliability.png"]
    assert result.stderr.count("drawn: ") == 2


def _without_the_extra(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('matplotlib', 'scipy', 'sklearn')));"
        "from gateway.cli.main import main; main()"
    )
    command = [sys.executable, "-c", code, "classifier", "evaluate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_only_figures_need_the_extra(tiny: Path, tmp_path: Path) -> None:
    arguments = ("--model", tiny, "--data", labelled_file(tmp_path / "a.jsonl"))

    plain = _without_the_extra(*arguments)
    drawing = _without_the_extra(*arguments, "--plot", tmp_path)

    assert plain.returncode == 0
    assert drawing.returncode == 1
    assert "this needs matplotlib" in drawing.stderr
    assert "pip install 'sizewise[train]'" in drawing.stderr


def test_a_cascade_judges_the_answers_and_pays_for_all(tiny: Path, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"{EASY} ({number})",
            "small_answer": "Perhaps; maybe." if number % 2 else "Bonjour, as all say.",
            "small_correct": number % 2 == 0,
            "large_correct": True,
        }
        for number in range(40)
    ]
    file = written(tmp_path / "rows.jsonl", rows)

    (found,) = json.loads(_evaluate(tiny, file, "--cascade", "--json").stdout)["files"]

    assert (found["apgr"], found["cascade"]) == (0.75, True)
    operations = {line["name"]: line["operation"] for line in found["lines"]}
    assert operations["classifier"]["cost_nano_usd"] > operations["oracle"]["cost_nano_usd"]


def test_a_cascade_needs_a_model_that_judges_answers(tmp_path: Path) -> None:
    model = model_file(tmp_path / "plain.safetensors", tiny_model())

    result = _evaluate(model, labelled_file(tmp_path / "a.jsonl"), "--cascade")

    assert result.exit_code == 1
    assert "cannot judge answers" in result.stderr


def test_nothing_is_told_of_files_one_of_which_cannot_be_judged(tiny: Path, tmp_path: Path) -> None:
    answered = written(
        tmp_path / "a.jsonl", [{"prompt": EASY, "small_answer": "x", "small_correct": 1, "large_correct": 1}]
    )

    result = _evaluate(tiny, answered, labelled_file(tmp_path / "b.jsonl"), "--cascade")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "b.jsonl: 40 of 40 rows have no 'small_answer'" in result.stderr


def test_without_data_it_is_wrong_use() -> None:
    assert CliRunner().invoke(evaluate, []).exit_code == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared routing data are not here")
def test_real_outcomes_are_read_and_measured(tiny: Path) -> None:
    (found,) = json.loads(_evaluate(tiny, SHARED / "gsm8k-mixtral-gpt4.jsonl.gz", "--json").stdout)["files"]

    assert (found["n"], round(found["small_accuracy"], 3), round(found["large_accuracy"], 3)) == (771, 0.637, 0.85)
    assert found["apgr_low"] < found["apgr"] < found["apgr_high"]
