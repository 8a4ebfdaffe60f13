"""From rounds to figures: the median over rounds, with the lowest and the highest beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One measurement of one target. None: the figure has no meaning here.

    added_p50_ms, added_p99_ms  above the direct target's of the same round
    cpu_us                      per request, all processes and threads of the target
    """

    requests_per_s: float | None = None
    chunks_per_s: float | None = None
    p50_ms: float
    p99_ms: float
    added_p50_ms: float | None = None
    added_p99_ms: float | None = None
    cpu_us: float | None = None
    cpu_us_per_chunk: float | None = None
    rss_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A target in a scenario. `figures`: by the name of the field of `Round`; without those that have no meaning."""

    target: str
    figures: dict[str, Spread]

    def median(self, figure: str) -> float | None:
        spread = self.figures.get(figure)
        return None if spread is None else spread.median


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Ours to a peer's. None: one of the two is unknown, or nothing.

    requests  our requests per second by theirs: above 1 we are faster
    cpu       our CPU per request by theirs: below 1 we are cheaper
    """

    peer: str
    requests: float | None
    cpu: float | None


def summarised(target: str, rounds: Sequence[Round]) -> Row:
    figures = {}
    for field in fields(Round):
        values = [value for each in rounds if (value := getattr(each, field.name)) is not None]
        if values:
            figures[field.name] = Spread(median(values), min(values), max(values))
    return Row(target=target, figures=figures)


def ratios(rows: Iterable[Row], *, ours: str, baseline: str) -> tuple[Ratio, ...]:
    """Ours to each row but the baseline's; empty where ours was not measured."""
    by_target = {row.target: row for row in rows}
    mine = by_target.get(ours)
    if mine is None:
        return ()
    return tuple(
        Ratio(
            peer=name,
            requests=_quotient(mine.median("requests_per_s"), row.median("requests_per_s")),
            cpu=_quotient(mine.median("cpu_us"), row.median("cpu_us")),
        )
        for name, row in by_target.items()
        if name not in (ours, baseline)
    )


def _quotient(dividend: float | None, divisor: float | None) -> float | None:
    return dividend / divisor if dividend is not None and divisor else None
