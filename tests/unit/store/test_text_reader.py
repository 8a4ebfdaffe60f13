from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.store.sinks import open_sink
from gateway.store.text_reader import TextReader
from gateway.store.upgrade import upgrade
from tests.builders import a_kept_text, a_record

NOW = datetime.now(UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


@pytest.fixture
def reader(url: str) -> Iterator[TextReader]:
    reader = TextReader(url)
    yield reader
    if reader._engine is not None:
        reader._engine.dispose()


def _fill(url: str) -> None:
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record("req-1"), a_record("req-21"), a_record("req-22")], [a_kept_text("req-1")])
    sink.close()


def test_the_text_of_a_request_is_found_by_the_beginning_of_its_id(url: str, reader: TextReader) -> None:
    _fill(url)

    text, why = reader.find("req-1", NOW)

    assert text is not None
    assert (text.request_id, text.answer, why) == ("req-1", "Paris.", "")


@pytest.mark.parametrize(
    ("request_id", "later", "why"),
    [
        ("none", timedelta(), "no record of request 'none'"),
        ("req-2", timedelta(), "more than one request id begins with 'req-2'"),
        ("req-21", timedelta(), "no text of request 'req-21' is kept"),
        ("req-1", timedelta(days=2), "no text of request 'req-1' is kept"),
    ],
)
def test_where_there_is_none_it_is_told_why(
    url: str, reader: TextReader, request_id: str, later: timedelta, why: str
) -> None:
    _fill(url)

    text, told = reader.find(request_id, NOW + later)

    assert text is None
    assert why in told


def test_a_database_that_is_not_there_yet_has_none(reader: TextReader) -> None:
    assert reader.find("req-1", NOW) == (None, "no records can be read: unable to open database file")
