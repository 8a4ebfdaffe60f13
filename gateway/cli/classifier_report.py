"""What an evaluation found, in words and tables for people."""

from collections.abc import Iterator, Sequence

from gateway.classifiers.evaluation import CATEGORY_ROWS_MIN, CategoryApgr, Evaluation, Line
from gateway.cli.tables import UNKNOWN, printable, table
from gateway.domain.pricing import NANO_PER_USD

_HEADINGS = ("ROUTING", "APGR", "CPT50", "CPT80", "LARGE", "ACCURACY", "COST $", "AGAINST LARGE")
_CATEGORY_HEADINGS = ("CATEGORY", "ROWS", "APGR")
_CATEGORIES_SHOWN = 10
_LONGEST_CATEGORY = 40
_CONSTANT = ("always-small", "always-large")


def evaluation_lines(path: str, found: Evaluation) -> Iterator[str]:
    """`path`: of the file the rows are from."""
    yield f"{path}: {found.n:,} rows; right: small {found.small_accuracy:.1%}, large {found.large_accuracy:.1%}"
    yield f"  APGR {_number(found.apgr)}{_interval(found)}, CPT50 {_share(found.cpt50)}, CPT80 {_share(found.cpt80)}"
    yield (
        f"  small_ok against 'small_correct': AUC {_number(found.auc)},"
        f" calibration error {found.calibration_error:.3f} (ECE, {len(found.reliability)} bins)"
    )
    yield f"  measure + classify: p50 {found.microseconds_p50:.0f} µs, p99 {found.microseconds_p99:.0f} µs"
    judged = "; a cascade, each row pays the small model" if found.cascade else ""
    yield f"  The cheapest that keeps {found.keep:.4g} of the large model's accuracy{judged}"
    large_nano_usd = next(line.operation.cost_nano_usd for line in found.lines if line.name == "always-large")
    rows = [_cells(line, large_nano_usd) for line in found.lines]
    yield from (f"  {row}" for row in table(_HEADINGS, rows, right_from=1))
    if len(found.apgr_by_category) > 1:
        yield from (f"  {row}" for row in _categories(found.apgr_by_category))
    for note in found.notes:
        yield f"  note: {note}"


def _categories(found: Sequence[CategoryApgr]) -> Iterator[str]:
    shown = found[:_CATEGORIES_SHOWN]
    largest = f"; the {len(shown)} largest of {len(found)}" if len(found) > len(shown) else ""
    yield f"Inside a category, of those with {CATEGORY_ROWS_MIN} rows or more (0.5 is random{largest})"
    rows = [(printable(each.name, _LONGEST_CATEGORY), f"{each.n:,}", f"{each.apgr:.3f}") for each in shown]
    yield from table(_CATEGORY_HEADINGS, rows, right_from=1)


def _cells(line: Line, large_nano_usd: int) -> tuple[str, ...]:
    operation = line.operation
    against = operation.cost_nano_usd / large_nano_usd - 1.0 if large_nano_usd else None
    return (
        line.name,
        UNKNOWN if line.name in _CONSTANT else _number(line.apgr),
        _share(line.cpt50),
        _share(line.cpt80),
        _share(operation.large_share),
        f"{operation.accuracy:.1%}",
        f"{operation.cost_nano_usd / NANO_PER_USD:,.4f}",
        UNKNOWN if against is None else f"{against:+.1%}",
    )


def _interval(found: Evaluation) -> str:
    if found.apgr_low is None or found.apgr_high is None:
        return ""
    return f" (95 % interval {found.apgr_low:.3f} to {found.apgr_high:.3f})"


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"
