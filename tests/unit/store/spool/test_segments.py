from pathlib import Path

import pytest

from gateway.store.spool.frames import HEAD, RECORD, SpoolVersionError, frame
from gateway.store.spool.segments import OpenSegment, SegmentReader, segment_numbers, segment_path


@pytest.fixture(params=[True, False])
def segment(request: pytest.FixtureRequest, tmp_path: Path) -> OpenSegment:
    return OpenSegment(tmp_path, 1, is_synced=request.param)


def test_what_is_appended_is_read_back_in_order(segment: OpenSegment, tmp_path: Path) -> None:
    segment.append([frame(RECORD, b"a"), frame(RECORD, b"b")])
    segment.append([frame(RECORD, b"c")])

    reader = SegmentReader(tmp_path, 1)

    assert [each.payload for each in reader.read(segment.size, 10)] == [b"a", b"b", b"c"]
    assert reader.size() == segment.size


def test_no_more_is_read_than_asked_for_and_none_twice(segment: OpenSegment, tmp_path: Path) -> None:
    segment.append([frame(RECORD, bytes([number])) for number in range(5)])
    reader = SegmentReader(tmp_path, 1)

    rounds = [[each.payload for each in reader.read(segment.size, 2)] for _ in range(4)]

    assert rounds == [[b"\0", b"\1"], [b"\2", b"\3"], [b"\4"], []]


def test_nothing_is_read_beyond_what_the_disk_has_confirmed(segment: OpenSegment, tmp_path: Path) -> None:
    segment.append([frame(RECORD, b"a")])
    confirmed = segment.size
    segment.append([frame(RECORD, b"b")])
    reader = SegmentReader(tmp_path, 1)

    before = reader.read(confirmed, 10)
    after = reader.read(segment.size, 10)

    assert [each.payload for each in before] == [b"a"]
    assert [each.payload for each in after] == [b"b"]


def test_a_frame_larger_than_a_read_is_read(segment: OpenSegment, tmp_path: Path) -> None:
    large = b"x" * (5 << 20)
    segment.append([frame(RECORD, large), frame(RECORD, b"b")])

    found = SegmentReader(tmp_path, 1).read(segment.size, 10)

    assert [len(each.payload) for each in found] == [len(large), 1]


def test_a_torn_tail_ends_the_reading(segment: OpenSegment, tmp_path: Path) -> None:
    segment.append([frame(RECORD, b"a"), frame(RECORD, b"torn")])
    path = segment_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-2])
    reader = SegmentReader(tmp_path, 1)

    assert [each.payload for each in reader.read(reader.size(), 10)] == [b"a"]
    assert reader.read(reader.size(), 10) == []
    assert reader.offset < reader.size()


def test_damage_is_counted_in_bytes(segment: OpenSegment, tmp_path: Path) -> None:
    damaged = bytearray(frame(RECORD, b"damaged"))
    damaged[-1] ^= 1
    segment.append([bytes(damaged), frame(RECORD, b"b")])
    reader = SegmentReader(tmp_path, 1)

    found = reader.read(segment.size, 10)

    assert [each.payload for each in found] == [b"b"]
    assert reader.damaged == len(damaged)


def test_a_segment_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = segment_path(tmp_path, 1)
    path.write_bytes(HEAD[:-1] + b"\x63" + frame(RECORD, b"a"))
    before = path.read_bytes()

    with pytest.raises(SpoolVersionError, match="version 99"):
        SegmentReader(tmp_path, 1)

    assert path.read_bytes() == before


def test_a_number_is_never_used_twice(segment: OpenSegment, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        OpenSegment(tmp_path, segment.number, is_synced=False)

    assert segment_numbers(tmp_path) == [1]


def test_segments_are_for_their_owner_only(segment: OpenSegment, tmp_path: Path) -> None:
    assert segment_path(tmp_path, segment.number).stat().st_mode & 0o077 == 0
