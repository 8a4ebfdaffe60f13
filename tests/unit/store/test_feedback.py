"""What needs no particular database; the rest: tests/contract/test_feedback.py."""

from pathlib import Path

import pytest

from gateway.store.engine import open_engine
from gateway.store.feedback import find_feedback
from gateway.store.reports import NoRecordsError


def test_before_there_is_a_database_nothing_is_found_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoRecordsError, match="unable to open database file"):
        find_feedback(open_engine(f"sqlite:///{tmp_path}/records.db"), "req-1")

    assert list(tmp_path.iterdir()) == []
