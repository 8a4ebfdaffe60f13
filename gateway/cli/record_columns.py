"""Records as rows of CSV: a column for each thing, and nothing that a spreadsheet would take for a formula."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.cli.record_json import moment
from gateway.domain.feedback import Feedback
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.usage import Usage

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Cell = str | float | bool | None

_OF_ITSELF: Final = (
    *("id", "key_id", "team", "app", "alias", "stream", "outcome", "status", "error_code", "policy", "policy_version"),
    *("route", "rule", "deployment", "tier", "model", "session", "threshold"),
)
_MONEY: Final = ("cost_nano_usd", "unpriced", "baseline", "baseline_cost_nano_usd", "saving_nano_usd")
_TIMES: Final = ("total_ms", "upstream_ms", "ttft_ms", "overhead_ms")
_USAGE: Final = ("input_tokens", "output_tokens", "cached_input_tokens")

_OF_RECORD: Final[Mapping[str, Callable[[RequestRecord], Cell]]] = {
    "received_at": lambda record: moment(record.received_at),
    "task": lambda record: None if record.classification is None else record.classification.task,
    "small_ok": lambda record: None if record.classification is None else record.classification.small_ok,
    "confidence": lambda record: None if record.classification is None else record.classification.confidence,
    "attempts": lambda record: len(record.attempts),
}
_OF_FEEDBACK: Final[Mapping[str, Callable[[Feedback], Cell]]] = {
    "feedback_label": lambda feedback: feedback.label,
    "feedback_score": lambda feedback: feedback.score,
    "feedback_comment": lambda feedback: feedback.comment,
    "feedback_given_at": lambda feedback: moment(feedback.given_at),
}
REQUEST_COLUMNS: Final = (
    *("id", "received_at", *_OF_ITSELF[1:], "task", "small_ok", "confidence", *_USAGE, "usage_estimated"),
    *(*_MONEY, *_TIMES, "attempts", *_OF_FEEDBACK),
)

_WHOSE: Final = ("received_at", "key_id", "team", "app", "alias", "policy", "policy_version", "rule")
_OF_ATTEMPT: Final = (
    *("number", "deployment", "tier", "model", "outcome", "error_code", "status"),
    *("started_ms", "first_byte_ms", "ended_ms", "cost_nano_usd", "unpriced"),
)
ATTEMPT_COLUMNS: Final = (
    *("request_id", *_WHOSE, *_OF_ATTEMPT, *_USAGE, "usage_estimated"),
    *("check_passed", "check_failures", "check_score", "check_whole"),
)


def request_cells(record: RequestRecord, feedback: Feedback | None) -> list[Cell]:
    """In the order of REQUEST_COLUMNS."""
    values: dict[str, Cell] = {name: getattr(record, name) for name in (*_OF_ITSELF, *_MONEY, *_TIMES)}
    values |= {name: of(record) for name, of in _OF_RECORD.items()} | _usage(record.usage)
    if feedback is not None:
        values |= {name: of(feedback) for name, of in _OF_FEEDBACK.items()}
    return [_harmless(values.get(name)) for name in REQUEST_COLUMNS]


def attempt_cells(record: RequestRecord, attempt: AttemptRecord) -> list[Cell]:
    """In the order of ATTEMPT_COLUMNS."""
    values: dict[str, Any] = {"request_id": record.id, **{name: getattr(record, name) for name in _WHOSE}}
    values["received_at"] = moment(record.received_at)
    values |= {name: getattr(attempt, name) for name in _OF_ATTEMPT} | _usage(attempt.usage)
    if (checked := attempt.checked) is not None:
        values["check_passed"], values["check_score"] = checked.passed, checked.score
        values["check_failures"], values["check_whole"] = " ".join(checked.failures), checked.is_whole
    return [_harmless(values.get(name)) for name in ATTEMPT_COLUMNS]


def _usage(usage: Usage | None) -> dict[str, Cell]:
    if usage is None:
        return {}
    return {**{name: getattr(usage, name) for name in _USAGE}, "usage_estimated": usage.estimated}


def _harmless(value: Cell) -> Cell:
    """Text that a spreadsheet would take for a formula is led by an apostrophe; a number is one, whatever its sign."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_STARTS_A_FORMULA):
        return f"'{value}"
    return value
