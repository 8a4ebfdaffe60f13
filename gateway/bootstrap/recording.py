"""The clock of this machine, and what hears of every request: kept first of all, and counted."""

import time
from collections.abc import Awaitable

from gateway.domain.intent import Intent
from gateway.domain.kept_text import Said
from gateway.domain.record import RequestRecord
from gateway.store.spool.redactor import Redactor
from gateway.store.spool.spool import Spool
from gateway.telemetry.metrics import MetricsRecorder


class SystemClock:
    """`Clock` of this machine."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.perf_counter)


class CountedRecorder:
    """`Recorder` that keeps what it is told, and counts it."""

    def __init__(self, spool: Spool, redactor: Redactor, metrics: MetricsRecorder) -> None:
        self._spool = spool
        self._metrics = metrics
        self._redactor = redactor

    @property
    def can_record(self) -> bool:
        return self._spool.can_record

    def begun(self, intent: Intent) -> Awaitable[bool] | None:
        self._metrics.begun()
        return self._spool.begun(intent)

    def record(self, record: RequestRecord) -> None:
        self._metrics.record(record)
        self._spool.record(record)

    def keep_text(self, said: Said) -> None:
        self._redactor.add(said)
