"""Records and feedback as JSON has them: times in ISO 8601, amounts in nano-dollars."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.domain.feedback import Feedback
from gateway.domain.record import RequestRecord


def record_fields(record: RequestRecord) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(record)
    fields["received_at"] = moment(record.received_at)
    fields["saving_nano_usd"] = record.saving_nano_usd
    return fields


def feedback_fields(feedback: Feedback | None) -> dict[str, Any] | None:
    if feedback is None:
        return None
    return {
        "score": feedback.score,
        "label": feedback.label,
        "comment": feedback.comment,
        "given_at": moment(feedback.given_at),
    }


def moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()
