from gateway.classifiers.evaluation import evaluate
from gateway.cli.classifier_report import evaluation_lines
from tests.unit.classifiers.labelled import PRICES, scored_rows


def test_the_report_says_the_measures_the_lines_and_where_it_does_not_pay() -> None:
    found = evaluate(scored_rows([0.2, 0.9] * 50, [1, 0] * 50, [1] * 100), prices=PRICES, keep=0.97, resamples=50)

    text = "\n".join(evaluation_lines("rows.jsonl", found))

    assert text.startswith("rows.jsonl: 100 rows; right: small 50.0%, large 100.0%\n  APGR 0.25")
    assert "CPT80 90.0%" in text
    assert any(line.split()[:2] == ["always-small", "-"] for line in text.splitlines())
    assert "note: routing does not pay" in text


def test_what_is_unknown_is_a_dash() -> None:
    found = evaluate(scored_rows([0.9] * 10, [1] * 10, [0] * 10), prices=PRICES, keep=0.97, resamples=5)

    lines = list(evaluation_lines("rows.jsonl", found))

    assert lines[1] == "  APGR -, CPT50 -, CPT80 -"
    assert "AUC -" in lines[2]


def test_a_cascade_says_that_every_row_pays_the_small_model() -> None:
    scored = scored_rows([0.9, 0.1] * 10, [1, 0] * 10, [1] * 20)

    found = evaluate(scored, prices=PRICES, keep=1.0, cascade=True, resamples=5)

    assert any("each row pays the small model" in line for line in evaluation_lines("rows.jsonl", found))
