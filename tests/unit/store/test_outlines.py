from pathlib import Path

import pytest

from gateway.store.engine import open_engine
from gateway.store.outlines import find_outline
from gateway.store.reports import NoRecordsError
from tests.builders import a_record


def test_without_the_table_there_are_no_records_to_read(tmp_path: Path) -> None:
    """What is found there: tests/contract/test_outlines.py."""
    (tmp_path / "records.db").touch()

    with pytest.raises(NoRecordsError, match="no such table: policy_outlines"):
        find_outline(open_engine(f"sqlite:///{tmp_path}/records.db"), a_record())
