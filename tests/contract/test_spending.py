"""What was spent, as the serving process reads it from SQLite and from PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert

from gateway.domain.floors import Spent
from gateway.store.rollup_tables import PRUNINGS
from gateway.store.rollups import marked_hours, roll_up
from gateway.store.sinks import open_sink
from gateway.store.spending import open_spending
from gateway.store.tables import REQUESTS
from tests.builders import a_record

NINE_S = datetime(2026, 11, 29, 9, tzinfo=UTC).timestamp()
HOUR_S = 3_600.0


def _write(url: str, *requests: tuple[str, float, int | None], **changes: Any) -> None:
    """Each: its id, the seconds after nine it was received, and its cost."""
    sink = open_sink(url)
    records = [
        a_record(name, received_at=NINE_S + after_s, cost_nano_usd=cost, attempts=(), **changes)
        for name, after_s, cost in requests
    ]
    sink.write(records)
    sink.close()


def _spent(url: str, since_s: float = NINE_S) -> set[tuple[str, str, str, int]]:
    return {(each.team, each.app, each.key_id, each.nano_usd) for each in open_spending(url).spent(since_s)}


def test_nothing_was_spent_before_anything_was(url: str) -> None:
    assert open_spending(url).spent(0.0) == []


@pytest.mark.parametrize("is_summed_up", [False, True])
def test_it_is_told_by_key_team_and_application(url: str, engine: Engine, *, is_summed_up: bool) -> None:
    _write(url, ("req-a", 1.0, 10), ("req-b", HOUR_S, 20), team="claims", app="bot", key_id="k")
    _write(url, ("req-c", 2.0, 5), team="claims", key_id="k")
    _write(url, ("req-d", 2.0, None), key_id="free")
    if is_summed_up:
        roll_up(engine, marked_hours(engine))

    assert _spent(url) == {("claims", "bot", "k", 30), ("claims", "", "k", 5)}
    assert all(isinstance(each, Spent) for each in open_spending(url).spent(NINE_S))


def test_what_came_after_its_hour_was_summed_up_counts_too_and_nothing_counts_twice(url: str, engine: Engine) -> None:
    _write(url, ("req-a", 1.0, 10))
    roll_up(engine, marked_hours(engine))
    _write(url, ("req-b", 2.0, 20))

    assert _spent(url) == {("", "", "test", 30)}


def test_only_what_was_received_since_counts(url: str) -> None:
    _write(url, ("req-before", -0.000_001, 1), ("req-at", 0.0, 10), ("req-last", HOUR_S - 0.000_001, 100))

    assert _spent(url) == {("", "", "test", 110)}
    assert _spent(url, NINE_S + HOUR_S) == set()


def test_what_was_pruned_was_spent_all_the_same(url: str, engine: Engine) -> None:
    _write(url, ("req-a", 1.0, 10))
    roll_up(engine, marked_hours(engine))
    with engine.begin() as connection:
        connection.execute(delete(REQUESTS))
        connection.execute(insert(PRUNINGS).values(before=datetime.now(UTC), pruned_at=datetime.now(UTC)))
    _write(url, ("req-late", 2.0, 3))

    assert _spent(url) == {("", "", "test", 10)}
