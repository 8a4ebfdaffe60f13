import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.kept_text import KeptText
from gateway.store.spool.backlog import Entry, Segments
from gateway.store.spool.contents import record_frame
from gateway.store.spool.segments import segment_numbers
from gateway.store.spool.spool import Spool
from tests.builders import a_kept_text, a_record, an_intent

_GROUP_S = 0.01


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path, group_s=_GROUP_S, retry_s=0.01)
    spool.start()
    yield spool
    spool.close(10)


def _eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(0.001)


def _left(folder: Path) -> list[str]:
    """The ids of all that is there, as a process that finds the folder would tell them."""
    segments = Segments(folder)
    entries: list[Entry] = []
    while taken := segments.take(100):
        entries += taken
    return [*map(_named, entries), *map(_named, segments.left_under_way())]


def _named(entry: Entry) -> str:
    return f"{entry.request_id} text" if isinstance(entry, KeptText) else f"{entry.id} {entry.outcome}"


def test_what_was_recorded_is_on_the_disk_within_the_group(spool: Spool, tmp_path: Path) -> None:
    spool.record(a_record("a"))
    spool.record(a_record("b"))

    _eventually(lambda: spool.tail.size > 0)

    assert _left(tmp_path) == ["a ok", "b ok"]


def test_many_records_share_a_write(spool: Spool, tmp_path: Path) -> None:
    for number in range(1000):
        spool.record(a_record(f"req-{number}"))

    spool.close(10)

    assert _left(tmp_path) == [f"req-{number} ok" for number in range(1000)]
    assert (spool.lost, spool.recorded) == (0, 1000)


def test_a_request_under_way_when_the_process_dies_is_unknown(spool: Spool, tmp_path: Path) -> None:
    for each in ("over", "under way"):
        spool.begun(an_intent(each))
    spool.record(a_record("over"))

    _eventually(lambda: spool.tail.size > 0)

    assert _left(tmp_path) == ["over ok", "under way unknown"]


def test_a_new_segment_begins_with_what_is_under_way_so_that_those_before_it_may_go(tmp_path: Path) -> None:
    spool = Spool(tmp_path, group_s=_GROUP_S, segment_bytes=1)
    spool.start()
    spool.begun(an_intent("long"))
    for number in range(3):
        written = spool.tail
        spool.record(a_record(f"req-{number}"))
        _eventually(lambda written=written: spool.tail != written)  # type: ignore[misc]
    spool.close(10)
    numbers = segment_numbers(tmp_path)

    for number in numbers[:-1]:
        (tmp_path / f"{number:08d}.segment").unlink()

    assert len(numbers) > 2
    assert _left(tmp_path) == ["req-2 ok", "long unknown"]


def test_a_disk_that_takes_nothing_costs_no_record_while_there_is_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "away"
    spool = Spool(folder, group_s=_GROUP_S, retry_s=0.01)
    spool.start()
    spool.record(a_record("a"))
    _eventually(lambda: not spool.can_record)
    failure = spool.failure

    folder.mkdir()
    _eventually(lambda: spool.can_record)
    spool.close(10)

    assert failure == os.strerror(errno.ENOENT)
    assert _left(folder) == ["a ok"]
    assert spool.lost == 0
    assert caplog.text.count("cannot be kept on the disk") == 1
    assert caplog.text.count("kept on the disk again") == 1


def test_what_neither_disk_nor_memory_takes_is_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "away", memory_bytes=3_000, retry_s=0.01)
    spool.start()

    for number in range(10):
        spool.record(a_record(f"req-{number}"))

    assert 0 < spool.recorded < 4
    assert spool.lost == 10 - spool.recorded
    spool.close(10)


def test_a_full_spool_says_so_and_goes_on_when_the_database_has_taken_some(tmp_path: Path) -> None:
    freed = [0]
    spool = Spool(tmp_path, group_s=_GROUP_S, max_bytes=4_000, freed_bytes=lambda: freed[0], retry_s=0.01)
    spool.start()
    for number in range(5):
        spool.record(a_record(f"req-{number}"))
    _eventually(lambda: spool.waiting_bytes >= 4_000)
    spool.record(a_record("req-5"))
    _eventually(lambda: not spool.can_record)
    failure = spool.failure or ""

    freed[0] = 1_000_000
    _eventually(lambda: spool.can_record)
    spool.close(10)

    assert "4000 is the limit" in failure
    assert _left(tmp_path) == [f"req-{number} ok" for number in range(6)]


def test_a_spool_that_could_not_write_finds_out_by_itself_that_it_can(tmp_path: Path) -> None:
    """Where every request is refused nothing comes that could be written."""
    folder = tmp_path / "away"
    spool = Spool(folder, group_s=_GROUP_S, retry_s=0.01, memory_bytes=1)
    spool.start()
    spool.record(a_record())
    spool._wake.set()
    spool.failure = "no space left"

    folder.mkdir()

    _eventually(lambda: spool.can_record)
    spool.close(10)
    assert _left(folder) == []


def test_sync_waits_for_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path, durability="sync")
    spool.start()

    async def kept_at_once() -> tuple[bool, list[str]]:
        kept = spool.begun(an_intent("a"))
        assert kept is not None
        return await kept, _left(tmp_path)

    is_kept, found = asyncio.run(kept_at_once())

    assert is_kept
    assert found == ["a unknown"]
    spool.close(10)


def test_sync_tells_that_the_disk_took_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "away", durability="sync")
    spool.start()

    async def is_kept() -> bool:
        kept = spool.begun(an_intent("a"))
        assert kept is not None
        return await kept

    assert not asyncio.run(is_kept())
    assert not spool.can_record
    spool.close(10)


def test_a_waiter_that_left_stops_nobody_else(tmp_path: Path) -> None:
    spool = Spool(tmp_path, durability="sync")

    async def both() -> bool:
        first, second = (spool.begun(an_intent(each)) for each in ("a", "b"))
        assert isinstance(first, asyncio.Future)
        assert second is not None
        first.cancel()
        spool.start()
        return await second

    assert asyncio.run(both())
    spool.close(10)


@pytest.mark.parametrize("durability", ["group", "none"])
def test_only_sync_makes_requests_wait(tmp_path: Path, durability: str) -> None:
    spool = Spool(tmp_path, durability="none" if durability == "none" else "group")

    assert spool.begun(an_intent()) is None


def test_what_cannot_be_encoded_is_lost_and_counted(spool: Spool, tmp_path: Path) -> None:
    spool.begun(an_intent("bad"))
    spool.record(replace(a_record("bad"), cost_nano_usd=2**70))
    spool.record(a_record("good"))

    spool.close(10)

    assert spool.lost == 1
    assert _left(tmp_path) == ["good ok", "bad unknown"]


def test_a_closed_spool_has_everything(tmp_path: Path) -> None:
    spool = Spool(tmp_path, group_s=60)
    spool.start()
    spool.begun(an_intent("a"))
    spool.record(a_record("a"))

    spool.close(10)

    assert spool.is_settled
    assert _left(tmp_path) == ["a ok"]


def test_a_text_comes_after_its_record(spool: Spool, tmp_path: Path) -> None:
    spool.record(a_record("a"))

    is_kept = spool.add_text(a_kept_text("a"))
    spool.close(10)

    assert is_kept
    assert _left(tmp_path) == ["a ok", "a text"]


def test_texts_are_dropped_once_half_of_what_may_wait_for_the_database_does_and_records_go_on(tmp_path: Path) -> None:
    freed = [0]
    spool = Spool(tmp_path, group_s=0.001, max_bytes=20_000, segment_bytes=1_000, freed_bytes=lambda: freed[0])
    spool.start()
    while spool.waiting_bytes <= 10_000:
        spool.record(a_record())
        time.sleep(0.002)

    is_kept = spool.add_text(a_kept_text())
    spool.record(a_record("last"))
    _eventually(lambda: spool.is_settled)
    freed[0] = spool.waiting_bytes
    is_kept_later = spool.add_text(a_kept_text())
    spool.close(10)

    assert (is_kept, is_kept_later) == (False, True)
    assert (spool.lost, spool.failure) == (0, None)
    assert _left(tmp_path)[-2:] == ["last ok", "req-1 text"]


def test_texts_take_no_memory_from_records(tmp_path: Path) -> None:
    spool = Spool(tmp_path, memory_bytes=10_000)
    text = a_kept_text(answer="x" * 4_000)

    kept = [spool.add_text(text) for _ in range(2)]
    while spool.lost == 0:
        spool.record(a_record())

    assert kept == [True, False]
    assert spool.recorded == Spool(tmp_path, memory_bytes=10_000)._memory_bytes // len(record_frame(a_record()))


def test_a_disk_that_takes_nothing_loses_the_texts_in_hand_and_no_record(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    spool = Spool(folder, group_s=0.001, retry_s=0.005)
    spool.record(a_record("a"))
    spool.add_text(a_kept_text("a"))
    spool.start()
    _eventually(lambda: spool.texts_lost == 1)

    is_kept = spool.add_text(a_kept_text("b"))
    folder.mkdir()
    _eventually(lambda: spool.can_record and spool.is_settled)
    spool.close(10)

    assert not is_kept
    assert _left(folder) == ["a ok"]
