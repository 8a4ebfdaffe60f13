"""The tables reports read: sums over the records of an hour, so that no report goes through the records themselves.

An hour whose records changed is marked by the transaction that wrote them, and summed up anew from them; what is
marked twice is summed up once. Text that a record has not is empty here.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from gateway.store.tables import METADATA, UtcTimestamp

_Number = BigInteger().with_variant(Integer(), "sqlite")


def _names(*names: str) -> tuple[Column[str], ...]:
    return tuple(Column(name, Text, nullable=False) for name in names)


def _sums(*names: str) -> tuple[Column[int], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in names)


def _durations(*names: str) -> tuple[Column[float], ...]:
    return tuple(Column(name, Double, nullable=False) for name in names)


def _hour() -> Column[datetime]:
    return Column("hour", UtcTimestamp, nullable=False)


ROLLUP_MARKS = Table(
    "rollup_marks",
    METADATA,
    Column("id", _Number, primary_key=True, autoincrement=True),
    _hour(),
)
"""Hours to sum up anew."""

PRUNINGS = Table(
    "prunings",
    METADATA,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("before", UtcTimestamp, nullable=False),
    Column("pruned_at", UtcTimestamp, nullable=False),
)
"""Records from before that time are gone, or going: their hours stay as they were summed up."""

USAGE_HOURLY = Table(
    "usage_hourly",
    METADATA,
    _hour(),
    *_names("team", "app", "key_id", "policy", "alias", "rule", "tier", "deployment", "outcome"),
    *_sums("requests", "unpriced", "estimated", "input_tokens", "output_tokens", "cached_input_tokens"),
    *_sums("cost_nano_usd", "compared", "compared_cost_nano_usd", "baseline_cost_nano_usd"),
    *_sums("saving_low_nano_usd", "saving_high_nano_usd", "energy_uwh"),
    *_sums("checks_passed", "checks_failed", "escalated", "fell_back", "feedback_good", "feedback_bad"),
    *_durations("total_ms", "overhead_ms"),
    Index(None, "hour"),
)
"""Sums over requests. `compared`, and the four after it: of those whose cost and baseline are both known."""

ATTEMPTS_HOURLY = Table(
    "attempts_hourly",
    METADATA,
    _hour(),
    *_names("team", "app", "key_id", "policy", "deployment", "model", "tier", "origin", "outcome", "error_code"),
    *_sums("attempts", "unpriced", "estimated", "input_tokens", "output_tokens", "cached_input_tokens"),
    *_sums("cost_nano_usd", "energy_uwh", "checks_passed", "checks_failed"),
    *_durations("upstream_ms"),
    Index(None, "hour"),
)
"""Sums over upstream calls: what was paid, for whom and for what."""
