"""Records as rows that `sizewise classifier train` reads, and a count of what is left out and why."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Engine

from gateway.api.dialects import parse_any
from gateway.domain.errors import InvalidRequestError
from gateway.domain.kept_text import Conversation, KeptMessage, KeptText
from gateway.domain.labels import Labels, labels_of
from gateway.domain.record import RequestRecord
from gateway.store.export import Told
from gateway.store.texts import find_texts

_WORDS: Final[Mapping[str, str]] = {
    "no_text": "have no stored text (the policy key `keep_text` stores it from then on)",
    "nothing_known": "have neither feedback nor an answer that failed its check for certain",
    "only_large": "have word of the large answer alone, which says nothing of the small one",
    "other_tier": "were answered by another tier (`--small-tier` and `--large-tier` name yours)",
    "not_answered": "have no whole answer",
    "cut": "have a text that was cut short",
    "unreadable": "cannot be read by this release",
}


class Tiers(Struct, frozen=True, kw_only=True):
    small: str
    large: str


def training_rows(
    engine: Engine, page: Sequence[Told], tiers: Tiers, left_out: Counter[str]
) -> Iterator[dict[str, Any]]:
    """The rows of one page; what gives none is counted in `left_out`. Raises NoRecordsError."""
    labelled: list[tuple[RequestRecord, Labels]] = []
    for told in page:
        if told.record is None:
            left_out["unreadable"] += 1
            continue
        labels = labels_of(told.record, told.feedback, small_tier=tiers.small, large_tier=tiers.large)
        if isinstance(labels, Labels):
            labelled.append((told.record, labels))
        else:
            left_out[labels] += 1
    texts = find_texts(engine, [record.id for record, _ in labelled], datetime.now(UTC)) if labelled else {}
    for record, labels in labelled:
        text = texts.get(record.id)
        why_not = _why_not(text)
        if text is None or why_not:
            left_out[why_not] += 1
        else:
            yield _row(record, labels, text)


def summary(rows: int, left_out: Counter[str]) -> Iterator[str]:
    """For people: how many rows there are, and how many requests are not among them and why."""
    yield f"{rows:,} rows"
    for why, words in _WORDS.items():
        if left_out[why]:
            yield f"  left out: {left_out[why]:,} that {words}"


def _why_not(text: KeptText | None) -> str:
    if text is None:
        return "no_text"
    if text.truncated:
        return "cut"
    try:
        parse_any(msgspec.json.encode(_chat_body(text.request)))
    except InvalidRequestError:
        return "unreadable"
    return ""


def _row(record: RequestRecord, labels: Labels, text: KeptText) -> dict[str, Any]:
    """`category` is what the classifier took the task for; `task` would teach it that, and is left to people."""
    row: dict[str, Any] = {
        "request_id": record.id,
        "request": _chat_body(text.request),
        "small_correct": labels.small_correct,
        "large_correct": labels.large_correct,
        "team": record.team,
        "app": record.app,
    }
    if labels.large_assumed:
        row["large_assumed"] = True
    if text.answer is not None:
        row[f"{labels.served}_answer"] = text.answer
    if record.classification is not None:
        row["category"] = record.classification.task
    return row


def _chat_body(conversation: Conversation) -> dict[str, Any]:
    """As a client would have sent it, as far as it was kept."""
    body: dict[str, Any] = {"model": "auto", "messages": list(map(_message, conversation.messages))}
    if conversation.tools:
        body["tools"] = [{"type": "function", "function": {"name": name}} for name in conversation.tools]
    return body


def _message(kept: KeptMessage) -> dict[str, Any]:
    message: dict[str, Any] = {"role": kept.role, "content": kept.text}
    if kept.calls:
        message["tool_calls"] = [
            {"id": f"call_{number}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for number, call in enumerate(kept.calls)
        ]
    return message
