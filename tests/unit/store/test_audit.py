"""What both databases do alike is in tests/contract/test_audit.py; here is what one shows."""

from pathlib import Path

from gateway.domain.acts import Actor, Effect
from gateway.store.audit import list_entries, note
from gateway.store.engine import open_engine
from tests.keys import NOW_S, upgraded

_ADA = Actor(name="ada", origin="admin", role="operator")


def test_no_more_entries_are_listed_than_asked_for(tmp_path: Path) -> None:
    engine = open_engine(upgraded(tmp_path))
    for level in ("debug", "info", "error"):
        note(engine, _ADA, "log_level.set", "log level", Effect(after=level), now_s=NOW_S)

    assert [entry.after for entry in list_entries(engine, limit=2)] == ["error", "info"]
