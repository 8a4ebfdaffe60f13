"""What a client says of an answer it was given: a score, a label, a comment. The latest word on a request counts."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from msgspec import Struct

from gateway.domain.errors import InvalidRequestError
from gateway.domain.suggestion import did_you_mean

Label = Literal["good", "bad"]

LONGEST_COMMENT: Final = 2_000
LONGEST_ID: Final = 100
GOOD_FROM: Final = 0.5
"""A score that comes without a label means `good` from here on."""

_KEYS: Final = ("request_id", "score", "label", "comment")
_ID_CHARS: Final = 32
_TIME_CHARS: Final = 12
_HEX: Final = frozenset("0123456789abcdef")
_ON_ITS_WAY_S: Final = 60.0
_CLOCKS_APART_S: Final = 5.0


class Feedback(Struct, frozen=True, kw_only=True):
    """One word on one answer.

    score     0 (useless) to 1 (all that was wanted); None where only a label was given
    label     as given, else as the score says
    comment   at most LONGEST_COMMENT characters of the client's own; None where it gave none
    given_at  Unix time in seconds
    """

    request_id: str
    score: float | None = None
    label: Label
    comment: str | None = None
    given_at: float


def feedback_of(payload: Mapping[str, Any], given_at: float) -> Feedback:
    """The feedback of an object, its values of the right types; null counts as absent. Raises InvalidRequestError."""
    for key in payload:
        if key not in _KEYS:
            raise InvalidRequestError(f"unknown key {key[:100]!r}{did_you_mean(key, _KEYS)}", param=key[:100])
    request_id, score, label, comment = (payload.get(key) for key in _KEYS)
    if request_id is None:
        raise InvalidRequestError(
            "'request_id' is missing; it is the x-request-id header of the answer", param="request_id"
        )
    if not 0 < len(request_id) <= LONGEST_ID:
        raise InvalidRequestError(
            f"'request_id' must have 1 to {LONGEST_ID} characters, not {len(request_id)}", param="request_id"
        )
    if comment is not None and len(comment) > LONGEST_COMMENT:
        raise InvalidRequestError(
            f"'comment' must have at most {LONGEST_COMMENT} characters, not {len(comment)}", param="comment"
        )
    return Feedback(
        request_id=request_id,
        score=None if score is None else abs(float(score)),
        label=_label(score, label),
        comment=comment or None,
        given_at=given_at,
    )


def may_be_on_its_way(request_id: str, now_s: float, behind_s: float) -> bool:
    """Whether the record of a request that is not in the database may yet come: as far as its id says when it was made.

    behind_s  seconds for which records have been waiting for the database
    """
    if len(request_id) != _ID_CHARS or not _HEX.issuperset(request_id):
        return False
    age_s = now_s - int(request_id[:_TIME_CHARS], 16) / 1000
    return -_CLOCKS_APART_S <= age_s <= _ON_ITS_WAY_S + behind_s


def told(feedback: Feedback | None) -> Iterator[str]:
    """The line of a request's story, where there is feedback. Of the comment, what a terminal may show."""
    if feedback is not None:
        score = "" if feedback.score is None else f" (score {feedback.score:g})"
        comment = "" if feedback.comment is None else f', "{_printable(feedback.comment)}"'
        when = datetime.fromtimestamp(feedback.given_at, UTC)
        yield f"Feedback: {feedback.label}{score}{comment}, given {when:%Y-%m-%d %H:%M:%S} UTC"


def _label(score: float | None, label: str | None) -> Label:
    if score is None and label is None:
        raise InvalidRequestError("give a 'score' from 0 to 1, a 'label' (\"good\" or \"bad\"), or both", param="label")
    if score is not None and not 0 <= score <= 1:
        raise InvalidRequestError(f"'score' must be a number from 0 to 1, not {score:g}", param="score")
    if label not in ("good", "bad", None):
        raise InvalidRequestError(f'\'label\' must be "good" or "bad", not {label[:100]!r}', param="label")
    meant: Label | None = None if score is None else "good" if score >= GOOD_FROM else "bad"
    if meant is not None and label not in (meant, None):
        raise InvalidRequestError(
            f"'score' {score:g} means {meant!r} ({GOOD_FROM:g} and more are good) and 'label' says {label!r};"
            " give one of them, or two that agree",
            param="label",
        )
    return "good" if (label or meant) == "good" else "bad"


def _printable(text: str) -> str:
    """On one line, without control characters."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
