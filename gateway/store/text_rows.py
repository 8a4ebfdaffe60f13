"""Kept texts to rows of `gateway.store.text_tables` and back. Free of SQLAlchemy: the serving process writes without
it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.domain.kept_text import Conversation, KeptText
from gateway.store.rows import Values, storable

TEXT_COLUMNS = ("request_id", "received_at", "team", "request", "answer", "truncated", "expires_at")

_json = msgspec.json.Encoder().encode


def text_values(texts: Iterable[KeptText], time_of: Callable[[float], Any]) -> Sequence[Values]:
    """A tuple in the order of TEXT_COLUMNS for each text; `time_of` makes the database's time of Unix seconds."""
    return storable(
        [
            (
                text.request_id,
                time_of(text.received_at),
                text.team,
                _json(text.request).decode(),
                text.answer,
                text.truncated,
                time_of(text.expires_at),
            )
            for text in texts
        ],
        TEXT_COLUMNS,
    )


def text_from(row: Mapping[str, Any]) -> KeptText:
    """The text of a row of `texts`, its JSON parsed. Raises msgspec.ValidationError for what no text can have made."""
    return KeptText(
        request_id=row["request_id"],
        received_at=row["received_at"].timestamp(),
        team=row["team"],
        request=msgspec.convert(row["request"], Conversation),
        answer=row["answer"],
        truncated=row["truncated"],
        expires_at=row["expires_at"].timestamp(),
    )
