"""Records to rows of `gateway.store.tables` and back. Free of SQLAlchemy: the serving process writes without it.

Exact both ways, with two bounds: time to the microsecond, and text that no database takes (NUL, lone surrogates)
comes back with a replacement character.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.domain.classification import Classification
from gateway.domain.pricing import Usage
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.signals import Signals

Row = dict[str, Any]

JSON_COLUMNS = ("reasons", "excluded", "signals", "classification")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_USAGE_COLUMNS = ("input_tokens", "output_tokens", "cached_input_tokens", "usage_estimated")
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_json = msgspec.json.Encoder().encode


def request_row(record: RequestRecord) -> Row:
    """One row of `requests`, in the order of its columns; the JSON columns hold JSON text, the time a datetime."""
    usage = record.usage
    return _storable(
        {
            "id": record.id,
            "received_at": datetime.fromtimestamp(record.received_at, UTC),
            "key_id": record.key_id,
            "team": record.team,
            "app": record.app,
            "alias": record.alias,
            "stream": record.stream,
            "outcome": record.outcome,
            "status": record.status,
            "error_code": record.error_code,
            "policy": record.policy,
            "policy_version": record.policy_version,
            "route": record.route,
            "rule": record.rule,
            "deployment": record.deployment,
            "tier": record.tier,
            "model": record.model,
            "reasons": _json_text(record.reasons),
            "excluded": _json_text(record.excluded),
            "threshold": record.threshold,
            "signals": None if record.signals is None else _json_text(record.signals),
            "classification": None if record.classification is None else _json_text(record.classification),
            "input_tokens": None if usage is None else usage.input_tokens,
            "output_tokens": None if usage is None else usage.output_tokens,
            "cached_input_tokens": None if usage is None else usage.cached_input_tokens,
            "usage_estimated": None if usage is None else usage.estimated,
            "cost_nano_usd": record.cost_nano_usd,
            "unpriced": record.unpriced,
            "baseline": record.baseline,
            "baseline_cost_nano_usd": record.baseline_cost_nano_usd,
            "total_ms": record.total_ms,
            "upstream_ms": record.upstream_ms,
            "ttft_ms": record.ttft_ms,
            "overhead_ms": record.overhead_ms,
        }
    )


def attempt_rows(record: RequestRecord) -> list[Row]:
    """The rows of `attempts` of one request, in the order of its columns."""
    return [_attempt_row(record.id, attempt) for attempt in record.attempts]


def _attempt_row(request_id: str, attempt: AttemptRecord) -> Row:
    usage = attempt.usage
    return _storable(
        {
            "request_id": request_id,
            "number": attempt.number,
            "deployment": attempt.deployment,
            "tier": attempt.tier,
            "model": attempt.model,
            "outcome": attempt.outcome,
            "error_code": attempt.error_code,
            "status": attempt.status,
            "started_ms": attempt.started_ms,
            "first_byte_ms": attempt.first_byte_ms,
            "ended_ms": attempt.ended_ms,
            "input_tokens": None if usage is None else usage.input_tokens,
            "output_tokens": None if usage is None else usage.output_tokens,
            "cached_input_tokens": None if usage is None else usage.cached_input_tokens,
            "usage_estimated": None if usage is None else usage.estimated,
            "cost_nano_usd": attempt.cost_nano_usd,
            "unpriced": attempt.unpriced,
        }
    )


def _json_text(value: Any) -> str:
    text = _json(value).decode()
    # PostgreSQL's jsonb takes no NUL, escaped or not.
    return _ESCAPED_NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def _storable(row: Row) -> Row:
    for column, value in row.items():
        if type(value) is str and ("\0" in value or not value.isascii()):
            row[column] = value.replace("\0", REPLACEMENT).encode("utf-8", "replace").decode()
    return row


def record_from(row: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> RequestRecord:
    """The record of a row of `requests` and its rows of `attempts`, JSON columns parsed.

    Raises msgspec.ValidationError for rows that no record could have made.
    """
    fields = {column: value for column, value in row.items() if column not in _USAGE_COLUMNS}
    fields["received_at"] = row["received_at"].timestamp()
    fields["reasons"] = tuple(row["reasons"])
    fields["signals"] = msgspec.convert(row["signals"], Signals | None)
    fields["classification"] = msgspec.convert(row["classification"], Classification | None)
    numbered = sorted(attempts, key=lambda attempt: attempt["number"])
    return RequestRecord(**fields, usage=_usage_from(row), attempts=tuple(map(_attempt_from, numbered)))


def _attempt_from(row: Mapping[str, Any]) -> AttemptRecord:
    fields = {column: value for column, value in row.items() if column not in _USAGE_COLUMNS and column != "request_id"}
    return AttemptRecord(**fields, usage=_usage_from(row))


def _usage_from(row: Mapping[str, Any]) -> Usage | None:
    if row["input_tokens"] is None:
        return None
    return Usage(
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cached_input_tokens=row["cached_input_tokens"],
        estimated=row["usage_estimated"],
    )
