from pathlib import Path

import pytest

from gateway.store.ledger import Ledger, default_spool
from tests.builders import a_record


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("sqlite:////var/lib/sizewise/records.db", "/var/lib/sizewise/spool"),
        ("sqlite:///./.sizewise/sizewise.db", ".sizewise/spool"),
        ("postgresql://db/records", ".sizewise/spool"),
    ],
)
def test_the_spool_lies_beside_the_database_where_that_is_a_file(url: str, folder: str) -> None:
    assert default_spool(url) == Path(folder)


def test_a_database_that_is_away_is_no_reason_to_lose_or_refuse_anything(tmp_path: Path) -> None:
    ledger = Ledger.to_database(f"sqlite:///{tmp_path}", tmp_path / "spool")
    ledger.start()

    ledger.spool.record(a_record())
    is_written = ledger.close(timeout_s=0.1)

    assert not is_written
    assert (ledger.lost, ledger.can_record) == (0, True)
    assert ledger.waiting_bytes > 1_000
    assert list((tmp_path / "spool").glob("process-*/*.segment"))


def test_a_ledger_that_nobody_wrote_to_leaves_no_folder(tmp_path: Path) -> None:
    ledger = Ledger.to_database(f"sqlite:///{tmp_path}/records.db", tmp_path / "spool")
    ledger.start()

    is_written = ledger.close(timeout_s=30)

    assert is_written
    assert ledger.behind_s < 30
    assert list((tmp_path / "spool").iterdir()) == []
