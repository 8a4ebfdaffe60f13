"""Databases to export from, for tests."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from gateway.domain.feedback import Feedback, Label
from gateway.domain.record import RequestRecord
from gateway.store.engine import open_engine
from gateway.store.feedback import keep
from gateway.store.sinks import open_sink
from gateway.store.text_tables import TEXTS
from gateway.store.upgrade import upgrade

KEY_ID = "test"


def filled(url: str, *records: RequestRecord) -> None:
    """A database with those records, and a table for texts."""
    upgrade(url)
    sink = open_sink(url)
    sink.write(records)
    sink.close()
    engine = open_engine(url)
    TEXTS.create(engine, checkfirst=True)
    engine.dispose()


def say(url: str, request_id: str, label: Label, **more: Any) -> None:
    engine = open_engine(url)
    assert keep(engine, Feedback(request_id=request_id, label=label, given_at=1_790_000_000.0, **more), KEY_ID)
    engine.dispose()


def keep_text(url: str, request_id: str, ask: Any, answer: str | None = None, *, is_cut: bool = False) -> None:
    """`ask`: a text, or the whole request."""
    request = ask if isinstance(ask, dict) else {"model": "auto", "messages": [{"role": "user", "content": ask}]}
    row = {"request_id": request_id, "received_at": datetime.now(UTC), "team": "", "answer": answer}
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(TEXTS).values(**row, request=request, truncated=is_cut))
    engine.dispose()
