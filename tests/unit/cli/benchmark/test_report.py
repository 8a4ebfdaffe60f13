"""The result, for people and for programs."""

import json

from gateway.cli.benchmark.cores import Cores
from gateway.cli.benchmark.machine import Machine
from gateway.cli.benchmark.report import Measured, Report, as_json, as_markdown, as_text
from gateway.cli.benchmark.run import ScenarioResult
from gateway.cli.benchmark.summary import Round, summarised
from gateway.cli.benchmark.targets import Missing

_MACHINE = Machine(
    date="2026-01-31T08:00:00+00:00",
    cpu="A Processor",
    cores=2,
    kernel="Linux 6",
    python="CPython 3.11",
    load_average=0,
)


def _report(cores: Cores = Cores(0, 1)) -> Report:  # noqa: B008 (frozen)
    rounds = {
        "direct": (Round(requests_per_s=9_000, p50_ms=0.1, p99_ms=0.2, cpu_us=10, rss_mb=30),),
        "sizewise": (
            Round(requests_per_s=3_000, p50_ms=0.3, p99_ms=0.5, added_p50_ms=0.2, cpu_us=300, rss_mb=80),
            Round(requests_per_s=3_200, p50_ms=0.3, p99_ms=0.5, added_p50_ms=0.2, cpu_us=300, rss_mb=80),
        ),
        "litellm": (Round(requests_per_s=155, p50_ms=6, p99_ms=9, added_p50_ms=5.9, cpu_us=6_000, rss_mb=400),),
    }
    rows = tuple(summarised(target, each) for target, each in rounds.items())
    loaded = ScenarioResult(name="1k-1", title="1 KB body", connections=1, stream=False, rows=rows, rounds=rounds)
    return Report(
        machine=_MACHINE,
        cores=cores,
        rounds=2,
        seconds=3,
        wrk="4.1.0",
        targets=[
            Measured("direct", "scripted", rebuilt=False),
            Measured("sizewise", "0.1.0", rebuilt=False),
            Measured("litellm", "1.2.3", rebuilt=True),
        ],
        missing=[Missing("portkey", "`npm install it`")],
        results=[loaded],
    )


def test_people_get_a_table_with_medians_and_ratios() -> None:
    text = as_text(_report())

    assert "1k-1: 1 KB body, 1 connection\n" in text
    assert "3100 (3000-3200)" in text
    assert "sizewise to litellm: 20.00 × the requests/s, 0.05 × the CPU per request" in text


def test_a_missing_peer_and_a_rebuilt_answer_are_said_aloud() -> None:
    text = as_text(_report())

    assert "portkey: not installed: `npm install it`" in text
    assert "litellm 1.2.3; answer rebuilt" in text


def test_an_unpinned_run_says_so() -> None:
    assert "one core only: nothing is pinned" in as_text(_report(Cores(None, None)))


def test_the_document_holds_the_machine_every_round_and_the_ratios() -> None:
    document = json.loads(as_json(_report()))

    (result,) = document["results"]
    assert document["machine"]["cpu"] == "A Processor"
    assert [each["requests_per_s"] for each in result["rounds"]["sizewise"]] == [3_000, 3_200]
    assert result["ratios"] == [{"peer": "litellm", "requests": 20.0, "cpu": 0.05}]


def test_the_rows_of_a_markdown_table_are_as_long_as_its_head() -> None:
    table = [line for line in as_markdown(_report()).splitlines() if line.startswith("|")]

    assert len(table) == 5
    assert len({line.count("|") for line in table}) == 1


def test_a_probe_has_latencies_only() -> None:
    rows = (summarised("direct", [Round(p50_ms=0.1, p99_ms=0.2)]),)
    result = ScenarioResult(name="first-token", title="t", connections=1, stream=True, rows=rows, rounds={})
    report = Report(
        machine=_MACHINE, cores=Cores(0, 1), rounds=1, seconds=1, wrk="4", targets=[], missing=[], results=[result]
    )

    assert "req/s" not in as_text(report)
    assert "p99 ms" in as_text(report)
