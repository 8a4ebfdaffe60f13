import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from gateway.domain.record import RequestRecord
from gateway.store.schema import SchemaError
from gateway.store.sinks import SinkUnavailableError
from gateway.store.writer import BATCH, RecordWriter
from tests.builders import a_record

_SOON_S = 0.001


class ScriptedSink:
    """Raises the scripted errors first, one a write; then keeps what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.written: list[str] = []
        self.sizes: list[int] = []
        self.is_closed = False

    def revision(self) -> str | None:
        return None

    def write(self, records: Sequence[RequestRecord]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sizes.append(len(records))
        self.written.extend(record.id for record in records)

    def close(self) -> None:
        self.is_closed = True


def _ready() -> None:
    """Nothing to prepare."""


def _eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(_SOON_S)


def test_close_writes_everything_in_order_and_in_bounded_batches() -> None:
    sink = ScriptedSink()
    writer = RecordWriter(sink, _ready, poll_s=_SOON_S)
    ids = [f"req-{number}" for number in range(BATCH + 1)]
    for each in ids:
        writer.record(a_record(each))

    writer.start()
    left = writer.close(timeout_s=10)

    assert left == 0
    assert sink.written == ids
    assert sink.sizes == [BATCH, 1]
    assert sink.is_closed


def test_records_are_written_without_waiting_for_the_close() -> None:
    sink = ScriptedSink()
    writer = RecordWriter(sink, _ready, poll_s=_SOON_S)
    writer.start()

    writer.record(a_record())

    _eventually(lambda: sink.written == ["req-1"])
    assert writer.close(timeout_s=10) == 0


def test_what_an_unavailable_database_refused_is_written_once_it_is_back() -> None:
    sink = ScriptedSink(SinkUnavailableError("down"), SinkUnavailableError("still down"))
    writer = RecordWriter(sink, _ready, poll_s=_SOON_S)
    writer.record(a_record())

    writer.start()
    _eventually(lambda: writer.waiting == 0)
    left = writer.close(timeout_s=10)

    assert (left, writer.dropped, sink.written) == (0, 0, ["req-1"])


@pytest.mark.parametrize("error", [SchemaError("no rights"), SinkUnavailableError("down")])
def test_nothing_is_written_before_the_schema_is_there(error: Exception) -> None:
    sink = ScriptedSink()
    outcomes: list[Exception | None] = [error, None]
    seen: list[list[str]] = []

    def prepare() -> None:
        seen.append(list(sink.written))
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    writer = RecordWriter(sink, prepare, poll_s=_SOON_S)
    writer.record(a_record())

    writer.start()
    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)

    assert seen == [[], []]


def test_an_unexpected_failure_is_logged_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sink = ScriptedSink(KeyError("surprise"))
    writer = RecordWriter(sink, _ready, poll_s=_SOON_S)
    writer.record(a_record())

    writer.start()
    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)

    assert "unexpected failure while writing records" in caplog.text


def test_beyond_its_capacity_the_oldest_are_dropped_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    sink = ScriptedSink(SinkUnavailableError("down"))
    writer = RecordWriter(sink, _ready, capacity=2, poll_s=_SOON_S)
    for number in range(5):
        writer.record(a_record(f"req-{number}"))

    writer.start()
    left = writer.close(timeout_s=10)

    assert (left, writer.dropped) == (0, 3)
    assert sink.written == ["req-3", "req-4"]
    assert caplog.text.count("3 records dropped") == 1


def test_close_gives_up_in_time_and_says_how_many_are_lost(caplog: pytest.LogCaptureFixture) -> None:
    sink = ScriptedSink(*[SinkUnavailableError("down")] * 100_000)
    writer = RecordWriter(sink, _ready, poll_s=_SOON_S)
    for number in range(3):
        writer.record(a_record(f"req-{number}"))
    writer.start()

    left = writer.close(timeout_s=0.05)

    assert left == 3
    assert "gave up writing 3 records" in caplog.text
    _eventually(lambda: sink.is_closed)


def test_an_outage_is_logged_once_however_long_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sink = ScriptedSink(*[SinkUnavailableError("down")] * 4)
    writer = RecordWriter(sink, _ready, poll_s=_SOON_S)
    writer.record(a_record())

    writer.start()
    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)

    assert caplog.text.count("the database is unavailable") == 1
    assert caplog.text.count("the database is back") == 1


def test_recording_does_not_wait_for_a_writer_that_hangs() -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait()

    writer = RecordWriter(ScriptedSink(), hang, poll_s=_SOON_S)
    writer.start()

    for number in range(1000):
        writer.begun()
        writer.record(a_record(f"req-{number}"))

    assert writer.waiting == 1000
    release.set()
    assert writer.close(timeout_s=10) == 0
