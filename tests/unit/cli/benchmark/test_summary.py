"""From rounds to figures."""

import pytest

from gateway.cli.benchmark.summary import Ratio, Round, Spread, ratios, summarised


def _round(requests_per_s: float, cpu_us: float = 100.0) -> Round:
    return Round(requests_per_s=requests_per_s, p50_ms=1.0, p99_ms=2.0, cpu_us=cpu_us)


def test_a_figure_is_the_median_over_rounds_with_the_lowest_and_the_highest() -> None:
    row = summarised("sizewise", [_round(300), _round(100), _round(200)])

    assert row.figures["requests_per_s"] == Spread(200, 100, 300)


def test_a_figure_without_meaning_is_left_out_and_no_zero() -> None:
    row = summarised("direct", [_round(300)])

    assert "added_p50_ms" not in row.figures
    assert row.median("added_p50_ms") is None


def test_ratios_are_ours_to_each_peers_and_leave_the_upstream_out() -> None:
    rows = [
        summarised("direct", [_round(9_000, 10)]),
        summarised("sizewise", [_round(3_000, 300)]),
        summarised("litellm", [_round(150, 6_000)]),
    ]

    assert ratios(rows, ours="sizewise", baseline="direct") == (Ratio(peer="litellm", requests=20.0, cpu=0.05),)


def test_where_a_peer_took_no_measurable_cpu_there_is_no_ratio() -> None:
    rows = [summarised("sizewise", [_round(10)]), summarised("nginx", [_round(20, 0.0)])]

    (ratio,) = ratios(rows, ours="sizewise", baseline="direct")

    assert ratio.cpu is None
    assert ratio.requests == pytest.approx(0.5)


def test_without_ours_there_is_nothing_to_compare() -> None:
    assert ratios([summarised("nginx", [_round(1)])], ours="sizewise", baseline="direct") == ()
