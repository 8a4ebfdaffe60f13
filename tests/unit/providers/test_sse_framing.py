"""Where events end and what they say; `test_sse` cuts whole streams at every byte."""

import pytest

from gateway.providers.sse_framing import data_of, split_events


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CR LF", "CR"])
def test_an_event_ends_at_a_blank_line_of_any_kind(end: bytes) -> None:
    first, second = b"data: 1" + end * 2, b"event: x" + end + b"data: 2" + end * 2

    assert split_events(first + second + b"data: 3") == ([first, second], b"data: 3")


def test_a_single_carriage_return_line_feed_is_one_line_end() -> None:
    assert split_events(b"event: x\r\ndata: 1\r\n") == ([], b"event: x\r\ndata: 1\r\n")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data:  x\n\n", b" x"),
        (b"data: x\r\n\r\n", b"x"),
        (b"data: x\r\r", b"x"),
        (b"\xef\xbb\xbfdata: x\n\n", b"x"),
        (b"event: e\ndata: x\nid: 7\n\n", b"x"),
        (b": comment\ndata: x\n\n", b"x"),
        (b"data: x\ndata: y\n\n", b"x\ny"),
        (b"data: \n\n", b""),
        (b": comment\n\n", None),
        (b"event: e\n\n", None),
        (b"\n\n", None),
    ],
)
def test_the_data_of_an_event_is_its_data_lines_joined(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data
