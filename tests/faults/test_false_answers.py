"""Faults 13 to 17: a 200 that is no answer, or too much of one."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.policies import Case
from tests.faults.runs import FaultRun

Faulty = Callable[..., AbstractContextManager[FaultRun]]

FALSE = {
    "html": "upstream_invalid_answer",
    "empty": "upstream_invalid_answer",
    "wrong-type": "upstream_invalid_answer",
    "wrong-length": "upstream_interrupted",
    "malformed": "upstream_invalid_answer",
}
"""Scripted model → the attempt's error, of an answer that is not streamed."""
ODD = ("no-choices", "null-message", "missing-usage")
MOST_PEAK_MB = 300.0


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    models = [*FALSE, "error-in-body", "redirect:301", "redirect:307", "redirect:308", "gzip-bomb:64", "huge:100"]
    return [
        *(Case(alias=f"first/{model}", model=model) for model in (*models, *ODD, "huge-event:64")),
        *(Case(alias=f"only/{model}", model=model, has_spare=False) for model in (*models, "huge:25")),
    ]


def errors_of(run: FaultRun, alias: str, *, stream: bool) -> list[str | None]:
    asked = run.ask(alias, stream=stream)
    assert asked.reply.status == 200
    return [attempt.error_code for attempt in run.record(asked).attempts]


def test_f013_an_error_called_200(faulty: Faulty) -> None:
    """It is a failure: the next deployment answers, within 0.3 s."""
    with faulty() as run:
        for stream in (False, True):
            assert errors_of(run, "first/error-in-body", stream=stream) == ["upstream_invalid_answer", None]

        run.measure(first_byte_ms=run.asked[-1].first_byte_s * 1e3)
        assert run.asked[-1].first_byte_s < 0.3


@pytest.mark.parametrize("model", FALSE)
def test_f014_no_answer_called_200(faulty: Faulty, model: str) -> None:
    """A failure like any other: the next deployment answers within 0.3 s; alone it is a 502."""
    with faulty() as run:
        assert errors_of(run, f"first/{model}", stream=False) == [FALSE[model], None]
        first_byte_s = run.asked[-1].first_byte_s
        if model in ("html", "empty", "wrong-type", "wrong-length"):
            assert len(errors_of(run, f"first/{model}", stream=True)) == 2
        alone = run.ask(f"only/{model}")

        assert (alone.reply.status, alone.error_code) == (502, FALSE[model])
        run.measure(model=model, first_byte_ms=first_byte_s * 1e3)
        assert first_byte_s < 0.3


@pytest.mark.parametrize(("model", "stream"), [*((model, False) for model in ODD), ("missing-usage", True)])
def test_f015_an_odd_answer(faulty: Faulty, model: str, stream: bool) -> None:
    """Delivered as it is; usage that nobody reported is estimated, and the record says so."""
    with faulty() as run:
        asked = run.ask(f"first/{model}", stream=stream)

        record = run.record(asked)
        assert asked.reply.status == 200
        assert [attempt.outcome for attempt in record.attempts] == ["ok"]
        assert record.usage is not None
        assert record.usage.estimated == (model == "missing-usage")
        if not stream:
            assert json.loads(asked.reply.body)["object"] == "chat.completion"


@pytest.mark.parametrize("status", [301, 307, 308])
def test_f016_a_redirect(faulty: Faulty, status: int) -> None:
    """Never followed, so the key goes nowhere else: the next deployment answers; alone it is a 502."""
    with faulty() as run:
        assert errors_of(run, f"first/redirect:{status}", stream=False) == ["upstream_invalid_answer", None]
        alone = run.ask(f"only/redirect:{status}")

        assert (alone.reply.status, alone.error_code) == (502, "upstream_invalid_answer")
        assert all(each.target == "/v1/chat/completions" for each in run.world.upstream.ledger.received)


def peak_mb(run: FaultRun, alias: str, *, stream: bool) -> float:
    """The most memory the gateway held while it answered."""
    process = Path(f"/proc/{run.world.gateway.process.pid}")
    (process / "clear_refs").write_text("5")
    run.ask(alias, stream=stream)
    return int((process / "status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.parametrize("model", ["gzip-bomb:64", "huge:100"])
def test_f017_an_answer_too_large(faulty: Faulty, model: str) -> None:
    """A compressed answer is refused as it is, one over 64 MiB is cut; the next one answers; memory is bounded."""
    with faulty() as run:
        highest_mb = peak_mb(run, f"first/{model}", stream=False)

        run.measure(model=model, peak_rss_mb=highest_mb)
        assert [each.error_code for each in run.record(run.asked[-1]).attempts] == ["upstream_invalid_answer", None]
        assert highest_mb < MOST_PEAK_MB


def test_f017_an_event_too_large(faulty: Faulty) -> None:
    """One over 16 MiB ends its stream with an error event; memory is bounded."""
    with faulty() as run:
        highest_mb = peak_mb(run, "first/huge-event:64", stream=True)

        run.measure(peak_rss_mb=highest_mb)
        assert run.asked[-1].error_code == "upstream_invalid_answer"
        assert highest_mb < MOST_PEAK_MB


def test_f017_a_stream_of_any_length_passes_through_in_little_memory(faulty: Faulty) -> None:
    """25 MB of events that are each small are no fault: they are passed on, and never held."""
    with faulty() as run:
        highest_mb = peak_mb(run, "only/huge:25", stream=True)

        run.measure(peak_rss_mb=highest_mb, delivered_mb=len(run.asked[-1].reply.body) / 1e6)
        assert run.record(run.asked[-1]).outcome == "ok"
        assert highest_mb < MOST_PEAK_MB
