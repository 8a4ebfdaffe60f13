"""What may be measured, and what may not."""

import json

import pytest

from gateway.cli.benchmark.answers import content_of, require_equal
from gateway.cli.benchmark.errors import BenchmarkError
from gateway.cli.benchmark.wire import Answer


def _answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status=status, body=body, size_bytes=len(body), first_byte_s=0.001)


def _completion(content: str, **extra: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}], **extra}).encode()


def _stream(*pieces: str) -> bytes:
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    events = [{"choices": [{"delta": {"role": "assistant"}}]}, *chunks, {"choices": [], "usage": {}}]
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"


def test_a_relay_must_answer_with_the_upstreams_very_bytes() -> None:
    with pytest.raises(BenchmarkError, match=r"'sizewise' did not answer with the upstream's bytes"):
        require_equal(
            "sizewise", _answer(_completion("a", id="1")), _answer(_completion("a")), rebuilt=False, stream=False
        )


def test_a_rebuilt_answer_must_say_the_same() -> None:
    ours, theirs = _answer(_completion("a")), _answer(_completion("a", id="1"))

    require_equal("litellm", theirs, ours, rebuilt=True, stream=False)
    with pytest.raises(BenchmarkError, match="upstream's content"):
        require_equal("litellm", _answer(_completion("b")), ours, rebuilt=True, stream=False)


def test_a_rebuilt_stream_must_say_the_same_in_pieces_of_any_size() -> None:
    whole = _answer(_stream("one ", "two"))

    require_equal("litellm", _answer(_stream("one two")), whole, rebuilt=True, stream=True)
    with pytest.raises(BenchmarkError, match="upstream's content"):
        require_equal("litellm", _answer(_stream("one ")), whole, rebuilt=True, stream=True)


def test_an_error_is_never_measured() -> None:
    with pytest.raises(BenchmarkError, match="status 503: 'busy'"):
        require_equal("portkey", _answer(b"busy", 503), _answer(b"busy"), rebuilt=False, stream=False)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"choices": []}', b"[]"])
def test_what_is_no_completion_is_an_error_and_no_empty_content(body: bytes) -> None:
    with pytest.raises(BenchmarkError, match="not a chat completion"):
        content_of(body, stream=False)
