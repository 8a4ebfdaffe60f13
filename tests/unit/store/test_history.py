import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, update

from gateway.domain.context import Context
from gateway.domain.facts import Budget, Fleet
from gateway.domain.logged import Logged
from gateway.domain.record import RequestRecord
from gateway.domain.replay import Replay
from gateway.domain.rollout import Beside
from gateway.domain.session import Session
from gateway.domain.usage import Usage
from gateway.store.engine import open_engine
from gateway.store.history import (
    UNREADABLE,
    HistoryFileError,
    Wanted,
    count_logged,
    read_logged,
    read_logged_file,
)
from gateway.store.reports import NoRecordsError
from gateway.store.sinks import open_sink
from gateway.store.tables import REQUESTS
from gateway.store.upgrade import upgrade
from tests.builders import a_record, an_attempt
from tests.cpu_time import cpu_s
from tests.unit.domain.replays import logged_of
from tests.unit.policyfile.folder import GOOD, load

_AT_S = 1_790_000_000.0
_BESIDE = Beside(
    policy="next",
    policy_version="v2",
    mode="shadow",
    was_candidate=True,
    rule="hard",
    route="large-only",
    deployment=None,
    differs=True,
)
_CONTEXT = Context(
    tools=("search",),
    metadata={"plan": "é"},
    headers={"x-plan": "gold"},
    tags=("bulk",),
    session=Session(rule="easy", route="small-first", deployment="small-a", seen_at_s=_AT_S - 0.015625),
    budget=Budget(exists=True, used_ratio=0.1),
    fleet=Fleet(cooling={"large-a": 3.25}, latency_ms={"small-a": 12.5}),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_file = request.param == "sqlite"
    found = f"sqlite:///{tmp_path}/records.db" if is_file else str(request.getfixturevalue("postgres_database"))
    upgrade(found)
    return found


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def _write(url: str, *records: RequestRecord) -> None:
    sink = open_sink(url)
    sink.write(records)
    sink.close()


def _whole(record: RequestRecord) -> Logged:
    """Less what a replay does not look at."""
    logged = logged_of(record)
    if logged.classification is None:
        return logged
    return replace(logged, classification=replace(logged.classification, contributions=()))


def _printed(record: RequestRecord) -> bytes:
    """As `report decisions --json` prints it."""
    fields = msgspec.to_builtins(record)
    received_at = datetime.fromtimestamp(record.received_at, UTC).isoformat()
    return msgspec.json.encode({**fields, "received_at": received_at, "saving_nano_usd": record.saving_nano_usd})


def _records() -> list[RequestRecord]:
    """One that fell back, with all there is; one that was refused; one that ended early."""
    cached = Usage(input_tokens=12, output_tokens=30, cached_input_tokens=5, estimated=True)
    failed = an_attempt(deployment="small-b", outcome="failed", usage=None, cost_nano_usd=0)
    fell_back = a_record(
        team="claims",
        app="bot",
        stream=True,
        received_at=_AT_S + 0.015625,
        usage=cached,
        attempts=(failed, an_attempt(number=2)),
        session="c0ffee",
        context=_CONTEXT,
        beside=_BESIDE,
    )
    bare: dict[str, Any] = {"attempts": (), "usage": None, "deployment": None, "tier": None, "cost_nano_usd": None}
    refused = a_record("req-2", outcome="refused", **bare)
    return [fell_back, refused, a_record("req-3", outcome="failed", signals=None, classification=None, **bare)]


def test_a_database_gives_what_was_recorded(url: str, engine: Engine) -> None:
    _write(url, *_records())

    found = sorted(read_logged(engine, Wanted()), key=lambda each: each.id)

    assert found == [_whole(record) for record in _records()]
    assert [each.first for each in found] == ["small-b", None, None]


@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_file_gives_what_was_recorded(form: str) -> None:
    lines = [_printed(record) for record in _records()]
    text = b"\n\n".join(lines) if form == "lines" else b"\n [\n" + b",\n".join(lines) + b"\n]\n"

    found = list(read_logged_file(io.BytesIO(text), Wanted()))

    assert found == [_whole(record) for record in _records()]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(alias="a2"),
        Wanted(team="t2"),
        Wanted(app="p2"),
        Wanted(since=datetime.fromtimestamp(_AT_S + 1, UTC)),
        Wanted(since=datetime.fromtimestamp(_AT_S + 9, UTC), until=datetime.fromtimestamp(_AT_S + 9.5, UTC)),
        Wanted(limit=1),
    ],
)
def test_only_what_is_wanted_is_read_and_counted(url: str, engine: Engine, wanted: Wanted) -> None:
    other = a_record("other", alias="a2", team="t2", app="p2", received_at=_AT_S + 9)
    first = a_record("first", received_at=_AT_S)
    _write(url, first, other)
    printed = [_printed(record) for record in (other, first)]

    found = [each.id for each in read_logged(engine, wanted)]

    assert found == ["other"]
    assert count_logged(engine, wanted) == 1
    assert [each.id for each in read_logged_file(printed, wanted)] == ["other"]


def test_until_is_the_first_moment_after(url: str, engine: Engine) -> None:
    _write(url, a_record(received_at=_AT_S))

    assert count_logged(engine, Wanted(until=datetime.fromtimestamp(_AT_S, UTC))) == 0


def test_a_row_this_release_cannot_read_is_given_as_unreadable(url: str, engine: Engine) -> None:
    _write(url, a_record())
    with engine.begin() as connection:
        connection.execute(update(REQUESTS).values(classification={"task": "astrology"}))

    (found,) = read_logged(engine, Wanted())

    assert (found.id, found.unreadable) == ("req-1", UNREADABLE)


def test_a_database_without_tables_says_so(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db", makes_file=True)

    with pytest.raises(NoRecordsError, match="no such table"):
        list(read_logged(engine, Wanted()))
    with pytest.raises(NoRecordsError, match="no such table"):
        count_logged(engine, Wanted())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"id": "req-1"}', "line 1: "),
        (b"\nnot json", "line 2: "),
        (b"[1, 2", "line 1: not a JSON array"),
        (b"[1]", "record 1: "),
    ],
)
def test_a_file_of_something_else_is_refused_with_the_place(text: bytes, place: str) -> None:
    with pytest.raises(HistoryFileError) as caught:
        list(read_logged_file(io.BytesIO(text), Wanted()))

    assert str(caught.value).startswith(place)


def test_a_time_in_seconds_is_read_too() -> None:
    line = msgspec.json.encode({"id": "req-1", "received_at": 1_790_000_000, "alias": "auto", "outcome": "ok"})

    (found,) = read_logged_file([line], Wanted())

    assert found.at_s == _AT_S


def test_twenty_thousand_records_are_read_and_decided_again_in_seconds(tmp_path: Path) -> None:
    policies = load(tmp_path, p=GOOD)
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    _write(url, *(a_record(f"req-{number:06}", context=_CONTEXT) for number in range(20_000)))

    def decided_again() -> None:
        replay = Replay(policies)
        for logged in read_logged(open_engine(url), Wanted()):
            replay.add(logged)
        assert replay.outcome().changes.total.requests == 20_000

    assert cpu_s(decided_again, best_of=3) < 6.0
