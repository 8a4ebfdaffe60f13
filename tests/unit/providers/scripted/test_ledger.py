"""The scripted upstream's own books."""

from __future__ import annotations

import orjson
import pytest

from gateway.providers.scripted.ledger import (
    BODY_KEPT_BYTES,
    CALLS_KEPT,
    MODELS_KEPT,
    OTHER_MODELS,
    REQUESTS_KEPT,
    UpstreamLedger,
)
from gateway.providers.scripted.script import Script

HEAD = b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nX-Request-ID: r-1\r\n"


def book(ledger: UpstreamLedger, model: str | None = "m") -> None:
    ledger.record(Script(steps=(), model=model, prompt_tokens=3), HEAD, 1.0, 2, "completed")


def test_totals_outlive_the_calls_listed() -> None:
    ledger = UpstreamLedger()

    for _ in range(CALLS_KEPT + 1):
        book(ledger)

    assert len(ledger.calls) == CALLS_KEPT
    assert ledger.totals["m"].calls == CALLS_KEPT + 1
    assert ledger.totals["m"].prompt_tokens == 3 * (CALLS_KEPT + 1)


def test_models_beyond_the_bound_are_summed_up() -> None:
    ledger = UpstreamLedger()

    for number in range(MODELS_KEPT + 5):
        book(ledger, f"m{number}")

    assert len(ledger.totals) == MODELS_KEPT + 1
    assert ledger.totals[OTHER_MODELS].calls == 5


def test_a_script_without_a_model_is_no_call() -> None:
    ledger = UpstreamLedger()

    book(ledger, None)

    assert ledger.calls == ()


def test_a_call_has_the_request_id_whatever_the_headers_case() -> None:
    ledger = UpstreamLedger()

    book(ledger)

    assert ledger.calls[0].request_id == "r-1"
    assert orjson.loads(ledger.as_json())["calls"][0]["request_id"] == "r-1"


def test_the_latest_requests_are_kept_with_a_bounded_body() -> None:
    ledger = UpstreamLedger()

    for number in range(REQUESTS_KEPT + 1):
        ledger.receive(HEAD, b"%d" % number + b"x" * BODY_KEPT_BYTES)

    assert len(ledger.received) == REQUESTS_KEPT
    assert ledger.last_received.body.startswith(b"100x")
    assert len(ledger.last_received.body) == BODY_KEPT_BYTES


def test_a_received_request_is_read_on_demand() -> None:
    ledger = UpstreamLedger()

    ledger.receive(HEAD, b'{"a":1}')

    request = ledger.last_received
    assert (request.method, request.target) == ("POST", "/v1/chat/completions?x=1")
    assert request.headers == {"host": "a", "x-request-id": "r-1"}
    assert request.json() == {"a": 1}


def test_a_reset_forgets_everything() -> None:
    ledger = UpstreamLedger()
    ledger.receive(HEAD, b"")
    book(ledger)

    ledger.reset()

    assert (ledger.calls, ledger.received, ledger.totals) == ((), (), {})


def test_waiting_for_a_call_that_never_ends_times_out() -> None:
    with pytest.raises(TimeoutError, match="has 0 calls, not 1"):
        UpstreamLedger().wait_for_calls(1, timeout_s=0)


def test_a_call_under_way_at_a_reset_is_forgotten_too() -> None:
    ledger = UpstreamLedger()

    ledger.reset()
    book(ledger)  # began at 1.0, long ago

    assert (ledger.calls, ledger.totals) == ((), {})
