"""Records to rows of `gateway.store.tables` and back. Free of SQLAlchemy: the serving process writes without it.

Exact both ways, with two bounds: time to the microsecond, and text that no database takes (NUL, lone surrogates)
comes back with a replacement character.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.domain.classification import Classification
from gateway.domain.context import Context
from gateway.domain.record import AttemptRecord, CheckResult, RequestRecord
from gateway.domain.rollout import Beside
from gateway.domain.signals import Signals
from gateway.domain.usage import MoreUsage, Usage

Row = dict[str, Any]
Values = tuple[Any, ...]

REQUEST_COLUMNS = (
    *("id", "received_at", "key_id", "team", "app", "alias", "stream", "outcome", "status", "error_code"),
    *("policy", "policy_version", "route", "rule", "deployment", "tier", "model", "reasons", "excluded", "threshold"),
    *("signals", "classification", "input_tokens", "output_tokens", "cached_input_tokens", "usage_estimated"),
    *("cost_nano_usd", "unpriced", "baseline", "baseline_cost_nano_usd"),
    *("total_ms", "upstream_ms", "ttft_ms", "overhead_ms", "session", "context", "beside", "usage_more"),
    *("saving_low_nano_usd", "saving_high_nano_usd", "energy_uwh"),
)
ATTEMPT_COLUMNS = (
    *("request_id", "number", "deployment", "tier", "model", "outcome", "error_code", "status"),
    *("started_ms", "first_byte_ms", "ended_ms"),
    *("input_tokens", "output_tokens", "cached_input_tokens", "usage_estimated", "cost_nano_usd", "unpriced"),
    *("checked", "usage_more", "price_version", "service_tier", "origin", "energy_uwh"),
)
JSON_COLUMNS = (
    *("reasons", "excluded", "signals", "classification", "context", "beside", "usage_more", "checked"),
    *("request", "outline"),
)
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_USAGE_COLUMNS = ("input_tokens", "output_tokens", "cached_input_tokens", "usage_estimated", "usage_more")
_NO_USAGE = (None, None, None, None)
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_json = msgspec.json.Encoder().encode


def request_row(record: RequestRecord) -> Row:
    """One row of `requests`, in the order of its columns; the JSON columns hold JSON text, the time a datetime."""
    (values,) = request_values([record], lambda at_s: datetime.fromtimestamp(at_s, UTC))
    return dict(zip(REQUEST_COLUMNS, values, strict=True))


def attempt_rows(record: RequestRecord) -> list[Row]:
    """The rows of `attempts` of one request, in the order of its columns."""
    return [dict(zip(ATTEMPT_COLUMNS, values, strict=True)) for values in attempt_values([record])]


def request_values(records: Iterable[RequestRecord], time_of: Callable[[float], Any]) -> Sequence[Values]:
    """A tuple in the order of REQUEST_COLUMNS for each record; `time_of` makes the database's time of Unix seconds."""
    return storable([_request_values(record, time_of(record.received_at)) for record in records], REQUEST_COLUMNS)


def attempt_values(records: Iterable[RequestRecord]) -> Sequence[Values]:
    """A tuple in the order of ATTEMPT_COLUMNS for each attempt."""
    return storable(
        [_attempt_values(record.id, attempt) for record in records for attempt in record.attempts], ATTEMPT_COLUMNS
    )


def _request_values(record: RequestRecord, received_at: Any) -> Values:
    return (
        record.id,
        received_at,
        record.key_id,
        record.team,
        record.app,
        record.alias,
        record.stream,
        record.outcome,
        record.status,
        record.error_code,
        record.policy,
        record.policy_version,
        record.route,
        record.rule,
        record.deployment,
        record.tier,
        record.model,
        _json(record.reasons).decode(),
        _json(record.excluded).decode(),
        record.threshold,
        None if record.signals is None else _json(record.signals).decode(),
        None if record.classification is None else _json(record.classification).decode(),
        *(_NO_USAGE if record.usage is None else _usage_values(record.usage)),
        record.cost_nano_usd,
        record.unpriced,
        record.baseline,
        record.baseline_cost_nano_usd,
        record.total_ms,
        record.upstream_ms,
        record.ttft_ms,
        record.overhead_ms,
        record.session,
        None if record.context is None else _json(record.context).decode(),
        None if record.beside is None else _json(record.beside).decode(),
        _more(record.usage),
        record.saving_low_nano_usd,
        record.saving_high_nano_usd,
        record.energy_uwh,
    )


def _attempt_values(request_id: str, attempt: AttemptRecord) -> Values:
    return (
        request_id,
        attempt.number,
        attempt.deployment,
        attempt.tier,
        attempt.model,
        attempt.outcome,
        attempt.error_code,
        attempt.status,
        attempt.started_ms,
        attempt.first_byte_ms,
        attempt.ended_ms,
        *(_NO_USAGE if attempt.usage is None else _usage_values(attempt.usage)),
        attempt.cost_nano_usd,
        attempt.unpriced,
        None if attempt.checked is None else _json(attempt.checked).decode(),
        _more(attempt.usage),
        attempt.price_version,
        None if attempt.usage is None else attempt.usage.service_tier,
        attempt.origin,
        attempt.energy_uwh,
    )


def _usage_values(usage: Usage) -> Values:
    return usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.estimated


def _more(usage: Usage | None) -> str | None:
    return None if usage is None or usage.more is None else _json(usage.more).decode()


def storable(rows: list[Values], columns: Sequence[str]) -> list[Values]:
    """The rows without what a database refuses. One look at all of them costs half of what one at each text did."""
    try:
        is_clean = b"\\u0000" not in _json(rows)
    except UnicodeEncodeError:  # a lone surrogate
        is_clean = False
    return rows if is_clean else [_repaired(row, columns) for row in rows]


def _repaired(row: Values, columns: Sequence[str]) -> Values:
    return tuple(
        _repaired_text(value, is_json=column in JSON_COLUMNS) if type(value) is str else value
        for column, value in zip(columns, row, strict=True)
    )


def _repaired_text(text: str, *, is_json: bool) -> str:
    # PostgreSQL's jsonb takes no NUL, escaped or not.
    return storable_text(_ESCAPED_NUL.sub(r"\1\\ufffd", text) if is_json else text)


def storable_text(text: str) -> str:
    """The text without what a database refuses: NUL and lone surrogates."""
    return text.replace("\0", REPLACEMENT).encode("utf-8", "replace").decode()


def record_from(row: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> RequestRecord:
    """The record of a row of `requests` and its rows of `attempts`, JSON columns parsed.

    Raises msgspec.ValidationError for rows that no record could have made.
    """
    fields = {column: value for column, value in row.items() if column not in _USAGE_COLUMNS}
    fields["received_at"] = row["received_at"].timestamp()
    fields["reasons"] = tuple(row["reasons"])
    fields["signals"] = msgspec.convert(row["signals"], Signals | None)
    fields["classification"] = msgspec.convert(row["classification"], Classification | None)
    fields["context"] = msgspec.convert(row["context"], Context | None)
    fields["beside"] = msgspec.convert(row["beside"], Beside | None)
    numbered = sorted(attempts, key=lambda attempt: attempt["number"])
    return RequestRecord(**fields, usage=_usage_from(row), attempts=tuple(map(_attempt_from, numbered)))


def _attempt_from(row: Mapping[str, Any]) -> AttemptRecord:
    dropped = (*_USAGE_COLUMNS, "request_id", "service_tier")
    fields = {column: value for column, value in row.items() if column not in dropped}
    fields["checked"] = msgspec.convert(row["checked"], CheckResult | None)
    return AttemptRecord(**fields, usage=_usage_from(row))


def _usage_from(row: Mapping[str, Any]) -> Usage | None:
    if row["input_tokens"] is None:
        return None
    return Usage(
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cached_input_tokens=row["cached_input_tokens"],
        estimated=row["usage_estimated"],
        more=msgspec.convert(row["usage_more"], MoreUsage | None),
    )
