"""Records from memory to the database, on a thread of their own: a request never waits for it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from gateway.domain.record import RequestRecord
from gateway.store.schema import SchemaError, ensure_schema
from gateway.store.sinks import RecordRejectedError, Sink, SinkUnavailableError, open_sink
from gateway.store.urls import without_password

CAPACITY = 100_000
BATCH = 500
POLL_S = 0.2
LONGEST_BACKOFF_S = 10.0
DROPPED_LOG_EVERY_S = 60.0

logger = logging.getLogger(__name__)


class RecordWriter:
    """A `ports.Recorder` that keeps records in memory until a sink has them.

    sink      used by the writer's thread alone
    prepare   run on that thread before the first write, and again if it raises SchemaError or SinkUnavailableError
    capacity  records kept while the database is away; beyond it the oldest are dropped and counted
    """

    def __init__(
        self, sink: Sink, prepare: Callable[[], None], *, capacity: int = CAPACITY, poll_s: float = POLL_S
    ) -> None:
        self._sink = sink
        self._prepare = prepare
        self._capacity = capacity
        self._poll_s = poll_s
        self._waiting: deque[RequestRecord] = deque(maxlen=capacity)
        self._in_hand: list[RequestRecord] = []
        self._dropped = 0
        self._dropped_logged = 0
        self._dropped_logged_at_s: float | None = None
        self._failures = 0
        self._closing = threading.Event()
        self._gave_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="record-writer", daemon=True)

    @classmethod
    def to_database(cls, url: str) -> "RecordWriter":
        """A writer to the database at that URL, whose schema it brings up to date first. Raises DatabaseUrlError."""
        logger.debug("records go to %s", without_password(url))
        return cls(open_sink(url), lambda: ensure_schema(url))

    @property
    def dropped(self) -> int:
        """Records lost: over capacity, or refused by the database for what they hold."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Records that are in memory only."""
        return len(self._waiting) + len(self._in_hand)

    def start(self) -> None:
        self._thread.start()

    def begun(self) -> None:
        """Nothing to do: this recorder keeps only whole records."""

    def record(self, record: RequestRecord) -> None:
        if len(self._waiting) >= self._capacity:
            self._dropped += 1
        self._waiting.append(record)

    def close(self, timeout_s: float) -> int:
        """Write what waits, for at most `timeout_s`; returns how many records could not be written."""
        self._closing.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._gave_up.set()
            logger.error("gave up writing %d records after %.1f s of shutdown: they are lost", self.waiting, timeout_s)
        return self.waiting

    def _run(self) -> None:
        is_prepared = False
        while not self._gave_up.is_set():
            is_last_round = self._closing.is_set()
            try:
                if not is_prepared:
                    self._prepare()
                    is_prepared = True
                self._write_waiting()
            except (SinkUnavailableError, SchemaError) as error:
                self._back_off(error)
                continue
            except Exception as error:
                logger.exception("unexpected failure while writing records")
                self._back_off(error)
                continue
            finally:
                self._log_dropped()
            self._recovered()
            if is_last_round:
                break
            self._closing.wait(self._poll_s)
        self._sink.close()

    def _write_waiting(self) -> None:
        """A batch stays in hand until it is written, so that a failed one is tried again."""
        while not self._gave_up.is_set():
            while self._waiting and len(self._in_hand) < BATCH:
                self._in_hand.append(self._waiting.popleft())
            if not self._in_hand:
                return
            try:
                self._sink.write(self._in_hand)
            except RecordRejectedError:
                self._write_singly()
            self._in_hand = []

    def _write_singly(self) -> None:
        """Find the records the database refuses among those in hand, and drop them."""
        while self._in_hand:
            try:
                self._sink.write(self._in_hand[:1])
            except RecordRejectedError as error:
                self._dropped += 1
                logger.error("record %r is dropped: the database refuses it: %s", self._in_hand[0].id, error)  # noqa: TRY400
            del self._in_hand[0]

    def _back_off(self, error: Exception) -> None:
        delay_s = min(self._poll_s * 2**self._failures, LONGEST_BACKOFF_S)
        self._failures = min(self._failures + 1, 16)
        if self._failures == 1:
            logger.warning("records wait in memory (%d now), the database is unavailable: %s", self.waiting, error)
        if self._closing.is_set():
            self._gave_up.wait(min(delay_s, self._poll_s))
        else:
            self._closing.wait(delay_s)

    def _recovered(self) -> None:
        if self._failures:
            logger.info("the database is back; no record waits any more")
            self._failures = 0

    def _log_dropped(self) -> None:
        now_s = time.monotonic()
        is_due = self._dropped_logged_at_s is None or now_s - self._dropped_logged_at_s >= DROPPED_LOG_EVERY_S
        if self._dropped > self._dropped_logged and is_due:
            logger.error(
                "%d records dropped so far: the database could not take them; see the warnings above", self._dropped
            )
            self._dropped_logged, self._dropped_logged_at_s = self._dropped, now_s
