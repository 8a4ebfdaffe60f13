import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from gateway.domain.kept_text import KeptText
from gateway.domain.outline import Outline
from gateway.domain.policy import PolicySet
from gateway.domain.record import RequestRecord
from gateway.store.schema import SchemaError
from gateway.store.sinks import RecordRejectedError, SinkUnavailableError
from gateway.store.spool.backlog import Entry
from gateway.store.writer import BATCH, RecordWriter
from tests.builders import a_kept_text, a_policy, a_record

_SOON_S = 0.001
_TEXT = "text of "


class ScriptedSink:
    """Raises the scripted errors first, one a write; then keeps what it is given, but for the ids it refuses."""

    def __init__(self, *errors: Exception, refuses: Sequence[str] = ()) -> None:
        self.errors = list(errors)
        self.refuses = refuses
        self.written: list[str] = []
        self.sizes: list[int] = []
        self.is_closed = False
        self.unnoted: list[Exception] = []
        self.noted: list[list[str]] = []

    def revision(self) -> str | None:
        return None

    def write(self, records: Sequence[RequestRecord], texts: Sequence[KeptText] = ()) -> None:
        if self.errors:
            raise self.errors.pop(0)
        ids = [*(record.id for record in records), *(f"text of {text.request_id}" for text in texts)]
        if refused := [each for each in ids if each in self.refuses]:
            raise RecordRejectedError(f"not {refused}")
        self.sizes.append(len(records))
        self.written.extend(ids)

    def note(self, outlines: Sequence[Outline]) -> None:
        if self.unnoted:
            raise self.unnoted.pop(0)
        self.noted.append([f"{each.policy}@{each.version}" for each in outlines])

    def close(self) -> None:
        self.is_closed = True


class Queue:
    """`Waiting` in memory: what was taken is dropped when it is `done`."""

    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)
        self.taken: list[str] = []
        self.dropped: list[str] = []
        self.looked = 0

    def find_left(self) -> None:
        self.looked += 1

    def take(self, limit: int) -> Sequence[Entry]:
        self.taken, self.ids = self.ids[:limit], self.ids[limit:]
        return [
            a_kept_text(each.removeprefix(_TEXT)) if each.startswith(_TEXT) else a_record(each) for each in self.taken
        ]

    def done(self) -> None:
        self.dropped += self.taken
        self.taken = []


def _ready() -> None:
    """Nothing to prepare."""


def _eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(_SOON_S)


def test_close_writes_everything_in_order_and_in_bounded_batches() -> None:
    ids = [f"req-{number}" for number in range(BATCH + 1)]
    sink, queue = ScriptedSink(), Queue(*ids)
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)

    writer.start()
    writer.close(timeout_s=10)

    assert writer.is_done
    assert sink.written == queue.dropped == ids
    assert sink.sizes == [BATCH, 1]
    assert sink.is_closed


def test_records_are_written_without_waiting_for_the_close() -> None:
    sink, queue = ScriptedSink(), Queue()
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)
    writer.start()

    queue.ids.append("req-1")

    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)
    assert writer.is_done


def test_what_is_not_written_is_not_dropped_and_is_written_once_the_database_is_back() -> None:
    sink, queue = ScriptedSink(SinkUnavailableError("down"), SinkUnavailableError("still down")), Queue("req-1")
    dropped: list[list[str]] = []
    write = sink.write

    def watched(records: Sequence[RequestRecord], texts: Sequence[KeptText] = ()) -> None:
        dropped.append(list(queue.dropped))
        write(records, texts)

    sink.write = watched  # type: ignore[method-assign]
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)

    writer.start()
    _eventually(lambda: queue.dropped == ["req-1"])
    writer.close(timeout_s=10)

    assert dropped == [[], [], []]
    assert sink.written == ["req-1"]


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

    writer = RecordWriter(Queue("req-1"), sink, prepare, poll_s=_SOON_S)

    writer.start()
    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)

    assert seen == [[], []]


def test_an_unexpected_failure_is_logged_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sink = ScriptedSink(KeyError("surprise"))
    writer = RecordWriter(Queue("req-1"), sink, _ready, poll_s=_SOON_S)

    writer.start()
    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)

    assert "unexpected failure while writing records" in caplog.text


def test_only_the_record_the_database_refuses_is_dropped_and_it_is_counted_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, queue = ScriptedSink(refuses=["b"]), Queue("a", "b", "c")
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)

    writer.start()
    writer.close(timeout_s=10)

    assert sink.written == ["a", "c"]
    assert writer.refused == 1
    assert "record 'b' is dropped" in caplog.text


def test_a_database_that_goes_away_between_refusals_costs_nothing() -> None:
    sink, queue = ScriptedSink(RecordRejectedError("the batch"), refuses=["b"]), Queue("a", "b", "c")
    sink.errors.append(SinkUnavailableError("in the middle"))
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)

    writer.start()
    _eventually(lambda: queue.dropped == ["a", "b", "c"])
    writer.close(timeout_s=10)

    assert sink.written == ["a", "c"]
    assert writer.refused == 1


def test_close_gives_up_in_time_and_drops_nothing() -> None:
    sink = ScriptedSink(*[SinkUnavailableError("down")] * 100_000)
    queue = Queue("req-1", "req-2")
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)
    writer.start()

    writer.close(timeout_s=0.05)

    assert not writer.is_done
    assert queue.dropped == []
    _eventually(lambda: sink.is_closed)


def test_an_outage_is_logged_once_however_long_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sink = ScriptedSink(*[SinkUnavailableError("down")] * 4)
    writer = RecordWriter(Queue("req-1"), sink, _ready, poll_s=_SOON_S)

    writer.start()
    _eventually(lambda: sink.written == ["req-1"])
    writer.close(timeout_s=10)

    assert caplog.text.count("the database is unavailable") == 1
    assert caplog.text.count("the database is back") == 1


def test_how_far_it_is_behind_grows_while_the_database_is_away() -> None:
    release = threading.Event()
    writer = RecordWriter(Queue("req-1"), ScriptedSink(), lambda: (release.wait(), None)[1], poll_s=_SOON_S)
    writer.start()
    before_s = writer.behind_s
    time.sleep(0.02)

    behind_s = writer.behind_s
    release.set()

    assert behind_s >= before_s + 0.02
    _eventually(lambda: writer.behind_s < behind_s)
    writer.close(timeout_s=10)


def test_a_text_the_database_refuses_is_dropped_and_counted_apart_and_the_log_says_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, queue = ScriptedSink(refuses=["text of a"]), Queue("a", "text of a", "b", "text of b")
    writer = RecordWriter(queue, sink, _ready, poll_s=_SOON_S)

    writer.start()
    writer.close(timeout_s=10)

    assert sink.written == ["a", "b", "text of b"]
    assert (writer.refused, writer.texts_refused) == (0, 1)
    assert "the text of request 'a' is dropped" in caplog.text
    assert "Paris" not in caplog.text


def test_it_looks_for_what_dead_processes_left_when_it_starts() -> None:
    queue = Queue("req-1")
    writer = RecordWriter(queue, ScriptedSink(), _ready, poll_s=_SOON_S)

    writer.start()
    writer.close(timeout_s=10)

    assert queue.looked == 1


def _set_of(version: str) -> PolicySet:
    policy = a_policy(name="default", version=version)
    return PolicySet(version=version, deployments={}, routes={}, policies=(policy,), by_alias={"auto": policy})


def test_the_policies_in_force_are_kept_once_and_again_when_others_are() -> None:
    sink, current = ScriptedSink(), [_set_of("v1")]
    writer = RecordWriter(Queue(), sink, _ready, policies=lambda: current[0], poll_s=_SOON_S)

    writer.start()
    _eventually(lambda: bool(sink.noted))
    current[0] = _set_of("v2")
    _eventually(lambda: len(sink.noted) > 1)
    writer.close(timeout_s=10)

    assert sink.noted == [["default@v1"], ["default@v2"]]


@pytest.mark.parametrize("error", [SinkUnavailableError("no permission"), RecordRejectedError("too long")])
def test_no_record_waits_for_policies_that_cannot_be_kept(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    sink = ScriptedSink()
    sink.unnoted = [error]
    writer = RecordWriter(Queue("req-1"), sink, _ready, policies=lambda: _set_of("v1"), poll_s=_SOON_S)

    writer.start()
    writer.close(timeout_s=10)

    assert (sink.written, sink.noted) == (["req-1"], [])
    assert "the policies in force are not kept beside their records yet" in caplog.text
