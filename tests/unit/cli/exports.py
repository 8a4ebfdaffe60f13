"""Databases to export from, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import to_builtins
from sqlalchemy import insert

from gateway.domain.feedback import Feedback, Label
from gateway.domain.kept_text import Conversation, KeptMessage
from gateway.domain.record import RequestRecord
from gateway.store.engine import open_engine
from gateway.store.feedback import keep
from gateway.store.sinks import open_sink
from gateway.store.text_tables import TEXTS
from gateway.store.upgrade import upgrade

KEY_ID = "test"


def filled(url: str, *records: RequestRecord) -> None:
    """A database with those records."""
    upgrade(url)
    sink = open_sink(url)
    sink.write(records)
    sink.close()


def say(url: str, request_id: str, label: Label, **more: Any) -> None:
    engine = open_engine(url)
    assert keep(engine, Feedback(request_id=request_id, label=label, given_at=1_790_000_000.0, **more), KEY_ID)
    engine.dispose()


def keep_text(
    url: str, request_id: str, ask: str | Conversation, answer: str | None = None, *, is_cut: bool = False
) -> None:
    """`ask`: a text, or the whole conversation."""
    request = ask if isinstance(ask, Conversation) else Conversation(messages=(KeptMessage(role="user", text=ask),))
    now = datetime.now(UTC)
    row = {"request_id": request_id, "received_at": now, "team": "", "answer": answer, "truncated": is_cut}
    row["expires_at"] = now + timedelta(days=1)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(TEXTS).values(**row, request=to_builtins(request)))
    engine.dispose()
