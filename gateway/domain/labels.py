"""What a record and its feedback say of the small model: labels that the classifier learns from, or why there are none.

Feedback is on the answer that was served. What is not known is never guessed in favour of the small model.
"""

from typing import Final, Literal

from msgspec import Struct

from gateway.domain.feedback import Feedback
from gateway.domain.record import AttemptRecord, RequestRecord

WhyNone = Literal["not_answered", "nothing_known", "only_large", "other_tier"]
"""not_answered: there was no whole answer; nothing_known: nobody said how good it was, and no check failed;
only_large: word of the large answer says nothing of the small; other_tier: the answer is of neither tier."""

PROVEN: Final = frozenset(
    (
        *("empty", "refused", "missing_tool_call", "unknown_tool", "invalid_arguments"),
        *("invalid_json", "schema_mismatch", "broken_code", "repetition"),
    )
)
"""Failures of a check that show by themselves that an answer will not do."""
OWN_OPINION: Final = "low_score"
"""The classifier's own doubt: taught to it as a label, it would come to believe what it believes already."""


class Labels(Struct, frozen=True, kw_only=True):
    """Whose answer was right.

    large_assumed  nobody judged a large answer: taken as right, which favours the large model
    served         whose answer the client saw
    """

    small_correct: bool
    large_correct: bool
    large_assumed: bool
    served: Literal["small", "large"]


def labels_of(
    record: RequestRecord, feedback: Feedback | None, *, small_tier: str, large_tier: str
) -> Labels | WhyNone:
    """In a cascade the tiers are those of the two answers; else the one that served is told by its name."""
    served = _served(record)
    if served is None:
        return "not_answered"
    failed = _failed_before(record, served)
    if failed is not None:
        return _of_cascade(failed, feedback)
    if feedback is None:
        return "nothing_known"
    if served.tier == small_tier:
        is_good = feedback.label == "good"
        return Labels(small_correct=is_good, large_correct=True, large_assumed=True, served="small")
    return "only_large" if served.tier == large_tier else "other_tier"


def _served(record: RequestRecord) -> AttemptRecord | None:
    """The attempt whose answer the client got, whole."""
    answered = [each for each in record.attempts if each.outcome == "ok"]
    return answered[-1] if record.outcome == "ok" and answered else None


def _failed_before(record: RequestRecord, served: AttemptRecord) -> AttemptRecord | None:
    """The first answer of another tier that failed its check, and that the one served took the place of."""
    return next(
        (
            each
            for each in record.attempts
            if each.number < served.number
            and each.tier != served.tier
            and each.checked is not None
            and not each.checked.passed
        ),
        None,
    )


def _of_cascade(failed: AttemptRecord, feedback: Feedback | None) -> Labels | WhyNone:
    """A proven failure counts by itself, a doubt with the client's good word for what was served in its place."""
    failures = set() if failed.checked is None else set(failed.checked.failures)
    is_good = feedback is not None and feedback.label == "good"
    is_doubted = bool(failures - {OWN_OPINION})
    if not failures & PROVEN and not (is_doubted and is_good):
        return "nothing_known" if feedback is None else "only_large"
    return Labels(
        small_correct=False,
        large_correct=feedback is None or is_good,
        large_assumed=feedback is None,
        served="large",
    )
