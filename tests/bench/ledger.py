"""Measures the ledger at size: `python -m tests.bench.ledger --records 10_000_000` (or `make ledger`).

Records of a month go through the real sinks, in batches as the writer hands them over; then what reads them is timed.
A PostgreSQL of its own unless `--database-url` names an empty database; its disk flushes are on.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from sqlalchemy import Engine

from gateway.domain.explanation import explain
from gateway.store.engine import open_engine
from gateway.store.partitions import create_statements
from gateway.store.reports import Filters, find_record, list_decisions
from gateway.store.rollups import marked_hours, roll_up
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from gateway.store.usage_reports import savings, spend
from tests.bench.ledger_records import ledger_records
from tests.services import running_postgres

_BATCH = 1_000
_DAYS = 30
_TIMES = 5
_EVERY = 1_000_000


def main(words: Sequence[str] | None = None) -> int:
    """`words`: the command line; None: this process's own."""
    arguments = _arguments(words)
    for kind in arguments.databases:
        with _database(kind, arguments.database_url) as url:
            found = {"database": kind, "records": arguments.records, **_measured(url, arguments.records)}
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--database-url", help="an empty PostgreSQL database")
    return parser.parse_args(words)


@contextmanager
def _database(kind: str, url: str | None) -> Iterator[str]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="sizewise-ledger-") as folder:
            yield f"sqlite:///{Path(folder) / 'records.db'}"
    elif url is not None:
        yield url
    else:
        with running_postgres("fsync=on", "max_wal_size=4GB", "shared_buffers=512MB") as own:
            yield own


def _measured(url: str, count: int) -> dict[str, float]:
    upgrade(url)
    engine = open_engine(url)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=_DAYS - 1)
    _make_days_of_the_past(engine, start)
    figures, some_id = _ingested(url, count, start)
    figures |= _summed(engine) | _read(engine, some_id, start)
    engine.dispose()
    return figures


def _summed(engine: Engine) -> dict[str, float]:
    started_s, hours = time.perf_counter(), marked_hours(engine)
    roll_up(engine, hours)
    rollup_s = time.perf_counter() - started_s
    return {"rollup_s": round(rollup_s, 2), "rollup_ms_an_hour": round(1_000 * rollup_s / len(hours), 1)}


def _read(engine: Engine, some_id: str, start: datetime) -> dict[str, float]:
    reads: dict[str, Callable[[], object]] = {
        "savings_by_team_ms": lambda: savings(engine, by="team", since=start),
        "savings_by_day_ms": lambda: savings(engine, by="day", since=start),
        "spend_by_deployment_ms": lambda: spend(engine, by="deployment", since=start),
        "spend_by_key_ms": lambda: spend(engine, by="key", since=start),
        "explain_ms": lambda: _explained(engine, some_id),
        "explain_by_prefix_ms": lambda: _explained(engine, some_id[:16]),
        "decisions_ms": lambda: list_decisions(engine, limit=20),
        "decisions_of_a_week_ms": lambda: list_decisions(engine, limit=20, since=start + timedelta(days=_DAYS - 7)),
        "decisions_failed_ms": lambda: list_decisions(engine, limit=20, filters=Filters(outcome="failed")),
        "decisions_ok_ms": lambda: list_decisions(engine, limit=20, filters=Filters(outcome="ok")),
        "decisions_of_a_deployment_ms": lambda: list_decisions(engine, limit=20, filters=Filters(deployment="large-a")),
    }
    return {name: _median_ms(read) for name, read in reads.items()}


def _make_days_of_the_past(engine: Engine, start: datetime) -> None:
    """As they would have been made day by day, had the gateway been running."""
    if engine.dialect.name != "postgresql":
        return
    for ahead in range(_DAYS - 1):
        for table in ("requests", "attempts"):
            with engine.begin() as connection:
                for statement in create_statements(table, (start + timedelta(days=ahead)).date()):
                    connection.exec_driver_sql(statement)


def _ingested(url: str, count: int, start: datetime) -> tuple[dict[str, float], str]:
    """Figures, and the id of a record from the middle. Making the records is not counted."""
    sink, records = open_sink(url), ledger_records(count, start=start, days=_DAYS, seed=6)
    spent_s = cpu_s = 0.0
    written, some_id = 0, ""
    while batch := list(islice(records, _BATCH)):
        started_s, cpu_from_s = time.perf_counter(), time.thread_time()
        sink.write(batch)
        spent_s += time.perf_counter() - started_s
        cpu_s += time.thread_time() - cpu_from_s
        written += len(batch)
        some_id = batch[0].id if written <= count // 2 or not some_id else some_id
        if written % _EVERY == 0:
            _say(f"{written:,} records, {written / spent_s:,.0f} a second")
    sink.close()
    return {
        "ingest_records_per_s": round(written / spent_s),
        "ingest_client_cpu_us": round(cpu_s / written * 1e6, 1),
    }, some_id


def _explained(engine: Engine, request_id: str) -> None:
    record = find_record(engine, request_id)
    if record is None:
        raise LookupError(request_id)
    explain(record)


def _median_ms(read: Callable[[], object]) -> float:
    """Of a few times, the first one not counted."""
    times = []
    for _ in range(_TIMES + 1):
        started_s = time.perf_counter()
        read()
        times.append(time.perf_counter() - started_s)
    return round(1_000 * median(times[1:]), 1)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
