"""Fault 24: while an upstream is silent, comments keep the client's connection alive."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.faults.policies import Case
from tests.faults.runs import FaultRun

SILENCE_S = 0.2

Faulty = Callable[..., AbstractContextManager[FaultRun]]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case(alias="thinks", model="pause:1:900", has_spare=False)]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {"SIZEWISE_STREAM_KEEP_ALIVE_S": str(SILENCE_S)}


def test_f024_comments_while_the_upstream_is_silent(faulty: Faulty) -> None:
    """The client hears a comment at least as often as `stream_keep_alive_s` says, and the answer when it comes."""
    with faulty() as run:
        asked = run.ask("thinks", stream=True, is_exact=False)

        comments = [line for line in asked.reply.body.split(b"\n") if line.startswith(b":")]
        run.measure(comments=len(comments), total_ms=asked.total_s * 1e3)
        assert 0.9 / SILENCE_S - 1 <= len(comments) <= 0.9 / (SILENCE_S / 2) + 1
        assert asked.reply.body.endswith(b"data: [DONE]\n\n")
