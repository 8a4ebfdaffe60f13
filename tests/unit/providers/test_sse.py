"""The event stream's reader: whatever the framing and wherever the wire cuts it, bytes go through as they came."""

import contextlib
import json
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import UpstreamError, UpstreamInterruptedError, UpstreamInvalidAnswerError
from gateway.domain.usage import Usage
from gateway.providers.sse import DONE, MAX_EVENT_BYTES, EventStream

HELLO = 'data: {"choices":[{"delta":{"content":"héllo 🙂"},"finish_reason":null}]}\n\n'.encode()
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
PLAIN = HELLO + FINISH + USAGE + DONE

FRAMINGS = {
    "LF": PLAIN,
    "CR LF": PLAIN.replace(b"\n", b"\r\n"),
    "CR": PLAIN.replace(b"\n", b"\r"),
    "mixed": HELLO.replace(b"\n", b"\r\n") + FINISH.replace(b"\n", b"\r") + USAGE + DONE.replace(b"\n\n", b"\n\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "comments": b": keep-alive\n\n" + HELLO + b":\n\n: two\n: lines\n\n" + FINISH + USAGE + DONE,
    "comment in an event": b": c\n" + HELLO + FINISH + b": c\n" + USAGE + DONE,
    "several data lines": HELLO + FINISH.replace(b',"usage"', b'\ndata: ,"usage"') + USAGE + DONE,
    "no space": PLAIN.replace(b"data: ", b"data:"),
    "other fields": b"id: 1\nevent: message\nretry: 5\n" + HELLO + FINISH + b"event: usage\n" + USAGE + DONE,
    "blank lines between": HELLO + b"\n\n" + FINISH + b"\n" + USAGE + DONE,
    "events without data": HELLO + b"event: ping\n\n" + FINISH + USAGE + DONE,
}
framings = pytest.mark.parametrize("stream", FRAMINGS.values(), ids=FRAMINGS.keys())


def read(*pieces: bytes, hides_usage: bool = False) -> tuple[bytes, EventStream]:
    """Feed the pieces as the relay does, and end the stream."""
    events = EventStream("d", hides_usage=hides_usage)
    out = []
    for piece in pieces:
        if events.is_done:
            break
        out.append(events.feed(piece))
    return b"".join(out) + events.end(), events


def data_of(stream: bytes) -> list[bytes]:
    """The data of each event, as a reader of the specification would see it."""
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    found: list[bytes] = []
    data: list[bytes] = []
    for line in lines:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            found.append(b"\n".join(data))
            data = []
    return found


@framings
def test_a_stream_in_one_piece_comes_out_as_it_went_in(stream: bytes) -> None:
    out, events = read(stream)

    assert out == stream
    assert events.usage == Usage(input_tokens=7, output_tokens=3)
    assert events.output_events == 2
    assert events.is_done


@framings
def test_a_stream_survives_a_cut_at_every_byte(stream: bytes) -> None:
    for at in range(1, len(stream)):
        out, events = read(stream[:at], stream[at:])

        assert data_of(out) == data_of(stream), at
        assert stream.startswith(out), at
        assert len(stream) - len(out) <= 1, at  # the LF of a CR LF that comes after [DONE] is not waited for
        assert events.usage == Usage(input_tokens=7, output_tokens=3), at


@framings
def test_a_stream_survives_single_bytes(stream: bytes) -> None:
    out, events = read(*(stream[at : at + 1] for at in range(len(stream))))

    assert data_of(out) == data_of(stream)
    assert stream.startswith(out)
    assert events.output_events == 2


@framings
def test_the_hidden_usage_event_is_all_that_is_missing(stream: bytes) -> None:
    shown = [data for data in data_of(stream) if b"prompt_tokens" not in data]

    for at in range(1, len(stream)):
        out, events = read(stream[:at], stream[at:], hides_usage=True)

        assert data_of(out) == shown, at
        assert events.usage == Usage(input_tokens=7, output_tokens=3), at


def test_what_is_left_of_a_stream_with_its_usage_hidden_is_byte_for_byte() -> None:
    for at in range(1, len(PLAIN)):
        assert read(PLAIN[:at], PLAIN[at:], hides_usage=True)[0] == HELLO + FINISH + DONE


@settings(max_examples=150, deadline=None)
@given(framing=st.sampled_from(list(FRAMINGS)), cuts=st.sets(st.integers(1, len(PLAIN)), max_size=12))
@example(framing="CR LF", cuts={len(FRAMINGS["CR LF"]) - 1})
def test_no_way_of_cutting_a_stream_changes_what_it_says(framing: str, cuts: set[int]) -> None:
    stream = FRAMINGS[framing]
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]

    out, events = read(*(stream[start:end] for start, end in pairwise(edges)))

    assert data_of(out) == data_of(stream)
    assert stream.startswith(out)
    assert events.usage == Usage(input_tokens=7, output_tokens=3)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([b"data: ", b"\r\n\r\n", b"\n\n", b"\r", b"{", HELLO]), max_size=8
    )
)
def test_noise_is_relayed_as_a_prefix_or_refused(pieces: list[bytes]) -> None:
    events = EventStream("d", hides_usage=False)
    out = b""

    # A refusal is told to the client by an error event; what it had before is what counts here.
    with contextlib.suppress(UpstreamInterruptedError, UpstreamInvalidAnswerError):
        for piece in pieces:
            out += events.feed(piece)

    assert b"".join(pieces).startswith(out)


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "flip", "insert"]),
        st.integers(0, len(PLAIN) - 1),
        st.sampled_from(
            [b"\n", b"\r", b"\n\n", b"data:", b":", b"\xff", b"}", b"\x00", b"\xe2\x80\xa8", DONE, HELLO, FINISH]
        ),
    ),
    max_size=4,
)


def mutated(stream: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    for kind, place, noise in mutations:
        at = min(place, len(stream))
        if kind == "insert":
            stream = stream[:at] + noise + stream[at:]
        elif kind == "drop":
            stream = stream[:at] + stream[at + len(noise) :]
        elif kind == "double":
            stream = stream[:at] + stream[at : at + 40] * 2 + stream[at + 40 :]
        else:
            stream = stream[:at] + bytes(byte ^ 4 for byte in stream[at : at + 1]) + stream[at + 1 :]
    return stream


@settings(max_examples=400, deadline=None)
@given(framing=st.sampled_from(list(FRAMINGS)), mutations=MUTATIONS, size=st.integers(1, 60))
def test_of_a_damaged_stream_what_is_passed_on_is_what_a_perfect_reader_would_have_had(
    framing: str, mutations: list[tuple[str, int, bytes]], size: int
) -> None:
    stream = mutated(FRAMINGS[framing], mutations)
    events = EventStream("d", hides_usage=True)
    out = b""

    with contextlib.suppress(UpstreamError):
        for at in range(0, len(stream), size):
            out += events.feed(stream[at : at + size])
        out += events.end()

    shown = iter(data_of(stream + b"\n\n"))
    assert all(data in shown or data == b"[DONE]" for data in data_of(out))


def test_an_event_in_a_hundred_thousand_pieces_is_looked_at_once() -> None:
    """Were all of it looked at again with each piece, this would take a minute."""
    events = EventStream("d", hides_usage=False)
    piece = b"x" * 8

    for _ in range(100_000):
        assert events.feed(piece) == b""


def test_a_stream_without_an_answer_is_none() -> None:
    with pytest.raises(UpstreamInvalidAnswerError, match="without an answer"):
        read(b": hello\n\n" + DONE)


def test_nothing_leaves_before_the_first_choice() -> None:
    events = EventStream("d", hides_usage=False)
    opening = b'data: {"choices":[],"prompt_filter_results":[]}\n\n'

    assert events.feed(b": c\n\n" + opening) == b""
    assert events.feed(HELLO) == b": c\n\n" + opening + HELLO


def test_two_thousand_events_in_one_piece_come_out_whole() -> None:
    stream = HELLO * 2_000 + FINISH + DONE

    out, events = read(stream)

    assert out == stream
    assert events.output_events == 2_001


def test_an_event_is_given_out_as_soon_as_it_is_whole() -> None:
    events = EventStream("d", hides_usage=False)

    assert events.feed(HELLO[:-1]) == b""
    assert events.feed(HELLO[-1:] + FINISH[:5]) == HELLO
    assert events.feed(FINISH[5:]) == FINISH


@pytest.mark.parametrize(
    "ending",
    [
        b"data: [DONE]",
        b"data: [DONE]\n",
        b"data:[DONE]\r\n",
        b"data: [DONE]\r",
    ],
)
def test_done_without_a_blank_line_is_done(ending: bytes) -> None:
    out, events = read(HELLO + FINISH + ending)

    assert events.is_done
    assert data_of(out)[-1] == b"[DONE]"


def test_a_missing_done_is_owed_once_the_answer_has_finished() -> None:
    out, _ = read(HELLO + FINISH)

    assert out == HELLO + FINISH + DONE


@pytest.mark.parametrize("cut", [b"", HELLO, HELLO * 2, b": only a comment\n\n"])
def test_an_end_before_the_answer_is_whole_is_an_interruption(cut: bytes) -> None:
    with pytest.raises(UpstreamInterruptedError, match="before the answer was whole"):
        read(cut)


def test_an_end_within_an_event_is_an_interruption() -> None:
    with pytest.raises(UpstreamInterruptedError, match="malformed"):
        read(HELLO + FINISH[:30])


@pytest.mark.parametrize(
    "event",
    [
        b"data: {\n\n",
        b"data: hello\n\n",
        b"data: [1]\n\n",
        b'data: {"choices":"x"}\n\n',
        b'data: {"choices":[{"finish_reason":"\xff"}]}\n\n',
        b"data: " + b"[" * 5_000 + b"\n\n",
        b'data: {"usage":{"prompt_tokens":"many"}}\n\n',
    ],
)
def test_a_malformed_event_is_an_interruption(event: bytes) -> None:
    with pytest.raises(UpstreamInterruptedError, match="malformed"):
        read(HELLO + event)


@pytest.mark.parametrize(
    "event", [b'data: {"error":{"message":"secret"}}\n\n', b'event: error\ndata: {"error":"secret"}\n\n']
)
def test_an_error_event_is_an_interruption_and_its_words_stay_inside(event: bytes) -> None:
    with pytest.raises(UpstreamInterruptedError) as caught:
        read(HELLO + event)

    assert "secret" not in caught.value.message


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(UpstreamInvalidAnswerError, match="larger than"):
        EventStream("d", hides_usage=False).feed(b"data: " + b"x" * MAX_EVENT_BYTES)


def test_nothing_after_done_is_given_out() -> None:
    out, events = read(HELLO + FINISH + DONE + HELLO)

    assert out == HELLO + FINISH + DONE
    assert events.output_events == 2


LAST_WITH_USAGE = FINISH.replace(b"null}\n", b'{"prompt_tokens":7,"completion_tokens":3}}\n')


def test_usage_in_the_last_content_chunk_is_read_and_left_there_where_nobody_asked() -> None:
    out, events = read(HELLO + LAST_WITH_USAGE + DONE, hides_usage=True)

    assert out == HELLO + LAST_WITH_USAGE + DONE
    assert events.usage == Usage(input_tokens=7, output_tokens=3)


RUNNING = HELLO.replace(b"]}\n", b'],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n')


@pytest.mark.parametrize(
    "stream",
    [
        HELLO + LAST_WITH_USAGE,
        RUNNING + LAST_WITH_USAGE,
        RUNNING + FINISH + USAGE,
        HELLO + USAGE + FINISH,
        USAGE.replace(b":3}", b":1}") + HELLO + USAGE + FINISH,
        HELLO + FINISH + USAGE + b": bye\n\n",
    ],
    ids=["in the last chunk", "in each", "in each and apart", "before the last", "twice", "before a comment"],
)
@pytest.mark.parametrize("done", [DONE, b""], ids=["done", "no done"])
def test_a_client_that_asks_for_usage_gets_it_once_alone_and_last(stream: bytes, done: bytes) -> None:
    out, events = read(stream + done)

    *content, usage = [json.loads(data) for data in data_of(out)[:-1]]
    assert [chunk.get("usage") for chunk in content] == [None] * len(content)
    assert [bool(chunk["choices"]) for chunk in content] == [True, True]
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 7, "completion_tokens": 3}
    assert out.endswith(DONE)
    assert events.usage == Usage(input_tokens=7, output_tokens=3)


def test_usage_of_an_answer_cut_short_is_known_though_not_passed_on() -> None:
    events = EventStream("d", hides_usage=False)

    assert events.feed(HELLO + USAGE) == HELLO
    assert events.usage == Usage(input_tokens=7, output_tokens=3)


def test_a_chunk_that_only_the_lenient_can_read_is_left_as_it_is() -> None:
    odd = RUNNING.replace(b'"content":"', b'"content":"\xff')

    assert read(odd + FINISH + DONE)[0] == odd + FINISH + DONE


def test_content_after_its_finish_is_dropped_and_counted() -> None:
    out, events = read(HELLO + FINISH + HELLO + USAGE + DONE + HELLO)

    assert out == HELLO + FINISH + USAGE + DONE
    assert (events.dropped, events.output_events) == (2, 2)


def test_a_choice_may_go_on_after_another_has_finished() -> None:
    second = HELLO.replace(b'{"delta"', b'{"index":1,"delta"')
    first_ends = FINISH.replace(b'{"delta"', b'{"index":0,"delta"')
    stream = first_ends + second + second

    assert read(stream + DONE)[0] == stream + DONE
    with pytest.raises(UpstreamInterruptedError, match="before the answer was whole"):
        read(stream)


def test_what_follows_a_finish_without_content_is_passed_on() -> None:
    """Azure's asynchronous filter tells its verdict so."""
    verdict = b'data: {"choices":[{"delta":{},"content_filter_results":{}}]}\n\n'

    assert read(HELLO + FINISH + verdict + DONE)[0] == HELLO + FINISH + verdict + DONE


def test_of_several_usages_the_last_counts() -> None:
    _, events = read(USAGE.replace(b"3}", b"1}") + HELLO + FINISH + USAGE + DONE)

    assert events.usage == Usage(input_tokens=7, output_tokens=3)


def test_an_opening_chunk_without_choices_is_relayed_and_counts_for_nothing() -> None:
    opening = b'data: {"choices":[],"prompt_filter_results":[]}\n\n'

    out, events = read(opening + HELLO + FINISH + DONE, hides_usage=True)

    assert out.startswith(opening)
    assert events.output_events == 2


def test_usage_is_unknown_until_it_is_reported() -> None:
    assert read(HELLO + FINISH + DONE)[1].usage is None
