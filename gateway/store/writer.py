"""Records from the spool to the database, on a thread of its own: a request never waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.domain.kept_text import KeptText
from gateway.domain.outline import outline_of
from gateway.domain.policy import PolicySet
from gateway.domain.record import RequestRecord
from gateway.store.schema import SchemaError
from gateway.store.sinks import RecordRejectedError, Sink, SinkUnavailableError

BATCH = 500
POLL_S = 0.2
LOOK_FOR_LEFT_S = 60.0
LONGEST_BACKOFF_S = 10.0
NOTE_AGAIN_S = 10.0

logger = logging.getLogger(__name__)


class Waiting(Protocol):
    """What waits for the database; `gateway.store.spool.backlog.Backlog` is one."""

    def find_left(self) -> None: ...
    def take(self, limit: int) -> Sequence[RequestRecord | KeptText]: ...
    def done(self) -> None: ...


class RecordWriter:
    """Moves what waits to a sink, a batch at a time, each at least once; the sink keeps the first of two.

    sink     used by the writer's thread alone
    prepare  run on that thread before the first write, and again if it raises SchemaError or SinkUnavailableError
    policies  those in force, which are kept beside the records they decide; None: none are
    """

    def __init__(
        self,
        waiting: Waiting,
        sink: Sink,
        prepare: Callable[[], None],
        *,
        policies: Callable[[], PolicySet] | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._waiting = waiting
        self._sink = sink
        self._prepare = prepare
        self._policies = policies
        self._noted: PolicySet | None = None
        self._note_at_s = 0.0
        self._poll_s = poll_s
        self._in_hand: Sequence[RequestRecord | KeptText] = ()
        self._failures = 0
        self._looked_at_s: float | None = None
        self._closing = threading.Event()
        self._gave_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="record-writer", daemon=True)
        self.refused = 0
        """Records the database will never take, for what they hold."""
        self.texts_refused = 0
        self.is_done = False
        """Whether it ended with nothing left to write."""
        self._caught_up_at_s = time.monotonic()

    @property
    def behind_s(self) -> float:
        """Seconds since nothing waited."""
        return time.monotonic() - self._caught_up_at_s

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Write what waits, for at most `timeout_s`."""
        self._closing.set()
        self._thread.join(timeout_s)
        self._gave_up.set()
        self._thread.join(self._poll_s + 1.0)

    def _run(self) -> None:
        is_prepared = False
        while not self._gave_up.is_set():
            is_last_round = self._closing.is_set()
            try:
                if not is_prepared:
                    self._prepare()
                    is_prepared = True
                self._note_policies()
                self._write_waiting()
            except (SinkUnavailableError, SchemaError) as error:
                self._back_off(error)
                continue
            except Exception as error:
                logger.exception("unexpected failure while writing records")
                self._back_off(error)
                continue
            self._recovered()
            if is_last_round:
                self.is_done = not self._gave_up.is_set()
                break
            self._closing.wait(self._poll_s)
        self._sink.close()

    def _note_policies(self) -> None:
        """No record waits for this. A set in force for less than a round may be missed: its records then tell less."""
        current = None if self._policies is None else self._policies()
        if current is None or current is self._noted or time.monotonic() < self._note_at_s:
            return
        try:
            self._sink.note([outline_of(policy) for policy in current.policies])
            self._noted = current
        except (SinkUnavailableError, RecordRejectedError) as error:
            self._note_at_s = time.monotonic() + NOTE_AGAIN_S
            logger.warning("the policies in force are not kept beside their records yet: %s", error)

    def _write_waiting(self) -> None:
        """A batch stays in hand until it is written, so that a failed one is tried again."""
        self._look_for_left()
        while not self._gave_up.is_set():
            self._in_hand = self._in_hand or self._waiting.take(BATCH)
            if self._in_hand:
                try:
                    self._write(self._in_hand)
                except RecordRejectedError:
                    self._write_singly(self._in_hand)
            is_all = not self._in_hand
            self._in_hand = ()
            self._waiting.done()
            if is_all:
                self._caught_up_at_s = time.monotonic()
                return

    def _look_for_left(self) -> None:
        now_s = time.monotonic()
        if self._looked_at_s is None or now_s - self._looked_at_s >= LOOK_FOR_LEFT_S:
            self._looked_at_s = now_s
            self._waiting.find_left()

    def _write(self, entries: Sequence[RequestRecord | KeptText]) -> None:
        texts = [each for each in entries if isinstance(each, KeptText)]
        self._sink.write([each for each in entries if isinstance(each, RequestRecord)], texts)

    def _write_singly(self, entries: Sequence[RequestRecord | KeptText]) -> None:
        """Find what the database refuses among these, and drop it."""
        for number, each in enumerate(entries):
            self._in_hand = entries[number:]
            try:
                self._write([each])
            except RecordRejectedError as error:
                self._drop(each, error)

    def _drop(self, refused: RequestRecord | KeptText, error: RecordRejectedError) -> None:
        if isinstance(refused, KeptText):  # the error may say what is in it
            self.texts_refused += 1
            logger.error("the text of request %r is dropped: the database refuses it", refused.request_id)
        else:
            self.refused += 1
            logger.error("record %r is dropped: the database refuses it: %s", refused.id, error)

    def _back_off(self, error: Exception) -> None:
        delay_s = min(self._poll_s * 2**self._failures, LONGEST_BACKOFF_S)
        self._failures = min(self._failures + 1, 16)
        if self._failures == 1:
            logger.warning("records wait in the spool, the database is unavailable: %s", error)
        if self._closing.is_set():
            self._gave_up.wait(min(delay_s, self._poll_s))
        else:
            self._closing.wait(delay_s)

    def _recovered(self) -> None:
        if self._failures:
            logger.info("the database is back; no record waits any more")
            self._failures = 0
