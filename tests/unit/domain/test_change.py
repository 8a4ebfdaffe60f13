import pytest
from msgspec.structs import replace

from gateway.domain.change import Latency, Quality
from tests.unit.domain.replays import NOTHING, some_changes


def test_of_nothing_every_figure_is_unknown_but_that_it_is_nothing() -> None:
    figures = dict(some_changes().figures())

    assert figures.pop("requests") == 0
    assert set(figures.values()) == {None}


def test_figures_are_relative_to_what_was_before() -> None:
    changes = some_changes(
        Latency(p50_before_ms=200.0, p50_after_ms=150.0, compared=4),
        Quality(change=-0.02, low=-0.03, high=-0.01, compared=4),
        requests=4,
        moved=1,
        refused_before=1,
        refused_after=3,
        cost_compared=2,
        cost_before_nano_usd=2_000_000_000,
        cost_after_nano_usd=2_500_000_000,
    )

    assert changes.figures() == {
        "requests": 4,
        "moved": 1,
        "moved_share": 0.25,
        "refused_share_delta": 0.5,
        "cost_delta": 0.25,
        "cost_delta_usd": 0.5,
        "latency_delta": -0.25,
        "quality_delta": -0.02,
        "quality_delta_low": -0.03,
    }


@pytest.mark.parametrize(("before", "after", "delta"), [(0, 0, 0.0), (0, 5, None), (None, None, None), (5, 0, -1.0)])
def test_a_change_from_nothing_to_something_has_no_share(
    before: int | None, after: int | None, delta: float | None
) -> None:
    change = replace(NOTHING, cost_before_nano_usd=before, cost_after_nano_usd=after)

    assert change.cost_delta == delta
