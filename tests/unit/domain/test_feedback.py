from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import InvalidRequestError
from gateway.domain.feedback import (
    LONGEST_COMMENT,
    LONGEST_ID,
    Feedback,
    feedback_of,
    may_be_on_its_way,
    told,
)

_NOW_S = 1_790_000_000.0
_ID = f"{int(_NOW_S * 1000):012x}{'a' * 20}"


def _read(**payload: Any) -> Feedback:
    return feedback_of({"request_id": "req-1", **payload}, _NOW_S)


@pytest.mark.parametrize(
    ("score", "label"), [(0, "bad"), (0.4999, "bad"), (0.5, "good"), (1, "good"), (-0.0, "bad"), (True, "good")]
)
def test_a_score_alone_means_good_from_a_half_on(score: float, label: str) -> None:
    assert _read(score=score) == Feedback(request_id="req-1", score=abs(float(score)), label=label, given_at=_NOW_S)  # type: ignore[arg-type]


def test_a_label_alone_has_no_score() -> None:
    assert (_read(label="bad").label, _read(label="bad").score) == ("bad", None)


def test_an_empty_comment_is_none() -> None:
    assert (_read(score=1, comment="").comment, _read(score=1, comment="ü").comment) == (None, "ü")


def test_null_counts_as_absent() -> None:
    assert _read(score=1, label=None, comment=None) == _read(score=1)


@pytest.mark.parametrize(
    ("payload", "param", "said"),
    [
        ({}, "label", "give a 'score' from 0 to 1, a 'label' (\"good\" or \"bad\"), or both"),
        ({"score": 1.5}, "score", "'score' must be a number from 0 to 1, not 1.5"),
        ({"score": -1}, "score", "'score' must be a number from 0 to 1, not -1"),
        ({"label": "ok"}, "label", "'label' must be \"good\" or \"bad\", not 'ok'"),
        ({"score": 0.2, "label": "good"}, "label", "'score' 0.2 means 'bad'"),
        ({"scor": 1, "label": "good"}, "scor", "unknown key 'scor'; did you mean 'score'?"),
        ({"score": 1, "request_id": None}, "request_id", "it is the x-request-id header of the answer"),
        ({"score": 1, "request_id": ""}, "request_id", "must have 1 to 100 characters, not 0"),
        ({"score": 1, "request_id": "x" * (LONGEST_ID + 1)}, "request_id", "not 101"),
        ({"score": 1, "comment": "x" * (LONGEST_COMMENT + 1)}, "comment", "at most 2000 characters, not 2001"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(payload: dict[str, Any], param: str, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _read(**payload)

    assert said in caught.value.message
    assert caught.value.param == param


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "request_id": st.text(max_size=120) | st.none(),
            "score": st.floats(allow_nan=False) | st.integers() | st.none(),
            "label": st.sampled_from(["good", "bad", "", "GOOD"]) | st.text(max_size=9) | st.none(),
            "comment": st.text(max_size=2_100) | st.none(),
            "more": st.none(),
        },
    )
)
def test_whatever_is_given_is_kept_as_it_is_or_refused_by_name(payload: dict[str, Any]) -> None:
    read = _read_or_refused(payload)

    if isinstance(read, InvalidRequestError):
        assert read.param in ("request_id", "score", "label", "comment", "more")
    else:
        meant = "good" if (read.score or 0) >= 0.5 else "bad"
        assert (read.request_id, read.score) == (payload["request_id"], payload.get("score"))
        assert read.label == (payload.get("label") or meant)
        assert read.comment == (payload.get("comment") or None)


def _read_or_refused(payload: dict[str, Any]) -> Feedback | InvalidRequestError:
    try:
        return feedback_of(payload, _NOW_S)
    except InvalidRequestError as error:
        return error


@pytest.mark.parametrize(
    ("request_id", "later_s", "behind_s", "expected"),
    [
        (_ID, 0.0, 0.0, True),
        (_ID, 59.0, 0.0, True),
        (_ID, 61.0, 0.0, False),
        (_ID, 3_000.0, 2_990.0, True),
        (_ID, -4.0, 0.0, True),
        (_ID, -6.0, 0.0, False),
        (_ID.upper(), 0.0, 0.0, False),
        (_ID[:-1], 0.0, 0.0, False),
        ("req-1", 0.0, 9e9, False),
        ("٣" * 32, 0.0, 9e9, False),
    ],
)
def test_a_record_may_come_as_long_as_the_database_lags_behind(
    request_id: str, later_s: float, behind_s: float, expected: bool
) -> None:
    assert may_be_on_its_way(request_id, _NOW_S + later_s, behind_s) is expected


def test_a_line_tells_label_score_and_comment() -> None:
    read = _read(score=0.9, comment="comment")

    assert list(told(read)) == ['Feedback: good (score 0.9), "comment", given 2026-09-21 14:13:20 UTC']
    assert list(told(_read(label="bad"))) == ["Feedback: bad, given 2026-09-21 14:13:20 UTC"]
    assert list(told(None)) == []


@given(st.text(max_size=200))
def test_a_comment_cannot_write_on_the_terminal(comment: str) -> None:
    (line,) = told(_read(score=1, comment=comment))

    assert line.isprintable()
