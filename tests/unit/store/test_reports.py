"""What needs no particular database; the queries themselves: tests/contract/test_records.py."""

from pathlib import Path

import pytest

from gateway.store.engine import open_engine
from gateway.store.reports import Filters, NoRecordsError, find_record, list_decisions
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record


def test_more_records_than_one_query_takes_come_with_their_attempts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record(f"req-{number:04}") for number in range(1_001)])
    sink.close()

    found = list_decisions(open_engine(url), limit=5_000)

    assert [record.id for record in found] == [f"req-{number:04}" for number in range(1_001)]
    assert {len(record.attempts) for record in found} == {1}


def test_a_server_that_is_down_is_an_error_of_one_line() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(NoRecordsError) as caught:
        find_record(engine, "req-1")
    assert len(str(caught.value).splitlines()) == 1


def test_filters_are_values_never_sql(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record()])
    sink.close()

    assert list_decisions(open_engine(url), limit=5, filters=Filters(policy="' OR 1=1 --")) == []
