from msgspec.structs import replace

from gateway.classifiers.evaluation import CategoryApgr, Evaluation, evaluate
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


def _with_categories(*names: str) -> Evaluation:
    found = evaluate(scored_rows([0.9, 0.1] * 10, [1, 0] * 10, [1] * 20), prices=PRICES, keep=1.0, resamples=5)
    by_category = tuple(CategoryApgr(name=name, n=1_000 - place, apgr=0.5) for place, name in enumerate(names))
    return replace(found, apgr_by_category=by_category)


def test_the_ten_largest_categories_are_shown() -> None:
    lines = list(evaluation_lines("rows.jsonl", _with_categories(*(f"kind-{place}" for place in range(12)))))

    assert "  Inside a category, of those with 50 rows or more (0.5 is random; the 10 largest of 12)" in lines
    shown = [line.split() for line in lines if line.startswith("  kind-")]
    assert [cells[0] for cells in shown] == [f"kind-{place}" for place in range(10)]
    assert shown[0] == ["kind-0", "1,000", "0.500"]


def test_of_few_categories_none_is_said_to_be_left_out() -> None:
    lines = list(evaluation_lines("rows.jsonl", _with_categories("a", "b")))

    assert "  Inside a category, of those with 50 rows or more (0.5 is random)" in lines


def test_one_category_says_no_more_than_the_file() -> None:
    assert not any("category" in line for line in evaluation_lines("rows.jsonl", _with_categories("all")))


def test_a_category_cannot_steer_the_terminal() -> None:
    text = "\n".join(evaluation_lines("rows.jsonl", _with_categories("a\x1b[2J", "b" * 200)))

    assert "\x1b" not in text
    assert "b" * 41 not in text
