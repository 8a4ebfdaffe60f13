import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.classification import Classification, Contribution, Task
from gateway.domain.record import AttemptOutcome, AttemptRecord, Origin, Outcome, RequestRecord
from gateway.domain.sensitivity import Sensitivity
from gateway.domain.signals import Script, Signals
from gateway.domain.usage import COUNTS, MoreUsage, ServiceTier, Usage
from gateway.store.rows import (
    JSON_COLUMNS,
    REPLACEMENT,
    REQUEST_COLUMNS,
    Row,
    attempt_rows,
    attempt_values,
    record_from,
    request_row,
    request_values,
)
from tests.builders import a_record, an_attempt

from typing import get_args  # isort: skip


def _of(literal: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(literal))


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_AMOUNT = st.integers(0, 2**62)
_NUMBER = st.floats(allow_nan=False, allow_infinity=False)
_SMALL = st.integers(0, 2**31 - 1)
_MORE = st.builds(MoreUsage, **dict.fromkeys(COUNTS, st.integers(1, 2**62)), service_tier=st.none() | _of(ServiceTier))
_USAGE = st.builds(
    Usage,
    **dict.fromkeys(("input_tokens", "output_tokens", "cached_input_tokens"), _AMOUNT),
    estimated=st.booleans(),
    more=st.none() | _MORE,
)
_SIGNALS = st.builds(
    Signals,
    **dict.fromkeys(("tokens", "ask_tokens", "turns", "messages", "tools", "images", "max_output_tokens"), _SMALL),
    **{name: st.booleans() for name in ("tool_loop", "structured", "code", "maths")},
    script=_of(Script),
    sensitivity=_of(Sensitivity),
)
_CLASSIFICATIONS = st.builds(
    Classification,
    task=_of(Task),
    small_ok=_NUMBER,
    confidence=_NUMBER,
    has_evidence=st.booleans(),
    contributions=st.lists(st.builds(Contribution, feature=_TEXT, log_odds=_NUMBER), max_size=3).map(tuple),
    model=_TEXT,
)


def _attempt(number: int) -> st.SearchStrategy[AttemptRecord]:
    return st.builds(
        AttemptRecord,
        number=st.just(number),
        deployment=_TEXT,
        tier=_TEXT,
        model=_TEXT,
        outcome=_of(AttemptOutcome),
        error_code=st.none() | _TEXT,
        status=st.none() | _SMALL,
        started_ms=_NUMBER,
        first_byte_ms=st.none() | _NUMBER,
        ended_ms=_NUMBER,
        usage=st.none() | _USAGE,
        cost_nano_usd=st.none() | _AMOUNT,
        unpriced=st.none() | _TEXT,
        origin=st.none() | _of(Origin),
        price_version=st.none() | _TEXT,
        energy_uwh=st.none() | _AMOUNT,
    )


_RECORDS = st.builds(
    RequestRecord,
    received_at=st.integers(0, 4 * 10**15).map(lambda microseconds: microseconds / 10**6),
    **dict.fromkeys(("id", "key_id", "team", "app", "alias", "policy", "policy_version", "route", "rule"), _TEXT),
    **{name: st.none() | _TEXT for name in ("error_code", "deployment", "tier", "model", "unpriced", "baseline")},
    stream=st.booleans(),
    outcome=_of(Outcome),
    status=st.none() | _SMALL,
    reasons=st.lists(_TEXT, max_size=3).map(tuple),
    excluded=st.dictionaries(_TEXT, _TEXT, max_size=3),
    threshold=st.none() | _NUMBER,
    signals=st.none() | _SIGNALS,
    classification=st.none() | _CLASSIFICATIONS,
    usage=st.none() | _USAGE,
    cost_nano_usd=st.none() | _AMOUNT,
    **dict.fromkeys(("baseline_cost_nano_usd", "energy_uwh"), st.none() | _AMOUNT),
    **dict.fromkeys(("saving_low_nano_usd", "saving_high_nano_usd"), st.none() | st.integers(-(2**62), 2**62)),
    **dict.fromkeys(("total_ms", "upstream_ms", "overhead_ms"), _NUMBER),
    ttft_ms=st.none() | _NUMBER,
    attempts=st.integers(0, 3).flatmap(lambda count: st.tuples(*(_attempt(number + 1) for number in range(count)))),
)


def _as_read(row: Row) -> Row:
    """A row as the database gives it back: JSON columns parsed."""
    return {
        column: json.loads(value) if column in JSON_COLUMNS and value is not None else value
        for column, value in row.items()
    }


@given(record=_RECORDS)
def test_a_record_survives_its_rows_exactly(record: RequestRecord) -> None:
    row, attempts = _as_read(request_row(record)), list(map(_as_read, attempt_rows(record)))

    assert record_from(row, attempts) == record


@given(text=st.text(st.characters(codec="utf-8")))
def test_no_nul_reaches_a_row_and_no_other_character_is_touched(text: str) -> None:
    record = a_record(alias=text, reasons=(text,), excluded={text: text}, attempts=(an_attempt(unpriced=text),))

    found = record_from(_as_read(request_row(record)), attempt_rows(record))

    kept = text.replace("\0", REPLACEMENT)
    assert (found.alias, found.reasons, found.attempts[0].unpriced) == (kept, (kept,), kept)
    assert found.excluded == {kept: kept}


def test_a_lone_surrogate_is_replaced() -> None:
    record = a_record(alias="\ud800", attempts=(an_attempt(unpriced="\udfff"),))

    assert (request_row(record)["alias"], attempt_rows(record)[0]["unpriced"]) == ("?", "?")


def test_one_text_to_repair_leaves_the_rows_beside_it_alone() -> None:
    records = [a_record("a\0", alias=r"\u0000"), a_record("b", reasons=(r"\u0000", "\0"))]

    rows = [dict(zip(REQUEST_COLUMNS, values, strict=True)) for values in request_values(records, int)]

    assert [(row["id"], row["alias"]) for row in rows] == [("a" + REPLACEMENT, r"\u0000"), ("b", "auto")]
    assert json.loads(rows[1]["reasons"]) == [r"\u0000", REPLACEMENT]
    assert [values[0] for values in attempt_values(records)] == ["a" + REPLACEMENT, "b"]


def test_the_time_is_what_the_database_asks_for() -> None:
    (values,) = request_values([a_record(received_at=1.5)], str)

    assert values[REQUEST_COLUMNS.index("received_at")] == "1.5"


def test_attempts_come_back_in_their_order() -> None:
    record = a_record(attempts=(an_attempt(number=1), an_attempt(number=2)))

    found = record_from(_as_read(request_row(record)), attempt_rows(record)[::-1])

    assert [attempt.number for attempt in found.attempts] == [1, 2]


def test_an_unknown_cost_is_null_never_zero() -> None:
    row = request_row(a_record(cost_nano_usd=None, usage=None, attempts=(an_attempt(cost_nano_usd=None, usage=None),)))

    assert row["cost_nano_usd"] is None
    assert row["input_tokens"] is None
