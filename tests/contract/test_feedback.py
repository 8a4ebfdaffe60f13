"""What holds on every database for feedback: kept beside its record, summed up, exported, and dropped after it."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, delete, func, insert, select, text

from gateway.domain.errors import InvalidRequestError
from gateway.domain.feedback import Feedback, Label
from gateway.domain.record import CheckResult, RequestRecord
from gateway.store.export import read_pages
from gateway.store.feedback import MOST_ON_ONE, drop_feedback, find_feedback, keep
from gateway.store.feedback_tables import FEEDBACK
from gateway.store.history import Wanted, count_logged
from gateway.store.partitions import id_of
from gateway.store.reports import NoRecordsError
from gateway.store.retention import first_day_kept, prune
from gateway.store.rollup_tables import ROLLUP_MARKS
from gateway.store.rollups import marked_hours, roll_up
from gateway.store.rows import REPLACEMENT
from gateway.store.sinks import open_sink
from gateway.store.tables import REQUESTS
from gateway.store.usage_reports import savings
from tests.builders import a_record, an_attempt

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=40)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEY = "test"


def _record(number: int, at: datetime = NOW, **changes: Any) -> RequestRecord:
    return replace(a_record(f"{id_of(at)}{number:020x}", received_at=at.timestamp()), **changes)


def _said(record: RequestRecord, label: Label = "good", **changes: object) -> Feedback:
    said = Feedback(request_id=record.id, label=label, given_at=NOW.timestamp())
    return replace(said, **changes)


def _write(url: str, *records: RequestRecord) -> None:
    sink = open_sink(url)
    try:
        sink.write(records)
    finally:
        sink.close()


def _rows(engine: Engine) -> tuple[int, int]:
    """How many rows of feedback, and of marks, there are."""
    with engine.connect() as connection:
        feedback, marks = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (FEEDBACK, ROLLUP_MARKS)
        )
    return feedback, marks


def _heard(engine: Engine) -> tuple[int, int]:
    roll_up(engine, marked_hours(engine))
    lines = savings(engine, by="policy", since=LONG_AGO)
    return sum(line.feedback_good for line in lines), sum(line.feedback_bad for line in lines)


def test_what_was_stored_is_found_again(url: str, engine: Engine) -> None:
    record = _record(1)
    _write(url, record)
    said = _said(record, score=0.9, comment="größer & besser ✓")

    assert keep(engine, said, KEY) == said
    assert find_feedback(engine, record.id) == said


def test_text_that_no_database_takes_is_kept_without_it(url: str, engine: Engine) -> None:
    record = _record(1)
    _write(url, record)

    stored = keep(engine, _said(record, comment="a\0b"), KEY)

    assert stored is not None
    assert stored.comment == f"a{REPLACEMENT}b"
    assert find_feedback(engine, record.id) == stored


@pytest.mark.parametrize("key", ["another", "", "tes", "test2", "TEST", "' OR 1=1 --"])
def test_feedback_on_another_keys_request_changes_nothing(url: str, engine: Engine, key: str) -> None:
    record = _record(1)
    _write(url, record)
    before = _rows(engine)

    assert keep(engine, _said(record), key) is None
    assert _rows(engine) == before == (0, 1)


@pytest.mark.parametrize("request_id", ["nope", "", "a\0b", "%", "x" * 100])
def test_feedback_on_an_unknown_request_changes_nothing(url: str, engine: Engine, request_id: str) -> None:
    _write(url, _record(1))

    assert keep(engine, _said(_record(1), request_id=request_id), KEY) is None
    assert _rows(engine) == (0, 1)


def test_the_latest_word_counts_and_each_request_once(url: str, engine: Engine) -> None:
    several = (an_attempt(checked=CheckResult(passed=False, failures=("empty",))), an_attempt(number=2))
    records = [_record(1, attempts=several), _record(2), _record(3), _record(4)]
    _write(url, *records)
    assert _heard(engine) == (0, 0)

    for record, label in ((records[0], "bad"), (records[0], "good"), (records[1], "good"), (records[1], "bad")):
        keep(engine, _said(record, label), KEY)  # type: ignore[arg-type]
    keep(engine, _said(records[2], "bad"), KEY)

    assert _heard(engine) == (1, 2)
    (line,) = savings(engine, by="policy", since=LONG_AGO)
    assert (line.requests, line.checks_failed, line.cost_nano_usd) == (4, 1, 4 * 19_800)
    found = find_feedback(engine, records[0].id)
    assert found is not None
    assert found.label == "good"


def test_one_request_is_judged_so_often_and_no_more(url: str, engine: Engine) -> None:
    _write(url, _record(1))
    for number in range(MOST_ON_ONE):
        keep(engine, _said(_record(1), comment=str(number)), KEY)

    with pytest.raises(InvalidRequestError, match="the last word stands"):
        keep(engine, _said(_record(1), "bad"), KEY)

    found = find_feedback(engine, _record(1).id)
    assert found is not None
    assert (found.label, found.comment) == ("good", str(MOST_ON_ONE - 1))


def test_feedback_marks_the_hour_of_its_request(url: str, engine: Engine) -> None:
    record = _record(1, NOW - timedelta(days=3))
    _write(url, record)
    roll_up(engine, marked_hours(engine))

    keep(engine, _said(record), KEY)

    assert marked_hours(engine) == [(NOW - timedelta(days=3)).replace(minute=0, second=0, microsecond=0)]


def test_feedback_given_at_once_by_many_is_all_kept(url: str, engine: Engine) -> None:
    records = [_record(number) for number in range(20)]
    _write(url, *records)
    threads = [threading.Thread(target=keep, args=(engine, _said(record), KEY)) for record in records]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert _heard(engine) == (20, 0)


def test_feedback_goes_with_its_record_and_its_sum_stays(url: str, engine: Engine) -> None:
    old = [_record(number, OLD + timedelta(minutes=number)) for number in range(250)]
    new, foreign = _record(999), a_record("of-no-gateway")
    _write(url, *old, new, foreign)
    for record in (*old, old[0], new, foreign):
        keep(engine, _said(record), KEY)

    prune(engine, first_day_kept(NOW, 20))

    assert _rows(engine)[0] == 2
    assert find_feedback(engine, old[0].id) is None
    assert find_feedback(engine, new.id) == _said(new)
    assert _heard(engine) == (252, 0)


def test_feedback_stays_as_long_as_its_record_does(url: str, engine: Engine) -> None:
    kept, gone = _record(1, OLD), _record(2, OLD)
    _write(url, kept, gone)
    for record in (kept, gone, gone):
        keep(engine, _said(record), KEY)
    with engine.begin() as connection:
        connection.execute(delete(REQUESTS).where(REQUESTS.c.id == gone.id))

    assert drop_feedback(engine, NOW) == 2
    assert drop_feedback(engine, NOW) == 0
    assert find_feedback(engine, kept.id) == _said(kept)


def test_a_database_of_an_earlier_release_says_what_is_missing(url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE feedback"))

    with pytest.raises(NoRecordsError, match="feedback"):
        find_feedback(engine, "req-1")


@pytest.fixture
def filled(url: str, engine: Engine) -> list[RequestRecord]:
    """2,500 records, the latest first; every tenth with feedback."""
    records = [_record(number, NOW - timedelta(seconds=number)) for number in range(2_500)]
    _write(url, *records)
    rows = [
        {"request_id": each.id, "key_id": KEY, "given_at": NOW, "score": 1.0, "label": "good"} for each in records[::10]
    ]
    with engine.begin() as connection:
        connection.execute(insert(FEEDBACK), rows)
    return records


def _exported(engine: Engine, **wanted: object) -> Iterator[str]:
    for page in read_pages(engine, Wanted(**wanted)):  # type: ignore[arg-type]
        yield from (told.id for told in page)


def test_every_record_is_exported_once_the_latest_first_with_its_feedback(
    engine: Engine, filled: list[RequestRecord]
) -> None:
    pages = list(read_pages(engine, Wanted()))

    told = [each for page in pages for each in page]
    assert [each.record for each in told] == filled
    assert [each.id for each in told if each.feedback is not None] == [each.id for each in filled[::10]]
    assert max(map(len, pages)) == 1_000


@pytest.mark.parametrize("limit", [1, 999, 1_000, 1_001, 2_499, 9_999])
def test_a_limit_takes_the_latest(engine: Engine, filled: list[RequestRecord], limit: int) -> None:
    assert list(_exported(engine, limit=limit)) == [each.id for each in filled[:limit]]


def test_a_span_of_time_holds_its_first_moment_and_not_its_last(engine: Engine, filled: list[RequestRecord]) -> None:
    since, until = (datetime.fromtimestamp(filled[number].received_at, UTC) for number in (20, 10))

    assert list(_exported(engine, since=since, until=until)) == [each.id for each in filled[11:21]]
    assert count_logged(engine, Wanted(since=since, until=until)) == 10


def test_records_are_narrowed_by_what_they_are(url: str, engine: Engine) -> None:
    changes = {"alias": "b", "team": "t", "app": "a", "policy": "p"}
    others = [replace(_record(number), **{name: value}) for number, (name, value) in enumerate(changes.items(), 1)]
    _write(url, _record(0), *others)

    for other, (name, value) in zip(others, changes.items(), strict=True):
        assert list(_exported(engine, **{name: value})) == [other.id]


def test_a_record_this_release_cannot_read_is_told_as_such(url: str, engine: Engine) -> None:
    _write(url, _record(1), _record(2))
    with engine.begin() as connection:
        connection.execute(
            text('UPDATE requests SET classification = \'{"task": "of a later release"}\' WHERE id = :id'),
            {"id": _record(2).id},
        )

    (page,) = read_pages(engine, Wanted())

    assert [(each.id, each.record is None) for each in page] == [(_record(2).id, True), (_record(1).id, False)]
