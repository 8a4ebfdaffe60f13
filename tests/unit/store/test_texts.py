"""What holds on both databases is in tests/contract/test_texts.py."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.store.engine import open_engine
from gateway.store.reports import NoRecordsError
from gateway.store.texts import find_text, why_none
from tests.builders import a_record


def test_without_the_table_there_are_no_records_to_read(tmp_path: Path) -> None:
    (tmp_path / "records.db").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/records.db")

    with pytest.raises(NoRecordsError, match="no such table: texts"):
        find_text(engine, "req-1", datetime.now(UTC))
    engine.dispose()


@pytest.mark.parametrize(("team", "named"), [("support", "team 'support'"), ("", "callers without a team")])
def test_why_there_is_no_text_names_the_policy_the_team_and_the_key_that_would_keep_it(team: str, named: str) -> None:
    why = why_none(a_record(team=team))

    assert f"policy 'default' has none kept of {named} (`keep_text`)" in why
