import pytest

from gateway.cli.record_columns import ATTEMPT_COLUMNS, REQUEST_COLUMNS, attempt_cells, request_cells
from gateway.domain.feedback import Feedback
from gateway.domain.record import CheckResult, RequestRecord
from tests.builders import a_record, an_attempt


def _request(record: RequestRecord, comment: str | None = None) -> dict[str, object]:
    said = Feedback(request_id=record.id, score=0.9, label="good", comment=comment, given_at=1_790_000_000.0)
    return dict(zip(REQUEST_COLUMNS, request_cells(record, said), strict=True))


def test_each_column_has_a_name_of_its_own() -> None:
    assert len(set(REQUEST_COLUMNS)) == len(REQUEST_COLUMNS)
    assert len(set(ATTEMPT_COLUMNS)) == len(ATTEMPT_COLUMNS)


def test_a_request_is_one_flat_row() -> None:
    cells = _request(a_record(team="sales"), "fine")

    assert (cells["id"], cells["team"], cells["stream"], cells["input_tokens"]) == ("req-1", "sales", "false", 12)
    assert (cells["task"], cells["attempts"], cells["saving_nano_usd"]) == ("knowledge", 1, 310_200)
    assert (cells["feedback_label"], cells["feedback_score"], cells["feedback_comment"]) == ("good", 0.9, "fine")


def test_what_is_not_known_is_empty() -> None:
    record = a_record(usage=None, classification=None, cost_nano_usd=None, team="")

    cells = dict(zip(REQUEST_COLUMNS, request_cells(record, None), strict=True))

    nothing = ("input_tokens", "task", "small_ok", "cost_nano_usd", "saving_nano_usd", "feedback_label", "error_code")
    assert [cells[name] for name in nothing] == [None] * len(nothing)
    assert cells["team"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_text_is_never_a_formula(text: str) -> None:
    cells = _request(a_record(alias=text, team=text, error_code=text), text)

    assert {cells[name] for name in ("alias", "team", "error_code", "feedback_comment")} == {f"'{text}"}


def test_numbers_keep_their_sign() -> None:
    assert _request(a_record(baseline_cost_nano_usd=0))["saving_nano_usd"] == -19_800


@pytest.mark.parametrize("text", ["", "a=1", "'=1", "ü"])
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert _request(a_record(alias=text))["alias"] == text


def test_an_attempt_is_one_row_with_whose_it_was() -> None:
    attempt = an_attempt(checked=CheckResult(passed=False, failures=("empty", "refused"), score=0.25))

    cells = dict(zip(ATTEMPT_COLUMNS, attempt_cells(a_record(team="sales"), attempt), strict=True))

    assert (cells["request_id"], cells["team"], cells["deployment"], cells["number"]) == (
        "req-1",
        "sales",
        "small-a",
        1,
    )
    assert (cells["check_passed"], cells["check_failures"], cells["check_score"]) == ("false", "empty refused", 0.25)
    assert (cells["output_tokens"], cells["cost_nano_usd"], cells["received_at"]) == (
        *(30, 19_800),
        "2026-09-21T14:13:20+00:00",
    )


def test_an_attempt_that_was_not_checked_says_nothing_of_checks() -> None:
    cells = dict(zip(ATTEMPT_COLUMNS, attempt_cells(a_record(), an_attempt()), strict=True))

    assert (cells["check_passed"], cells["check_failures"]) == (None, None)
