"""The result as tables for people, as Markdown, and as one JSON document."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from gateway.cli.benchmark.cores import Cores
from gateway.cli.benchmark.machine import Machine
from gateway.cli.benchmark.run import ScenarioResult
from gateway.cli.benchmark.summary import Ratio, Row, Spread, ratios
from gateway.cli.benchmark.targets import DIRECT, SIZEWISE, Missing

_NONE: Final = "-"


@dataclass(frozen=True, slots=True)
class _Column:
    """`scale`: what the figure is multiplied by to be shown."""

    heading: str
    figure: str
    digits: int
    scale: float = 1.0


_LATENCY: Final = (
    _Column("p50 ms", "p50_ms", 2),
    _Column("p99 ms", "p99_ms", 2),
    _Column("added p50 ms", "added_p50_ms", 2),
    _Column("added p99 ms", "added_p99_ms", 2),
)
_LOAD_COLUMNS: Final = (
    _Column("req/s", "requests_per_s", 0),
    *_LATENCY,
    _Column("CPU ms/req", "cpu_us", 3, 1e-3),
    _Column("RSS MB", "rss_mb", 0),
)
_STREAM_COLUMNS: Final = (
    _Column("streams/s", "requests_per_s", 1),
    _Column("chunks/s", "chunks_per_s", 0),
    *_LATENCY,
    _Column("CPU ms/stream", "cpu_us", 3, 1e-3),
    _Column("CPU µs/chunk", "cpu_us_per_chunk", 2),
    _Column("RSS MB", "rss_mb", 0),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A target that was measured, as the report names it."""

    name: str
    version: str
    rebuilt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a run found."""

    machine: Machine
    cores: Cores
    rounds: int
    seconds: int
    wrk: str
    targets: Sequence[Measured]
    missing: Sequence[Missing]
    results: Sequence[ScenarioResult]


def as_json(report: Report) -> str:
    """One document; all figures unrounded, every round included."""
    document = asdict(report)
    for result, found in zip(document["results"], report.results, strict=True):
        result["ratios"] = [asdict(ratio) for ratio in _ratios(found)]
    return json.dumps(document, indent=2)


def as_text(report: Report) -> str:
    blocks = ["\n".join([*_circumstances(report), *_targets(report)])]
    for result in report.results:
        rows = [_headings(result), *_cells(result)]
        blocks.append("\n".join([_title(result), *_aligned(rows), *_ratio_lines(result)]))
    return "\n\n".join(blocks)


def as_markdown(report: Report) -> str:
    blocks = ["\n".join(f"- {line}" for line in (*_circumstances(report), *_targets(report)))]
    for result in report.results:
        headings = _headings(result)
        rule = ["---", *("--:" for _ in headings[1:])]
        lines = [f"| {' | '.join(row)} |" for row in (headings, rule, *_cells(result))]
        blocks += [f"### {_title(result)}", "\n".join(lines)]
        if notes := _ratio_lines(result):
            blocks.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(blocks) + "\n"


def _circumstances(report: Report) -> list[str]:
    machine, cores = report.machine, report.cores
    where = (
        f"target on core {cores.target}, load and upstream on core {cores.load}"
        if cores.are_pinned
        else "one core only: nothing is pinned, and the load takes CPU from the target"
    )
    return [
        f"{machine.date}: {machine.cpu}, {machine.cores} cores, {machine.kernel}, {machine.python}, wrk {report.wrk}",
        f"{where}; load average {machine.load_average:.2f} at the start",
        f"{report.rounds} rounds of {report.seconds} s, targets in turn: median (lowest-highest)",
    ]


def _targets(report: Report) -> list[str]:
    lines = []
    for target in report.targets:
        note = "; answer rebuilt: contents compared, not bytes" if target.rebuilt else ""
        lines.append(f"{target.name} {target.version}{note}")
    return lines + [f"{each.name}: not installed: {each.remedy}" for each in report.missing]


def _title(result: ScenarioResult) -> str:
    connections = "1 connection" if result.connections == 1 else f"{result.connections} connections"
    return f"{result.name}: {result.title}, {connections}"


def _columns(result: ScenarioResult) -> Sequence[_Column]:
    if not any("requests_per_s" in row.figures for row in result.rows):
        return _LATENCY
    return _STREAM_COLUMNS if result.stream else _LOAD_COLUMNS


def _headings(result: ScenarioResult) -> list[str]:
    return ["target", *(column.heading for column in _columns(result))]


def _cells(result: ScenarioResult) -> Iterable[list[str]]:
    columns = _columns(result)
    return [[row.target, *(_cell(row, column) for column in columns)] for row in result.rows]


def _cell(row: Row, column: _Column) -> str:
    spread = row.figures.get(column.figure)
    return _NONE if spread is None else _shown(spread, column)


def _shown(spread: Spread, column: _Column) -> str:
    middle, low, high = (
        f"{value * column.scale:.{column.digits}f}" for value in (spread.median, spread.low, spread.high)
    )
    return middle if low == high else f"{middle} ({low}-{high})"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _ratios(result: ScenarioResult) -> tuple[Ratio, ...]:
    return ratios(result.rows, ours=SIZEWISE, baseline=DIRECT)


def _ratio_lines(result: ScenarioResult) -> list[str]:
    return [
        f"{SIZEWISE} to {ratio.peer}: {ratio.requests:.2f} × the requests/s, {ratio.cpu:.2f} × the CPU per request"
        for ratio in _ratios(result)
        if ratio.requests is not None and ratio.cpu is not None
    ]
