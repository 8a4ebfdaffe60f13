"""Faults 21, 26 and 27 as a client of Anthropic's dialect sees them."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.faults.policies import Case
from tests.faults.runs import Asked, FaultRun

Faulty = Callable[..., AbstractContextManager[FaultRun]]

BROKEN = ("error-in-stream:4", "cut:4")
ODD = ("azure", "usage-early", "tools-interleaved", "tools-no-index", "after-finish", "missing-done", *BROKEN)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case(alias=f"only/{model}", model=model, has_spare=False) for model in ODD]


def events_of(asked: Asked) -> list[dict[str, Any]]:
    lines = asked.reply.body.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


@pytest.mark.parametrize("model", ODD)
def test_f027_order_of_anthropics_events(faulty: Faulty, model: str) -> None:
    """Whatever the upstream sends, message_start comes first and once; blocks are opened, filled, closed."""
    with faulty() as run:
        asked = run.ask(f"only/{model}", stream=True, path="/v1/messages", max_tokens=100)

        names = [event["type"] for event in events_of(asked)]
        assert names[0] == "message_start"
        assert names.count("message_start") == 1
        assert names[-1] == ("error" if model in BROKEN else "message_stop")
        open_blocks: set[int] = set()
        for event in events_of(asked):
            if event["type"] == "content_block_start":
                assert event["index"] not in open_blocks
                open_blocks.add(event["index"])
            elif event["type"] == "content_block_delta":
                assert event["index"] in open_blocks
            elif event["type"] == "content_block_stop":
                open_blocks.remove(event["index"])
        assert not open_blocks or names[-1] == "error"
