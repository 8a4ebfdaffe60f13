"""What holds for written and read records on every database: SQLite, and PostgreSQL where there is one."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, text

from gateway.domain.acts import ActsUnavailableError
from gateway.domain.kept_text import KeptText
from gateway.domain.outline import Outline
from gateway.domain.record import CheckResult, RequestRecord
from gateway.store.engine import open_engine
from gateway.store.ledger import Ledger
from gateway.store.reader import RecordReader
from gateway.store.reports import AmbiguousIdError, Filters, NoRecordsError, find_record, list_decisions
from gateway.store.rows import REPLACEMENT
from gateway.store.schema import ensure_schema
from gateway.store.sinks import RecordRejectedError, Sink, SinkUnavailableError, open_sink
from gateway.store.sinks.postgres import PostgresSink
from gateway.store.sinks.sqlite import SqliteSink
from gateway.store.spool.backlog import Backlog, Segments
from gateway.store.spool.contents import record_frame
from gateway.store.spool.folders import OwnFolder
from gateway.store.spool.segments import OpenSegment
from gateway.store.spool.spool import Spool
from gateway.store.upgrade import upgrade
from gateway.store.urls import sqlite_path
from gateway.store.writer import RecordWriter
from tests.builders import a_record, an_attempt, an_intent


def _write(url: str, *records: RequestRecord) -> None:
    sink = open_sink(url)
    try:
        sink.write(records)
    finally:
        sink.close()


def _eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(0.005)


def test_a_record_is_read_back_as_it_was_written(url: str, engine: Engine) -> None:
    checked = CheckResult(passed=False, failures=("empty",), score=None, is_whole=True)
    failed = an_attempt(number=1, outcome="failed", checked=checked)
    record = a_record(attempts=(failed, an_attempt(number=2, usage=None)))
    bare = a_record("req-2", signals=None, classification=None, usage=None, attempts=(), cost_nano_usd=None)

    _write(url, record, bare)

    assert find_record(engine, "req-1") == record
    assert find_record(engine, "req-2") == bare


def test_writing_a_record_twice_keeps_the_first(url: str, engine: Engine) -> None:
    _write(url, a_record(alias="first"))

    _write(url, a_record(alias="second"), a_record("req-2"))

    assert {record.id: record.alias for record in list_decisions(engine, limit=9)} == {
        "req-1": "first",
        "req-2": "auto",
    }


def test_text_no_database_takes_is_replaced(url: str, engine: Engine) -> None:
    _write(url, a_record(alias="a\0b", reasons=("x\0y", r"c:\u0000"), excluded={"n\0": "\\\0"}))

    found = find_record(engine, "req-1")
    assert found is not None
    assert found.alias == f"a{REPLACEMENT}b"
    assert found.reasons == (f"x{REPLACEMENT}y", r"c:\u0000")
    assert found.excluded == {f"n{REPLACEMENT}": f"\\{REPLACEMENT}"}


def test_a_lone_surrogate_stops_nothing(url: str, engine: Engine) -> None:
    _write(url, a_record(alias="a\ud800b"))

    found = find_record(engine, "req-1")
    assert found is not None
    assert found.alias == "a?b"


def test_a_rejected_record_leaves_nothing_of_its_batch(url: str, engine: Engine) -> None:
    with pytest.raises(RecordRejectedError):
        _write(url, a_record("good"), a_record("bad", cost_nano_usd=2**70))

    assert list_decisions(engine, limit=9) == []


def test_the_ledger_drops_only_the_record_the_database_refuses(url: str, engine: Engine, tmp_path: Path) -> None:
    ledger = Ledger.to_database(url, tmp_path / "spool")
    for record in (a_record("a"), a_record("bad", cost_nano_usd=2**63), a_record("b")):
        ledger.spool.record(record)

    ledger.start()

    assert ledger.close(timeout_s=20)
    assert ledger.lost == 1
    assert {record.id for record in list_decisions(engine, limit=9)} == {"a", "b"}


def test_the_ledger_makes_the_schema_before_its_first_write(empty_url: str, tmp_path: Path) -> None:
    ledger = Ledger.to_database(empty_url, tmp_path / "spool")
    ledger.spool.record(a_record())

    ledger.start()

    assert ledger.close(timeout_s=60)
    engine = open_engine(empty_url)
    assert find_record(engine, "req-1") == a_record()
    engine.dispose()


def test_what_the_database_could_not_take_is_written_by_the_next_process(
    url: str, engine: Engine, tmp_path: Path
) -> None:
    unlock = _lock(url)
    first = Ledger.to_database(url, tmp_path / "spool")
    first.start()
    first.spool.begun(an_intent("under way"))
    first.spool.record(a_record("a"))
    has_all = first.close(timeout_s=0.2)
    unlock()

    second = Ledger.to_database(url, tmp_path / "spool")
    second.start()

    assert not has_all
    assert second.close(timeout_s=20)
    assert {record.id: record.outcome for record in list_decisions(engine, limit=9)} == {
        "a": "ok",
        "under way": "unknown",
    }
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_a_crash_left_half_written_is_written_once(url: str, engine: Engine, tmp_path: Path) -> None:
    own = OwnFolder(tmp_path / "spool").make()
    segment = OpenSegment(own.path, 1, is_synced=False)
    segment.append([record_frame(a_record("a")), record_frame(a_record("b"))])
    own.release()
    _write(url, a_record("a"))

    ledger = Ledger.to_database(url, tmp_path / "spool")
    ledger.start()

    assert ledger.close(timeout_s=20)
    assert sorted(record.id for record in list_decisions(engine, limit=9)) == ["a", "b"]


def test_ten_thousand_records_arrive_exactly_once_though_the_database_was_locked(
    url: str, engine: Engine, tmp_path: Path
) -> None:
    template = a_record()
    records = {f"req-{number}": replace(template, id=f"req-{number}") for number in range(10_000)}
    sink = _impatient_sink(url)
    refusals = _Refusals(sink)
    own = OwnFolder(tmp_path)
    segments = Segments(own.path, lambda: spool.tail)
    spool = Spool(own.path, segment_bytes=1 << 20, freed_bytes=lambda: segments.freed_bytes)
    backlog = Backlog(tmp_path, own, segments)
    ledger = Ledger(own, spool, backlog, RecordWriter(backlog, refusals, lambda: None, poll_s=0.01))
    unlock = _lock(url)
    ledger.start()
    for record in records.values():
        spool.record(record)
    _eventually(lambda: refusals.seen > 0 and spool.is_settled)

    waiting_while_locked = ledger.waiting_bytes
    unlock()
    has_all = ledger.close(timeout_s=60)

    assert waiting_while_locked > 10_000_000
    assert (has_all, ledger.lost) == (True, 0)
    found = list_decisions(engine, limit=20_000)
    assert len(found) == 10_000
    assert {record.id: record for record in found} == records


class _Refusals:
    """A sink that counts how often the one behind it was unavailable."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.seen = 0

    def revision(self) -> str | None:
        return self._sink.revision()

    def note(self, outlines: Sequence[Outline]) -> None:
        self._sink.note(outlines)

    def write(self, records: Sequence[RequestRecord], texts: Sequence[KeptText] = ()) -> None:
        try:
            self._sink.write(records, texts)
        except SinkUnavailableError:
            self.seen += 1
            raise

    def close(self) -> None:
        self._sink.close()


def _impatient_sink(url: str) -> Sink:
    """A sink that reports a lock at once rather than after seconds."""
    path = sqlite_path(url)
    if path is not None:
        return SqliteSink(path, busy_timeout_s=0.01)
    return PostgresSink(url.replace("+psycopg", ""), statement_timeout_ms=50)


def _lock(url: str) -> Callable[[], None]:
    """Lock the tables against writing; returns what unlocks them."""
    path = sqlite_path(url)
    if path is not None:
        lite = sqlite3.connect(path, isolation_level=None)
        lite.execute("BEGIN IMMEDIATE")
        return lite.close
    connection = psycopg.connect(url.replace("+psycopg", ""))
    connection.execute("LOCK TABLE requests IN ACCESS EXCLUSIVE MODE")
    return connection.close


def test_the_latest_decision_comes_first_and_no_more_than_asked_for(url: str, engine: Engine) -> None:
    _write(url, *(a_record(f"req-{second}", received_at=1_790_000_000.0 + second) for second in (2, 1, 3)))

    found = list_decisions(engine, limit=2)

    assert [record.id for record in found] == ["req-3", "req-2"]


def test_since_keeps_what_arrived_at_that_time_or_later(url: str, engine: Engine) -> None:
    _write(url, *(a_record(f"req-{second}", received_at=1_790_000_000.0 + second) for second in (1, 2, 3)))

    found = list_decisions(engine, limit=9, since=datetime.fromtimestamp(1_790_000_002, UTC))

    assert {record.id for record in found} == {"req-2", "req-3"}


@pytest.mark.parametrize(
    "filters",
    [
        Filters(policy="other"),
        Filters(rule="other"),
        Filters(outcome="failed"),
        Filters(alias="other"),
        Filters(deployment="large-b"),
        Filters(policy="other", alias="other"),
    ],
)
def test_a_filter_keeps_only_what_fits(url: str, engine: Engine, filters: Filters) -> None:
    other = a_record(
        "other",
        policy="other",
        rule="other",
        outcome="failed",
        alias="other",
        deployment=None,
        attempts=(an_attempt(number=1, deployment="large-b", outcome="failed"),),
    )
    _write(url, a_record(), other)

    found = list_decisions(engine, limit=9, filters=filters)

    assert found == [other]


def test_the_beginning_of_an_id_finds_the_only_one_that_begins_so(url: str, engine: Engine) -> None:
    _write(url, a_record("req-1a"), a_record("req-2b"), a_record("REQ-2b"))

    assert find_record(engine, "req-2") == a_record("req-2b")
    assert find_record(engine, "req-3") is None


def test_an_ambiguous_beginning_is_an_error_unless_it_is_an_id_itself(url: str, engine: Engine) -> None:
    _write(url, a_record("req-1"), a_record("req-1a"), a_record("req-1b"))

    assert find_record(engine, "req-1") == a_record("req-1")
    with pytest.raises(AmbiguousIdError, match="more than one request id begins with 'req-'"):
        find_record(engine, "req-")


def test_reading_a_database_without_our_tables_says_so(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    engine = open_engine(empty_url, makes_file=True)

    with pytest.raises(NoRecordsError, match="requests"):
        list_decisions(engine, limit=1)
    engine.dispose()


def test_ensuring_the_schema_again_changes_nothing(empty_url: str) -> None:
    ensure_schema(empty_url)
    _write(empty_url, a_record())

    ensure_schema(empty_url)

    engine = open_engine(empty_url)
    assert find_record(engine, "req-1") == a_record()
    engine.dispose()


@pytest.mark.service("postgresql")
def test_who_reads_records_that_somebody_has_locked_is_told_so_and_waits_no_longer(
    postgres_database: str,
) -> None:
    upgrade(postgres_database)
    reader = RecordReader(postgres_database, patience_s=1)

    with open_engine(postgres_database).begin() as connection:
        connection.execute(text("LOCK TABLE requests IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(ActsUnavailableError, match="took too long"):
            reader.latest(10)
        with pytest.raises(ActsUnavailableError, match="took too long"):
            reader.find("req-1")

    assert reader.latest(10) == []
