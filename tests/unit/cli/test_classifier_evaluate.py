import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.classifier_evaluate import evaluate
from tests.unit.cli.labelled_rows import labelled_file

SHARED = Path(__file__).parents[4] / "shared" / "data" / "routing"


def _evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(evaluate, ["--data", *(str(each) for each in arguments)])


def test_each_file_is_told_of_by_itself(tmp_path: Path) -> None:
    result = _evaluate(labelled_file(tmp_path / "a.jsonl"), labelled_file(tmp_path / "b.jsonl", rows=20))

    assert result.exit_code == 0
    assert f"{tmp_path}/a.jsonl: 40 rows; right: small 50.0%, large 100.0%" in result.stdout
    assert f"\n\n{tmp_path}/b.jsonl: 20 rows" in result.stdout


def test_json_is_one_document_with_the_figures_of_each_file(tmp_path: Path) -> None:
    document = json.loads(_evaluate(labelled_file(tmp_path / "a.jsonl"), "--json").stdout)

    (found,) = document["files"]
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


def test_prices_decide_what_it_costs(tmp_path: Path) -> None:
    file = labelled_file(tmp_path / "a.jsonl")

    dear, cheap = (
        json.loads(_evaluate(file, "--large-price", price, "--json").stdout)["files"][0]["lines"][2]["operation"]
        for price in ("20/20", "10/10")
    )

    assert dear["cost_nano_usd"] == 2 * cheap["cost_nano_usd"]


def test_figures_are_drawn_where_asked(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    result = _evaluate(labelled_file(tmp_path / "a.jsonl"), "--plot", tmp_path / "plots")

    assert result.exit_code == 0
    assert sorted(file.name for file in (tmp_path / "plots").iterdir()) == ["a-pgr.png", "a-reliability.png"]
    assert result.stderr.count("drawn: ") == 2


@pytest.mark.parametrize("library", ["numpy", "matplotlib"])
def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    for module in [
        name for name in sys.modules if name.startswith(("gateway.classifiers.", "gateway.cli.classifier_"))
    ]:
        monkeypatch.delitem(sys.modules, module)
    for module in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)

    result = _evaluate(labelled_file(tmp_path / "a.jsonl"), "--plot", tmp_path)

    assert result.exit_code == 1
    assert f"this needs {library}" in result.stderr
    assert "pip install 'sizewise[train]'" in result.stderr


def test_a_cascade_needs_a_model_that_judges_answers(tmp_path: Path) -> None:
    result = _evaluate(labelled_file(tmp_path / "a.jsonl"), "--cascade")

    assert result.exit_code == 1
    assert "cannot judge answers" in result.stderr


def test_without_data_it_is_wrong_use() -> None:
    assert CliRunner().invoke(evaluate, []).exit_code == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared routing data are not here")
def test_real_outcomes_are_read_and_measured() -> None:
    (found,) = json.loads(_evaluate(SHARED / "gsm8k-mixtral-gpt4.jsonl.gz", "--json").stdout)["files"]

    assert (found["n"], round(found["small_accuracy"], 3), round(found["large_accuracy"], 3)) == (771, 0.637, 0.85)
    assert found["apgr_low"] < found["apgr"] < found["apgr_high"]
