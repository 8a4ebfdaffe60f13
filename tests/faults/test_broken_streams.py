"""Faults 18 to 21 and 30: a stream that breaks, from its first event to its last."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest

from tests.faults.policies import Case
from tests.faults.proxy import FaultProxy, Faults
from tests.faults.runs import Asked, FaultRun

Faulty = Callable[..., AbstractContextManager[FaultRun]]

RESETS = (0, 1, 2, 3, 5, 8)
WORDS = 8
"""A scripted stream has a role chunk, some words, a finish, the usage, and `[DONE]`."""
DONE = b"data: [DONE]\n\n"


@contextmanager
def http2_only() -> Iterator[int]:
    """A server that knows no HTTP/1.1: it answers anything with SETTINGS and GOAWAY."""
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    goaway = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_all, args=(listener, settings + goaway), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _answer_all(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            wire = listener.accept()[0]
        except OSError:
            return
        with wire, suppress(OSError):
            wire.recv(1 << 16)
            wire.sendall(answer)


@pytest.fixture(scope="module")
def cases(proxy: FaultProxy) -> Iterator[list[Case]]:
    with http2_only() as port:
        yield [
            *(Case(alias=f"first/reset:{count}", model=f"reset:{count}") for count in RESETS),
            *(
                Case(alias=f"first/{model}", model=model)
                for model in ("cut:0", "cut:1", "cut:3", "hangup:3", "no-finish")
            ),
            *(
                Case(alias=f"first/{model}", model=model)
                for model in ("missing-done", "error-in-stream:1", "error-event:1")
            ),
            *(Case(alias=f"first/{model}", model=model) for model in ("error-in-stream:4", "error-event:4")),
            Case(alias="through-proxy", model="chunks:50:0", base=f"{proxy.url}/v1"),
            Case(alias="http2-only", model="small", base=f"http://127.0.0.1:{port}/v1"),
        ]


def codes(run: FaultRun, asked: Asked) -> list[str | None]:
    return [attempt.error_code for attempt in run.record(asked).attempts]


def assert_broken(run: FaultRun, asked: Asked, code: str = "upstream_interrupted") -> None:
    """One call; an error event and no [DONE]; what was delivered is billed as an estimate."""
    record = run.record(asked)
    assert asked.reply.status == 200
    assert asked.error_code == code
    assert DONE not in asked.reply.body
    assert [(attempt.outcome, attempt.error_code) for attempt in record.attempts] == [("interrupted", code)]
    assert record.usage is not None
    assert record.usage.estimated


def assert_unseen(run: FaultRun, asked: Asked) -> None:
    """What came before the fault came with it, so nothing had left and the next deployment could answer."""
    assert codes(run, asked) == ["upstream_interrupted", None]
    assert asked.error_code is None


@pytest.mark.parametrize("count", RESETS)
def test_f018_reset_after_n_events(faulty: Faulty, count: int) -> None:
    """N = 0: the next deployment answers. N > 0: an error event, no second call, and what was delivered is billed."""
    with faulty() as run:
        asked = run.ask(f"first/reset:{count}", stream=True)

        run.measure(n=count, events_delivered=asked.reply.body.count(b"\n\n"), first_byte_ms=asked.first_byte_s * 1e3)
        if count:
            assert_broken(run, asked)
        else:
            assert codes(run, asked) == ["upstream_interrupted", None]
            assert asked.reply.body.endswith(DONE)
            assert asked.first_byte_s < 0.3


@pytest.mark.parametrize("after_bytes", [1, 150, 1_000, 5_000])
def test_f018_reset_at_any_byte(faulty: Faulty, proxy: FaultProxy, after_bytes: int) -> None:
    """The same for a network that resets anywhere, in the head, in a chunk or in an event."""
    with faulty() as run:
        proxy.reset_all()
        proxy.break_with(to_client=Faults(reset_after_bytes=after_bytes))
        asked = run.ask("through-proxy", stream=True)
        proxy.mend()
        proxy.reset_all()

        run.measure(after_bytes=after_bytes, delivered_bytes=len(asked.reply.body))
        if after_bytes < 500:
            assert codes(run, asked) == ["upstream_interrupted", None]
        else:
            assert_broken(run, asked)
        assert run.ask("through-proxy", stream=True).error_code is None


@pytest.mark.parametrize("model", ["cut:0", "cut:1", "cut:3", "hangup:3"])
def test_f019_a_clean_end_too_soon(faulty: Faulty, model: str) -> None:
    """As a reset: a body that ends properly before the answer does is not passed off as whole."""
    with faulty() as run:
        asked = run.ask(f"first/{model}", stream=True)

        run.measure(model=model, first_byte_ms=asked.first_byte_s * 1e3)
        if model == "cut:0":
            assert codes(run, asked) == ["upstream_interrupted", None]
            assert asked.first_byte_s < 0.3
        else:
            assert_broken(run, asked)


def test_f020_no_done(faulty: Faulty) -> None:
    """Where the answer had finished, `[DONE]` is appended, and the oddity is logged."""
    with faulty() as run:
        asked = run.ask("first/missing-done", stream=True)

        assert asked.reply.body.endswith(DONE)
        assert codes(run, asked) == [None]
        assert "without [DONE]" in run.world.gateway.log()


@pytest.mark.parametrize("model", ["error-in-stream", "error-event"])
def test_f021_an_error_event(faulty: Faulty, model: str) -> None:
    """As the first event: the next deployment answers. Later, where something has left: an error event of ours."""
    with faulty() as run:
        first = run.ask(f"first/{model}:1", stream=True)
        later = run.ask(f"first/{model}:4", stream=True)

        assert codes(run, first) == ["upstream_interrupted", None]
        (assert_unseen if DONE in later.reply.body else assert_broken)(run, later)
        assert b"scripted server had" not in later.reply.body


def test_f030_goaway_in_mid_stream(faulty: Faulty, proxy: FaultProxy) -> None:
    """We speak HTTP/1.1 only. What GOAWAY is there, the end of the connection in mid-stream, is as a reset."""
    with faulty() as run:
        proxy.reset_all()
        proxy.break_with(to_client=Faults(cut_after_bytes=2_000))
        asked = run.ask("through-proxy", stream=True)
        proxy.mend()
        proxy.close_all()

        assert_broken(run, asked)


def test_f030_a_server_that_speaks_http2_only(faulty: Faulty) -> None:
    """It is refused cleanly, and the next deployment answers."""
    with faulty() as run:
        asked = run.ask("http2-only")

        assert codes(run, asked) == ["upstream_interrupted", None]
        assert asked.first_byte_s < 0.3
