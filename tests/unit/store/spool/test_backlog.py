from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.kept_text import KeptText
from gateway.domain.record import RequestRecord
from gateway.store.spool.backlog import Backlog, Entry, Segments
from gateway.store.spool.contents import intent_frame, record_frame, text_frame
from gateway.store.spool.folders import HeldFolder, OwnFolder, left_folders
from gateway.store.spool.frames import HEAD, RECORD, frame
from gateway.store.spool.segments import MOST_AT_ONCE, OpenSegment, Tail, segment_numbers, segment_path
from tests.builders import a_kept_text, a_record, an_intent


def _segment(folder: Path, number: int, *frames: bytes) -> OpenSegment:
    segment = OpenSegment(folder, number, is_synced=False)
    segment.append(frames)
    segment.close()
    return segment


def _ids(entries: Sequence[Entry]) -> list[str]:
    return [f"text of {each.request_id}" if isinstance(each, KeptText) else each.id for each in entries]


def _records(entries: Sequence[Entry]) -> list[RequestRecord]:
    return [each for each in entries if isinstance(each, RequestRecord)]


def _backlog(spool: Path, tail: Tail | None = None) -> tuple[Backlog, HeldFolder]:
    own = OwnFolder(spool).make()
    return Backlog(spool, own, Segments(own.path, lambda: tail or Tail(0, 0))), own


def _left_behind(spool: Path, *segments: Sequence[bytes]) -> Path:
    folder = OwnFolder(spool).make()
    for number, frames in enumerate(segments, 1):
        _segment(folder.path, number, *frames)
    folder.release()
    return folder.path


def test_segments_are_read_in_order_and_deleted_once_the_database_has_them(tmp_path: Path) -> None:
    _segment(tmp_path, 1, record_frame(a_record("a")), record_frame(a_record("b")))
    last = _segment(tmp_path, 2, record_frame(a_record("c")))
    segments = Segments(tmp_path, lambda: Tail(2, last.size))

    taken = segments.take(10)
    before = segment_numbers(tmp_path)
    segments.done()

    assert _ids(taken) == ["a", "b", "c"]
    assert (before, segment_numbers(tmp_path)) == ([1, 2], [2])
    assert segments.freed_bytes > 0


def test_nothing_is_deleted_before_the_database_has_it(tmp_path: Path) -> None:
    _segment(tmp_path, 1, record_frame(a_record("a")))
    last = _segment(tmp_path, 2, record_frame(a_record("b")))
    segments = Segments(tmp_path, lambda: Tail(2, last.size))

    segments.take(10)
    segments.take(10)

    assert segment_numbers(tmp_path) == [1, 2]


def test_no_more_is_taken_than_asked_for(tmp_path: Path) -> None:
    last = _segment(tmp_path, 1, *(record_frame(a_record(str(number))) for number in range(5)))
    segments = Segments(tmp_path, lambda: Tail(1, last.size))

    rounds = [_ids(segments.take(2)) for _ in range(4)]

    assert rounds == [["0", "1"], ["2", "3"], ["4"], []]


def test_what_a_dead_process_had_under_way_is_told_last_and_as_unknown(tmp_path: Path) -> None:
    path = _left_behind(
        tmp_path,
        [intent_frame(an_intent("a")), intent_frame(an_intent("b"))],
        [intent_frame(an_intent("b")), record_frame(a_record("a"))],
    )
    backlog, _ = _backlog(tmp_path)
    backlog.find_left()

    first, second = _records(backlog.take(10)), _records(backlog.take(10))
    rest = backlog.take(10)

    assert [(each.id, each.outcome) for each in (*first, *second)] == [("a", "ok"), ("b", "unknown")]
    assert second[0].unpriced is not None
    assert rest == []
    assert not path.exists()


def test_a_process_that_dies_while_it_takes_over_leaves_what_was_under_way_to_the_next(tmp_path: Path) -> None:
    path = _left_behind(tmp_path, [intent_frame(an_intent("b")), record_frame(a_record("a"))])
    backlog, _ = _backlog(tmp_path)
    backlog.find_left()

    backlog.take(1)
    backlog.take(1)
    backlog.done()

    found = Segments(path)
    assert _ids([*found.take(10), *found.left_under_way()]) == ["a", "b"]


def test_left_folders_come_before_our_own(tmp_path: Path) -> None:
    _left_behind(tmp_path, [record_frame(a_record("old"))])
    own = OwnFolder(tmp_path).make()
    last = _segment(own.path, 1, record_frame(a_record("new")))
    backlog = Backlog(tmp_path, own, Segments(own.path, lambda: Tail(1, last.size)))
    backlog.find_left()

    assert [_ids(backlog.take(1)) for _ in range(3)] == [["old"], ["new"], []]


def test_a_folder_of_another_version_is_left_as_it_is_with_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = _left_behind(tmp_path, [record_frame(a_record("old"))])
    segment = segment_path(path, 1)
    segment.write_bytes(HEAD[:-1] + b"\x07" + segment.read_bytes()[len(HEAD) :])
    before = segment.read_bytes()
    backlog, _ = _backlog(tmp_path)
    backlog.find_left()

    taken = backlog.take(10)
    backlog.find_left()

    assert taken == []
    assert segment.read_bytes() == before
    assert caplog.text.count("is of spool version 7") == 1


def test_a_frame_that_is_no_record_is_passed_over_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    last = _segment(tmp_path, 1, frame(RECORD, b"\xc1"), record_frame(a_record("a")))
    segments = Segments(tmp_path, lambda: Tail(1, last.size))

    taken = segments.take(10)

    assert _ids(taken) == ["a"]
    assert segments.unreadable == 1
    assert "cannot be read, it is passed over" in caplog.text


def test_texts_are_told_in_their_place_and_short_batches_of_them_at_a_time(tmp_path: Path) -> None:
    long = a_kept_text("a", answer="x" * (MOST_AT_ONCE // 2))
    frames = [record_frame(a_record("a")), *(text_frame(long) for _ in range(5)), record_frame(a_record("b"))]
    last = _segment(tmp_path, 1, *frames)
    segments = Segments(tmp_path, lambda: Tail(1, last.size))

    batches = []
    while taken := segments.take(500):
        batches.append(_ids(taken))

    assert [each for batch in batches for each in batch] == ["a", *["text of a"] * 5, "b"]
    assert len(batches) >= 2
    assert max(map(len, batches)) <= 4


def test_a_frame_of_a_kind_to_come_is_passed_over(tmp_path: Path) -> None:
    path = _left_behind(tmp_path, [record_frame(a_record("a")), frame(b"?", b"whatever"), record_frame(a_record("b"))])

    segments = Segments(path)

    assert _ids(segments.take(10)) == ["a", "b"]
    assert segments.unreadable == 0


def test_a_backlog_that_is_all_written_leaves_nothing(tmp_path: Path) -> None:
    backlog, own = _backlog(tmp_path)

    backlog.close(is_empty=True)

    assert not own.path.exists()


def test_what_is_not_written_stays_for_the_next_process(tmp_path: Path) -> None:
    left = _left_behind(tmp_path, [record_frame(a_record("old"))])
    backlog, own = _backlog(tmp_path)
    backlog.find_left()

    backlog.close(is_empty=False)

    assert {each.path for each in left_folders(tmp_path)} == {left, own.path}


@given(cut=st.integers(0, 2_000))
def test_wherever_the_last_segment_was_torn_all_before_it_is_told(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    frames = [record_frame(a_record(str(number), attempts=())) for number in range(4)]
    segment = _segment(folder, 1, *frames)
    path = segment_path(folder, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut * segment.size // 2_000, segment.size)])

    found = Segments(folder).take(100)

    kept = path.stat().st_size - len(HEAD)
    assert _ids(found) == [str(number) for number in range(4) if sum(map(len, frames[: number + 1])) <= kept]
