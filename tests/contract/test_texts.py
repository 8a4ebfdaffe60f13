"""What holds on every database for kept texts: written once, with their records, gone in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select, text

from gateway.domain.answer import ToolCall
from gateway.domain.kept_text import Conversation, KeptMessage, KeptText
from gateway.domain.record import RequestRecord
from gateway.store.housekeeping import keep_house
from gateway.store.ledger import Ledger
from gateway.store.partitions import id_of
from gateway.store.reports import list_decisions
from gateway.store.retention import first_day_kept, prune, would_prune
from gateway.store.rows import REPLACEMENT
from gateway.store.sinks import open_sink
from gateway.store.spool.contents import record_frame, text_frame
from gateway.store.spool.folders import OwnFolder
from gateway.store.spool.segments import OpenSegment
from gateway.store.text_tables import TEXTS
from gateway.store.texts import count_prunable, find_text, find_texts, prune_texts
from tests.builders import a_kept_text, a_record, what_was_said

NOW = datetime.now(UTC)


def _write(url: str, records: list[RequestRecord], texts: list[KeptText]) -> None:
    sink = open_sink(url)
    try:
        sink.write(records, texts)
    finally:
        sink.close()


def _ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(TEXTS.c.request_id).order_by(TEXTS.c.request_id)).scalars())


def _rounded(kept: KeptText) -> KeptText:
    return replace(kept, received_at=round(kept.received_at, 6), expires_at=round(kept.expires_at, 6))


def test_a_text_is_read_back_as_it_was_written(url: str, engine: Engine) -> None:
    call = ToolCall(name="weather", arguments='{"city":"Oslo"}')
    messages = (
        KeptMessage(role="user", text="Zürich 日本 😀\n"),
        KeptMessage(role="assistant", text="", calls=(call,)),
    )
    kept = _rounded(a_kept_text(request=Conversation(messages=messages, tools=("weather",)), truncated=True))
    bare = _rounded(a_kept_text("req-2", answer=None, team=""))

    _write(url, [a_record("req-1"), a_record("req-2")], [kept, bare])

    assert find_text(engine, "req-1", NOW) == kept
    assert find_text(engine, "req-2", NOW) == bare
    assert find_text(engine, "req-", NOW) is None
    assert find_texts(engine, ["req-1", "req-2", "req-3"], NOW) == {"req-1": kept, "req-2": bare}
    assert find_texts(engine, ["req-1"], NOW + timedelta(days=40)) == {}


def test_writing_a_text_twice_keeps_the_first(url: str, engine: Engine) -> None:
    first, second = a_kept_text(answer="first"), a_kept_text(answer="second")

    _write(url, [a_record()], [first])
    _write(url, [a_record()], [second])
    _write(url, [a_record("req-2")], [second, a_kept_text("req-2"), a_kept_text("req-2", answer="again")])

    with engine.connect() as connection:
        found = connection.execute(select(TEXTS.c.request_id, TEXTS.c.answer).order_by(TEXTS.c.request_id)).all()
    assert [tuple(row) for row in found] == [("req-1", "first"), ("req-2", "Paris.")]


def test_a_text_without_its_record_is_left_out(url: str, engine: Engine) -> None:
    _write(url, [a_record("req-1")], [a_kept_text("req-1"), a_kept_text("of nobody")])
    _write(url, [], [a_kept_text("of nobody")])

    assert _ids(engine) == ["req-1"]


def test_a_text_may_come_in_a_batch_of_its_own(url: str, engine: Engine) -> None:
    _write(url, [a_record("req-1")], [])
    _write(url, [], [a_kept_text("req-1")])

    assert _ids(engine) == ["req-1"]


def test_what_no_database_takes_stops_no_text(url: str, engine: Engine) -> None:
    request = Conversation(messages=(KeptMessage(role="user", text="a\0b\\u0000"),))

    _write(url, [a_record()], [a_kept_text(request=request, answer="c\0d")])

    found = find_text(engine, "req-1", NOW)
    assert found is not None
    assert found.request.messages[0].text == f"a{REPLACEMENT}b\\u0000"
    assert found.answer == f"c{REPLACEMENT}d"


def test_a_text_over_its_days_is_not_shown_though_it_is_there_yet(url: str, engine: Engine) -> None:
    _write(url, [a_record()], [a_kept_text(expires_at=(NOW + timedelta(hours=1)).timestamp())])

    assert find_text(engine, "req-1", NOW) is not None
    assert find_text(engine, "req-1", NOW + timedelta(hours=1, seconds=1)) is None


def test_housekeeping_deletes_each_text_when_its_own_days_are_over_and_no_record(url: str, engine: Engine) -> None:
    texts = [
        a_kept_text(f"req-{number:03}", expires_at=(NOW + timedelta(days=days)).timestamp())
        for number, days in enumerate([-1, 1, 30] * 60)
    ]
    _write(url, [a_record(each.request_id, received_at=NOW.timestamp()) for each in texts], texts)

    first = keep_house(engine, now=NOW)
    then = keep_house(engine, now=NOW + timedelta(days=2))

    assert first is not None
    assert then is not None
    assert (first.texts, then.texts) == (60, 60)
    assert _ids(engine) == [each.request_id for each in texts[2::3]]
    assert len(list_decisions(engine, limit=999)) == 180


def test_a_text_goes_with_its_record_however_long_it_was_to_stay(url: str, engine: Engine) -> None:
    old = [f"{id_of(NOW - timedelta(days=40))}{number:020x}" for number in range(120)]
    new = f"{id_of(NOW)}{0:020x}"
    records = [a_record(each, received_at=(NOW - timedelta(days=40)).timestamp()) for each in old]
    far = (NOW + timedelta(days=3_000)).timestamp()
    _write(
        url,
        [*records, a_record(new, received_at=NOW.timestamp())],
        [a_kept_text(each, expires_at=far) for each in (*old, new)],
    )
    before = first_day_kept(NOW, 20)

    expected = would_prune(engine, before)
    pruned = prune(engine, before)

    assert (expected.texts, pruned.texts) == (120, 120)
    assert _ids(engine) == [record.id for record in list_decisions(engine, limit=999)] == [new]


def test_only_what_is_over_its_days_is_counted_and_deleted(url: str, engine: Engine) -> None:
    _write(
        url,
        [a_record("a"), a_record("b")],
        [a_kept_text("a", expires_at=NOW.timestamp()), a_kept_text("b")],
    )

    assert count_prunable(engine, NOW) == 1
    assert prune_texts(engine, NOW) == 1
    assert prune_texts(engine, NOW) == 0
    assert _ids(engine) == ["b"]


@pytest.mark.parametrize("has_text_twice", [False, True])
def test_what_a_crash_left_is_written_once_and_a_text_only_with_its_record(
    url: str, engine: Engine, tmp_path: Path, has_text_twice: bool
) -> None:
    own = OwnFolder(tmp_path / "spool").make()
    segment = OpenSegment(own.path, 1, is_synced=False)
    texts = [text_frame(a_kept_text(each)) for each in ("a", "of nobody", "b")]
    segment.append([record_frame(a_record("a")), *texts[:2], record_frame(a_record("b")), texts[2]])
    own.release()
    if has_text_twice:
        _write(url, [a_record("a")], [a_kept_text("a")])

    ledger = Ledger.to_database(url, tmp_path / "spool")
    ledger.start()

    assert ledger.close(timeout_s=20)
    assert _ids(engine) == ["a", "b"]
    assert sorted(record.id for record in list_decisions(engine, limit=9)) == ["a", "b"]


def test_what_was_said_goes_through_the_ledger_redacted(url: str, engine: Engine, tmp_path: Path) -> None:
    ledger = Ledger.to_database(url, tmp_path / "spool")
    ledger.start()
    ledger.spool.record(a_record())
    ledger.redactor.add(what_was_said("I am ann@example.com", received_at=NOW.timestamp()))

    assert ledger.close(timeout_s=20)
    found = find_text(engine, "req-1", NOW)
    assert found is not None
    assert (found.request.messages[0].text, found.answer) == ("I am [personal]", "Paris.")
    assert ledger.texts_lost == 0


def test_a_thousand_texts_arrive_each_once_whatever_their_length(url: str, engine: Engine, tmp_path: Path) -> None:
    ledger = Ledger.to_database(url, tmp_path / "spool")
    ledger.start()
    for number in range(1_000):
        ledger.spool.record(a_record(f"req-{number:04}"))
        assert ledger.spool.add_text(a_kept_text(f"req-{number:04}", answer="x" * (number * 8)))

    assert ledger.close(timeout_s=60)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT request_id, length(answer) FROM texts ORDER BY request_id")).all()
    assert [tuple(row) for row in rows] == [(f"req-{number:04}", number * 8) for number in range(1_000)]
