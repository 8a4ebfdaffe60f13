"""Faults 22 to 26 and 28: streams that are odd, slow, or go on for too long."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.faults.policies import Case
from tests.faults.proxy import FaultProxy, Faults
from tests.faults.runs import Asked, FaultRun
from tests.gateway_process import eventually

Faulty = Callable[..., AbstractContextManager[FaultRun]]

FRAMINGS = ("bom", "crlf", "cr", "comments", "no-space", "multi-line", "no-blank-line", "split", "bad-utf8:3")
MALFORMED = ("malformed:1", "malformed:3", "malformed:6")
USAGES = ("small", "azure", "usage-in-last", "usage-early")
TOO_MUCH = ("after-finish", "after-done")
IDLE_S = 0.4
DONE = b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def cases(proxy: FaultProxy) -> list[Case]:
    impatient = {"first_token_s": IDLE_S, "idle_s": IDLE_S, "total_s": 3 * IDLE_S}
    models = (*FRAMINGS, *MALFORMED, *USAGES, *TOO_MUCH, "tools-interleaved", "tools-no-index")
    return [
        *(Case(alias=f"first/{model}", model=model) for model in models),
        Case(alias="drip", model="drip:20", timeout=impatient),
        Case(alias="comments-first", model="comment-stall:0:20", timeout=impatient),
        Case(alias="comments-later", model="comment-stall:3:20", timeout=impatient),
        Case(alias="slow-content", model="slow-chunks:150", timeout=impatient | {"total_s": 10}),
        Case(alias="thinks", model="pause:1:700", timeout={"first_token_s": 2, "idle_s": 2}),
        Case(alias="sliced", model="small", base=f"{proxy.url}/v1"),
    ]


def chunks(asked: Asked) -> list[dict[str, Any]]:
    lines = asked.reply.body.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def codes(run: FaultRun, asked: Asked) -> list[str | None]:
    return [attempt.error_code for attempt in run.record(asked).attempts]


@pytest.mark.parametrize("model", FRAMINGS)
def test_f022_odd_framing(faulty: Faulty, model: str) -> None:
    """What the specification allows goes through byte for byte, a missing last blank line is mended."""
    with faulty() as run:
        asked = run.ask(f"first/{model}", stream=True, is_exact=model != "no-blank-line")

        assert codes(run, asked) == [None]
        assert asked.reply.body.count(b"[DONE]") == 1
        assert asked.error_code is None


@pytest.mark.parametrize("model", MALFORMED)
def test_f022_a_malformed_event(faulty: Faulty, model: str) -> None:
    """It is not relayed: as the first event the next deployment answers, later an error event ends the stream."""
    with faulty() as run:
        asked = run.ask(f"first/{model}", stream=True)

        if model == "malformed:1" or asked.error_code is None:  # nothing had left
            assert codes(run, asked) == ["upstream_interrupted", None]
        else:
            assert asked.error_code == "upstream_interrupted"
            assert DONE not in asked.reply.body


def test_f022_pieces_of_a_byte(faulty: Faulty, proxy: FaultProxy) -> None:
    """However the network cuts it, the stream is the same."""
    with faulty() as run:
        proxy.break_with(to_client=Faults(slice_bytes=3))
        asked = run.ask("sliced", stream=True)
        proxy.mend()

        assert codes(run, asked) == [None]


@pytest.mark.parametrize(("alias", "deadline_s"), [("drip", IDLE_S), ("comments-first", IDLE_S)])
def test_f023_bytes_but_no_content(faulty: Faulty, alias: str, deadline_s: float) -> None:
    """Neither dripped bytes nor comments are a first token: its deadline fires and the next deployment answers."""
    with faulty() as run:
        asked = run.ask(alias, stream=True)

        run.measure(fault=alias, deadline_ms=deadline_s * 1e3, first_byte_ms=asked.first_byte_s * 1e3)
        assert codes(run, asked) == ["upstream_timeout", None]
        assert deadline_s <= asked.first_byte_s < deadline_s + 0.4


def test_f023_comments_do_not_move_the_deadline_for_content(faulty: Faulty) -> None:
    """After some content only comments: the deadline for the next content fires, an error event ends the stream."""
    with faulty() as run:
        asked = run.ask("comments-later", stream=True)

        run.measure(deadline_ms=IDLE_S * 1e3, total_ms=asked.total_s * 1e3)
        assert asked.error_code == "upstream_timeout"
        assert IDLE_S <= asked.total_s < IDLE_S + 0.5


def test_f023_content_that_comes_slowly_is_no_fault(faulty: Faulty) -> None:
    """Each event in time: the whole may take longer than the deadline between two."""
    with faulty() as run:
        asked = run.ask("slow-content", stream=True)

        assert codes(run, asked) == [None]
        assert asked.total_s > IDLE_S


def test_f024_a_silence_within_the_deadlines(faulty: Faulty) -> None:
    """A model that thinks is waited for, and its first events reach the client before it goes on."""
    with faulty() as run:
        asked = run.ask("thinks", stream=True)

        run.measure(first_byte_ms=asked.first_byte_s * 1e3, total_ms=asked.total_s * 1e3)
        assert codes(run, asked) == [None]
        assert asked.first_byte_s < 0.4 < asked.total_s


@pytest.mark.parametrize("model", USAGES)
@pytest.mark.parametrize("wanted", [True, False], ids=["asked for", "not asked for"])
def test_f025_usage_in_odd_places(faulty: Faulty, model: str, wanted: bool) -> None:
    """Who asks for usage gets it once, in a chunk of its own and last; the record has the upstream's figures."""
    with faulty() as run:
        is_exact = model in ("small", "azure")
        asked = run.ask(f"first/{model}", stream=True, is_exact=is_exact, stream_options={"include_usage": wanted})

        record = run.record(asked)
        last = chunks(asked)[-1]
        assert record.usage is not None
        assert not record.usage.estimated
        if wanted:
            assert [bool(chunk.get("usage")) for chunk in chunks(asked)][:-1] == [False] * (len(chunks(asked)) - 1)
            assert last["choices"] == []
            assert last["usage"]["completion_tokens"] == record.usage.output_tokens
        else:
            assert last["choices"]


@pytest.mark.parametrize("model", ["tools-interleaved", "tools-no-index"])
def test_f026_odd_tool_calls(faulty: Faulty, model: str) -> None:
    """In the same dialect they go through byte for byte."""
    with faulty() as run:
        asked = run.ask(f"first/{model}", stream=True)

        assert codes(run, asked) == [None]
        assert asked.reply.body.endswith(DONE)


@pytest.mark.parametrize("model", TOO_MUCH)
def test_f028_more_after_the_end(faulty: Faulty, model: str) -> None:
    """It is dropped, logged and counted there; the client is done in time, and nothing is left open."""
    with faulty() as run:
        asked = run.ask(f"first/{model}", stream=True, is_exact=model == "after-done")

        assert asked.reply.body.endswith(DONE)
        assert b"late " not in asked.reply.body
        # By whoever sees it: the stream's reader, or the connection once the reader has gone.
        said = ("sent 1 events too many", "kept sending after the end")
        eventually(lambda: any(each in run.world.gateway.log() for each in said) or None, "the log line", 2.0)
        run.measure(model=model, total_ms=asked.total_s * 1e3)
        assert asked.total_s < 0.5
