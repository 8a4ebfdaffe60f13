from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.bootstrap.recording import CountedRecorder, SystemClock
from gateway.store.spool.redactor import Redactor
from gateway.store.spool.spool import Spool
from gateway.telemetry.metrics import MetricsRecorder
from tests.builders import a_record, an_intent


def test_what_is_recorded_is_kept_and_counted(tmp_path: Path) -> None:
    metrics = MetricsRecorder(CollectorRegistry(), version="1")
    spool = Spool(tmp_path)
    recorder = CountedRecorder(spool, Redactor(spool.add_text), metrics)

    kept = recorder.begun(an_intent())
    under_way = "sizewise_inflight_requests 1.0" in metrics.expose()[0].decode()
    recorder.record(a_record())

    assert (kept, under_way, recorder.can_record, spool.recorded) == (None, True, True, 1)
    assert "sizewise_inflight_requests 0.0" in metrics.expose()[0].decode()


def test_the_clock_of_the_machine_counts_seconds_and_never_goes_back() -> None:
    clock = SystemClock()

    first = clock.monotonic()

    assert clock.monotonic() >= first
    assert clock.now() > 1_700_000_000
