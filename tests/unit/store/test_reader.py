from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.feedback import Feedback
from gateway.domain.record import RequestRecord
from gateway.store.feedback_keeper import FeedbackKeeper
from gateway.store.reader import RecordReader
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


@pytest.fixture
def reader(url: str) -> Iterator[RecordReader]:
    reader = RecordReader(url)
    yield reader
    if reader._engine is not None:
        reader._engine.dispose()


def _fill(url: str, *records: RequestRecord) -> None:
    upgrade(url)
    sink = open_sink(url)
    sink.write(records)
    sink.close()


def test_before_there_is_a_database_there_are_no_records(reader: RecordReader) -> None:
    assert list(reader.latest(10)) == []
    assert reader.find("req-1") is None


def test_asking_does_not_make_a_database(reader: RecordReader, tmp_path: Path) -> None:
    reader.latest(10)

    assert list(tmp_path.iterdir()) == []


def test_a_database_that_comes_later_is_read(reader: RecordReader, url: str) -> None:
    assert list(reader.latest(10)) == []

    _fill(url, a_record("req-1"))

    assert [record.id for record in reader.latest(10)] == ["req-1"]


def test_the_latest_come_first_and_no_more_than_asked_for(reader: RecordReader, url: str) -> None:
    _fill(url, *(a_record(f"req-{number}", received_at=1_790_000_000.0 + number) for number in range(5)))

    assert [record.id for record in reader.latest(2)] == ["req-4", "req-3"]


def test_a_record_is_found_whole_by_the_beginning_of_its_id(reader: RecordReader, url: str) -> None:
    record = a_record("req-abc")
    _fill(url, record, a_record("req-xyz"))

    assert reader.find("req-a") == record


def test_a_beginning_that_two_records_share_finds_neither(reader: RecordReader, url: str) -> None:
    _fill(url, a_record("req-a1"), a_record("req-a2"))

    assert reader.find("req-a") is None
    assert reader.find("req-") is None


def test_feedback_is_read_where_there_is_some(reader: RecordReader, url: str) -> None:
    said = Feedback(request_id="req-1", label="bad", given_at=1_790_000_000.0)
    before = reader.feedback("req-1")
    _fill(url, a_record("req-1"))
    FeedbackKeeper(url).keep(said, "test")

    assert (before, reader.feedback("req-1"), reader.feedback("req-2")) == (None, said, None)


def test_an_unknown_id_finds_nothing(reader: RecordReader, url: str) -> None:
    _fill(url, a_record("req-1"))

    assert reader.find("req-2") is None
