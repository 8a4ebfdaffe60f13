"""Fault 24: while an upstream is silent, comments keep the client's connection alive."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.faults.policies import Case
from tests.faults.runs import FaultRun

Faulty = Callable[..., AbstractContextManager[FaultRun]]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case(alias="thinks", model="pause:1:900", has_spare=False, route={"keep_alive_s": 0.2})]


def test_f024_comments_while_the_upstream_is_silent(faulty: Faulty) -> None:
    """The client gets a comment each `keep_alive_s`; what is no comment is the upstream's, byte for byte."""
    with faulty() as run:
        asked = run.ask("thinks", stream=True, is_exact=False)

        comments = [line for line in asked.reply.body.split(b"\n") if line.startswith(b":")]
        run.measure(comments=len(comments), total_ms=asked.total_s * 1e3)
        assert 3 <= len(comments) <= 5
        assert asked.reply.body.endswith(b"data: [DONE]\n\n")
