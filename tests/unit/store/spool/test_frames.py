import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.spool.frames import (
    HEAD,
    INTENT,
    RECORD,
    VERSION,
    Frame,
    SpoolVersionError,
    check_head,
    frame,
    frames_in,
)

payloads = st.lists(st.tuples(st.sampled_from([RECORD, INTENT]), st.binary(max_size=60)), max_size=8)


def _told(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(each.kind, each.payload) for each in frames_in(data, 0) if isinstance(each, Frame)]


@given(payloads)
def test_frames_come_back_as_they_were_written(written: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(frame(kind, payload) for kind, payload in written)

    assert _told(data) == written


@given(payloads, st.data())
def test_a_torn_tail_leaves_the_frames_before_it(written: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    whole = b"".join(frame(kind, payload) for kind, payload in written)
    cut = data.draw(st.integers(0, len(whole)))

    found = _told(whole[:cut])

    assert found == written[: len(found)]
    assert len(found) == len(written) or cut < len(whole)


@given(payloads.filter(bool), st.data())
def test_a_flipped_bit_never_makes_a_frame_that_was_not_written(
    written: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    whole = bytearray(b"".join(frame(kind, payload) for kind, payload in written))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))

    found = _told(bytes(whole))

    assert all(each in written for each in found)
    assert len(found) < len(written)


def test_a_damaged_frame_is_passed_over_and_its_size_told() -> None:
    first, second, third = (frame(RECORD, text) for text in (b"one", b"two", b"three"))
    damaged = second[:-1] + b"X"

    found = list(frames_in(first + damaged + third, 100))

    assert [each if isinstance(each, int) else each.payload for each in found] == [b"one", len(second), b"three"]


def test_the_end_of_a_frame_counts_from_where_the_data_lies() -> None:
    each = frame(RECORD, b"one")

    (found,) = frames_in(each, 1000)

    assert isinstance(found, Frame)
    assert found.end == 1000 + len(each)


def test_a_segment_of_another_version_is_refused_by_name_and_version() -> None:
    other = HEAD[:-1] + bytes([VERSION + 1])

    with pytest.raises(
        SpoolVersionError, match=rf"'?a\.segment'? is of spool version {VERSION + 1}, this release reads {VERSION}"
    ):
        check_head(other, "a.segment")


def test_a_file_that_is_no_segment_is_refused() -> None:
    with pytest.raises(SpoolVersionError, match="is no segment of a spool"):
        check_head(b"PK\x03\x04 something else", "a.segment")


@pytest.mark.parametrize("size", range(len(HEAD) + 1))
def test_a_head_that_was_torn_is_no_other_version(size: int) -> None:
    check_head(HEAD[:size], "a.segment")

    assert list(frames_in(b"", size)) == []
