"""What holds on every database for sums over hours, and for records that are no longer kept."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, delete, select, update

from gateway.domain.record import CheckResult, RequestRecord
from gateway.domain.usage import Usage
from gateway.store.housekeeping import keep_house
from gateway.store.partitions import id_of
from gateway.store.reports import find_record, list_decisions
from gateway.store.retention import first_day_kept, prune, prune_rollups, would_prune
from gateway.store.rollup_tables import ATTEMPTS_HOURLY, PRUNINGS, ROLLUP_MARKS, USAGE_HOURLY
from gateway.store.rollups import mark_unsummed, marked_hours, roll_up
from gateway.store.sinks import open_sink
from gateway.store.tables import ATTEMPTS, REQUESTS
from gateway.store.usage_reports import savings, spend, total
from tests.builders import a_record, an_attempt

NOW = datetime.now(UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def _record(number: int, at: datetime = NOW, **changes: object) -> RequestRecord:
    return replace(a_record(f"{id_of(at)}{number:020x}", received_at=at.timestamp()), **changes)


def _write(url: str, *records: RequestRecord) -> None:
    sink = open_sink(url)
    try:
        sink.write(records)
    finally:
        sink.close()


def _summed(engine: Engine) -> None:
    roll_up(engine, marked_hours(engine))


def test_a_batch_marks_each_hour_it_touches_once(url: str, engine: Engine) -> None:
    hour = datetime(2026, 9, 21, 14, tzinfo=UTC)

    _write(url, *(_record(minute, hour + timedelta(minutes=minute)) for minute in (1, 59, 60)))

    with engine.connect() as connection:
        assert connection.execute(select(ROLLUP_MARKS.c.hour).order_by(ROLLUP_MARKS.c.id)).scalars().all() == [
            hour,
            hour + timedelta(hours=1),
        ]


def test_the_sums_are_those_of_the_records(url: str, engine: Engine) -> None:
    failed = CheckResult(passed=False, failures=("empty",))
    escalated = (
        an_attempt(checked=failed),
        an_attempt(number=2, deployment="large-a", tier="large", checked=CheckResult(passed=True), cost_nano_usd=7),
    )
    fell_back = (
        an_attempt(outcome="failed", error_code="rate_limited", usage=None, cost_nano_usd=None),
        an_attempt(number=2, deployment="small-b"),
    )
    _write(
        url,
        _record(1),
        _record(2, attempts=escalated, cost_nano_usd=19_807),
        _record(3, attempts=fell_back, cost_nano_usd=None, unpriced="no price"),
        _record(4, outcome="failed", baseline_cost_nano_usd=None, usage=Usage(input_tokens=1, output_tokens=2)),
    )

    _summed(engine)

    (line,) = savings(engine, by="policy", since=LONG_AGO)
    assert (line.name, line.requests, line.unpriced, line.not_answered) == ("default", 4, 1, 1)
    assert (line.input_tokens, line.output_tokens) == (37, 92)
    assert line.cost_nano_usd == 19_800 + 19_807 + 19_800
    assert (line.compared, line.compared_cost_nano_usd, line.baseline_cost_nano_usd) == (2, 39_607, 660_000)
    assert line.saving_nano_usd == line.saving_low_nano_usd == line.saving_high_nano_usd == 660_000 - 39_607
    assert (line.checks_passed, line.checks_failed, line.escalated, line.fell_back) == (1, 1, 1, 1)
    calls = {each.name: each for each in spend(engine, by="deployment", since=LONG_AGO)}
    assert {name: (each.attempts, each.failed) for name, each in calls.items()} == {
        "small-a": (4, 1),
        "small-b": (1, 0),
        "large-a": (1, 0),
    }
    assert total(list(calls.values())).cost_nano_usd == 4 * 19_800 + 7


def test_the_range_of_a_saving_is_the_records_own(url: str, engine: Engine) -> None:
    _write(url, _record(1), _record(2))
    with engine.begin() as connection:
        connection.execute(
            update(REQUESTS).where(REQUESTS.c.id == _record(1).id).values(saving_low_nano_usd=1, saving_high_nano_usd=2)
        )

    _summed(engine)

    (line,) = savings(engine, by="policy", since=LONG_AGO)
    assert (line.saving_low_nano_usd, line.saving_high_nano_usd) == (1 + 310_200, 2 + 310_200)


def test_said_origins_count_rather_than_guessed_ones(url: str, engine: Engine) -> None:
    _write(url, _record(1, attempts=(an_attempt(), an_attempt(number=2, deployment="small-b"))))
    with engine.begin() as connection:
        connection.execute(update(ATTEMPTS).values(origin="first"))
        connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.number == 2).values(origin="escalation"))

    _summed(engine)

    (line,) = savings(engine, by="team", since=LONG_AGO)
    assert (line.escalated, line.fell_back) == (1, 0)
    assert {each.name for each in spend(engine, by="origin", since=LONG_AGO)} == {"first", "escalation"}


def test_an_hour_is_summed_up_anew_when_a_record_comes_late_and_never_twice(url: str, engine: Engine) -> None:
    early, late = _record(1, NOW - timedelta(days=1)), _record(2, NOW - timedelta(days=1))
    _write(url, early)
    _summed(engine)

    _write(url, early, late)
    _write(url, late)
    _summed(engine)
    roll_up(engine, [NOW.replace(minute=0, second=0, microsecond=0)])

    assert [line.requests for line in savings(engine, by="policy", since=LONG_AGO)] == [2]
    assert marked_hours(engine) == []


def test_records_whose_ids_no_gateway_made_are_summed_up_too(url: str, engine: Engine) -> None:
    _write(url, a_record("of-no-gateway", received_at=NOW.timestamp()))

    _summed(engine)

    assert [line.requests for line in savings(engine, by="policy", since=LONG_AGO)] == [1]


def test_several_summing_up_at_a_time_while_records_come_lose_and_double_nothing(url: str, engine: Engine) -> None:
    done = threading.Event()

    def sum_up() -> None:
        while not done.is_set():
            _summed(engine)

    threads = [threading.Thread(target=sum_up) for _ in range(2)]
    for thread in threads:
        thread.start()

    for batch in range(20):
        _write(url, *(_record(batch * 10 + number) for number in range(10)))
    done.set()
    for thread in threads:
        thread.join(30)
    _summed(engine)

    assert [line.requests for line in savings(engine, by="policy", since=LONG_AGO)] == [200]


def test_hours_that_a_release_without_marks_wrote_to_are_found(url: str, engine: Engine) -> None:
    _write(url, _record(1), _record(2, NOW - timedelta(hours=5)))
    with engine.begin() as connection:
        connection.execute(delete(ROLLUP_MARKS))

    found = mark_unsummed(engine, NOW - timedelta(days=1))
    again = mark_unsummed(engine, NOW - timedelta(days=1))
    _summed(engine)

    assert (found, again) == (2, 0)
    assert mark_unsummed(engine, NOW - timedelta(days=1)) == 0
    assert [line.requests for line in savings(engine, by="policy", since=LONG_AGO)] == [2]


@pytest.mark.parametrize("by", ["team", "app", "policy", "day", "rule", "deployment", "alias"])
def test_savings_are_told_by(url: str, engine: Engine, by: str) -> None:
    other = {"team": "t", "app": "a", "policy": "p", "rule": "r", "deployment": "d", "alias": "x"}
    _write(url, _record(1), _record(2, NOW - timedelta(days=1), **other))
    _summed(engine)

    lines = savings(engine, by=by, since=LONG_AGO)  # type: ignore[arg-type]

    expected = other[by] if by != "day" else f"{NOW - timedelta(days=1):%Y-%m-%d}"
    assert {line.requests for line in lines if line.name == expected} == {1}
    assert len(lines) == 2


@pytest.mark.parametrize("by", ["deployment", "model", "team", "app", "key", "origin", "day"])
def test_spend_is_told_by(url: str, engine: Engine, by: str) -> None:
    _write(url, _record(1), _record(2))
    _summed(engine)

    (line,) = spend(engine, by=by, since=LONG_AGO)  # type: ignore[arg-type]

    assert (line.attempts, line.cost_nano_usd) == (2, 39_600)


def test_a_report_begins_with_the_hour_it_is_asked_from(url: str, engine: Engine) -> None:
    _write(url, _record(1, NOW - timedelta(days=3)), _record(2))
    _summed(engine)

    assert [line.requests for line in savings(engine, by="policy", since=NOW - timedelta(days=1))] == [1]


def test_records_over_their_keep_go_and_their_sums_stay(url: str, engine: Engine) -> None:
    old = [_record(number, NOW - timedelta(days=40, hours=number)) for number in range(250)]
    _write(url, *old, _record(999), a_record("of-no-gateway"))
    before = first_day_kept(NOW, 20)

    expected = would_prune(engine, before)
    pruned = prune(engine, before)

    assert (expected.requests, pruned.requests, pruned.is_whole) == (250, 250, True)
    assert {record.id for record in list_decisions(engine, limit=999)} == {_record(999).id, "of-no-gateway"}
    _summed(engine)
    assert sum(line.requests for line in savings(engine, by="day", since=LONG_AGO)) == 252
    with engine.connect() as connection:
        assert len(connection.execute(select(ATTEMPTS.c.request_id)).all()) == 2


def test_a_record_that_comes_after_its_hour_was_pruned_spoils_no_sum(url: str, engine: Engine) -> None:
    at = NOW - timedelta(days=40)
    _write(url, _record(1, at), _record(2, at))
    prune(engine, first_day_kept(NOW, 20))

    _write(url, _record(3, at))
    summed = roll_up(engine, marked_hours(engine))

    assert (summed.hours, summed.late) == (0, 1)
    assert [line.requests for line in savings(engine, by="policy", since=LONG_AGO)] == [2]
    assert marked_hours(engine) == []


def test_sums_have_a_keep_of_their_own(url: str, engine: Engine) -> None:
    _write(url, _record(1, NOW - timedelta(days=800)), _record(2))
    _summed(engine)

    dropped = prune_rollups(engine, NOW - timedelta(days=730))

    assert dropped == 2
    assert [line.requests for line in savings(engine, by="policy", since=LONG_AGO)] == [1]


def test_too_short_a_keep_is_refused() -> None:
    with pytest.raises(ValueError, match="2 days at least, not 1"):
        first_day_kept(NOW, 1)


def test_whoever_writes_waits_for_no_pruning(url: str, engine: Engine) -> None:
    old = NOW - timedelta(days=40)
    _write(url, *(_record(number, old) for number in range(3_000)))
    sink = open_sink(url)
    sink.write([_record(10_000)])
    pruning = threading.Thread(target=prune, args=(engine, first_day_kept(NOW, 20)))
    waits_s: list[float] = []

    pruning.start()
    while pruning.is_alive():
        started_s = time.perf_counter()
        sink.write([_record(10_001 + len(waits_s))])
        waits_s.append(time.perf_counter() - started_s)
        time.sleep(0.01)
    pruning.join()
    sink.close()

    assert len(waits_s) > 3
    assert sorted(waits_s)[len(waits_s) * 9 // 10] < 0.25


def test_housekeeping_does_it_all_and_again_with_nothing_left_to_do(url: str, engine: Engine) -> None:
    _write(url, _record(1, NOW - timedelta(days=40)), _record(2))

    first = keep_house(engine, now=NOW, keep_days=30)
    second = keep_house(engine, now=NOW, keep_days=30)

    assert first is not None
    assert second is not None
    assert (first.hours, second.hours, first.late, first.unmade) == (2, 0, 0, 0)
    assert first.pruned is not None
    assert first.pruned.requests == 1
    assert [record.id for record in list_decisions(engine, limit=9)] == [_record(2).id]
    with engine.connect() as connection:
        assert connection.execute(select(PRUNINGS.c.before)).scalars().all() == [first_day_kept(NOW, 30)]


def test_a_decision_is_found_by_its_id_among_days(url: str, engine: Engine) -> None:
    records = [_record(1, NOW + timedelta(days=days)) for days in (-400, -1, 0, 1, 300)]
    _write(url, *records)

    assert [find_record(engine, record.id[:14]) for record in records] == records


def test_sums_hold_one_row_for_what_is_alike(url: str, engine: Engine) -> None:
    _write(url, *(_record(number) for number in range(50)))
    _summed(engine)

    with engine.connect() as connection:
        assert len(connection.execute(select(USAGE_HOURLY)).all()) == 1
        assert len(connection.execute(select(ATTEMPTS_HOURLY)).all()) == 1
