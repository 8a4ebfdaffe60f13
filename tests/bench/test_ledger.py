"""A real run of the ledger's measurement, as short as it can be."""

import json

import pytest

from tests.bench import ledger


@pytest.mark.service("postgresql")
def test_a_short_run_measures_both_databases(capsys: pytest.CaptureFixture[str]) -> None:
    code = ledger.main(["--records", "1500"])

    assert code == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["database"] for each in found] == ["sqlite", "postgresql"]
    assert all(value > 0 for each in found for value in list(each.values())[1:])
