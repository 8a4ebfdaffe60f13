from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from gateway.classifiers.evaluation import evaluate, evidence_of
from gateway.cli.classifier_plots import draw
from tests.unit.classifiers.labelled import PRICES, scored_rows


def _drawn(directory: Path, small: int, large: int) -> list[str]:
    scored = scored_rows([0.9, 0.1] * 10, [small, 0] * 10, [large, large] * 10)
    found = evaluate(scored, prices=PRICES, keep=0.97, resamples=5)
    return [file.name for file in draw(directory, "rows/mine.jsonl.gz", evidence_of(scored, PRICES), found)]


def test_figures_are_named_after_their_file(tmp_path: Path) -> None:
    assert _drawn(tmp_path / "new", 1, 1) == ["mine-pgr.png", "mine-reliability.png"]
    assert (tmp_path / "new" / "mine-pgr.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_better_large_model_there_is_no_curve(tmp_path: Path) -> None:
    assert _drawn(tmp_path, 1, 0) == ["mine-reliability.png"]
