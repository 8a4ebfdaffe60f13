"""The probe for the first token."""

import pytest

from gateway.cli.benchmark.errors import BenchmarkError
from gateway.cli.benchmark.probe import probe, summarised
from gateway.cli.benchmark.scenarios import PROBE_QUESTION
from gateway.cli.benchmark.wire import Request
from gateway.providers.scripted import ScriptedUpstream


def test_percentiles_lie_within_what_was_seen() -> None:
    token = summarised([0.001 * number for number in range(1, 202)])

    assert token.p50_ms == pytest.approx(101)
    assert token.p99_ms == pytest.approx(199)


def test_the_probe_times_the_first_event_not_the_whole_stream() -> None:
    body = PROBE_QUESTION.body("chunks:4:5")
    with ScriptedUpstream.run_in_thread() as upstream:
        request = Request(port=upstream.port, path="/v1/chat/completions", headers={}, body=body)
        token = probe("direct", request, requests=2, core=None)

    assert 0 < token.p50_ms < 20


def test_a_probe_that_is_refused_is_an_error() -> None:
    with ScriptedUpstream.run_in_thread() as upstream, pytest.raises(BenchmarkError, match="a probe with status 503"):
        probe(
            "direct",
            Request(port=upstream.port, path="/chat/completions", headers={}, body=PROBE_QUESTION.body("error-503")),
            requests=2,
            core=None,
        )
