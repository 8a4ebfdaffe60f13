import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.report import report
from gateway.domain.record import CheckResult
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE
from tests.builders import a_record, an_attempt

_NOW_S = datetime.now(UTC).timestamp()
_OLD_S = (datetime.now(UTC) - timedelta(days=40)).timestamp()


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    checked = an_attempt(checked=CheckResult(passed=True))
    sink = open_sink(url)
    sink.write(
        [
            a_record("req-a", received_at=_NOW_S, team="sales", attempts=(checked,)),
            a_record("req-b", received_at=_NOW_S, team="legal", cost_nano_usd=None, unpriced="no price"),
            a_record("req-c", received_at=_OLD_S, team="old"),
        ]
    )
    sink.close()
    return url


def _run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(report, arguments, env={DATABASE_URL_VARIABLE: url})


def test_a_saving_stands_beside_what_is_known_of_the_answers(url: str) -> None:
    result = _run(url, "savings", "--by", "team")

    assert result.exit_code == 0
    headings, sales, legal, total, unpriced = result.stdout.splitlines()
    assert headings.split()[0] == "TEAM"
    assert {"CHECKS PASSED", "ESCALATED", "FELL BACK", "NOT ANSWERED", "FEEDBACK +/-"} <= set(headings.split("  "))
    assert sales.split() == [
        *("sales", "1", "12+30", "0.0000198", "0", "1", "0.00033", "0.0003102", "0.0003102", "0.0003102"),
        *("100.0%", "0.0%", "0.0%", "0.0%", "0/0"),
    ]
    assert legal.split()[:9] == ["legal", "1", "12+30", "-", "1", "0", "-", "-", "-"]
    assert total.split()[:2] == ["total", "2"]
    assert unpriced == "1 requests have no known cost: they are in no sum of dollars"


def test_spend_is_of_every_call(url: str) -> None:
    result = _run(url, "spend")

    assert result.stdout.splitlines()[1].split() == [
        *("small-a", "2", "0.0%", "24", "0", "60", "0", "-", "0.0000396", "0")
    ]


def test_thirty_days_are_told_unless_others_are_asked_for(url: str) -> None:
    lines = _run(url, "savings", "--by", "team", "--since", "60d", "--json").stdout.splitlines()

    assert {json.loads(line)["name"] for line in lines} == {"sales", "legal", "old"}


def test_csv_has_a_column_for_each_number(url: str) -> None:
    (sales, legal) = csv.DictReader(io.StringIO(_run(url, "savings", "--by", "team", "--csv").stdout))

    assert (sales["name"], sales["saving_nano_usd"], sales["requests"]) == ("sales", "310200", "1")
    assert (legal["cost_nano_usd"], legal["unpriced"]) == ("", "1")


@pytest.mark.parametrize("command", ["savings", "spend"])
def test_no_requests_are_no_error(url: str, command: str) -> None:
    result = _run(url, command, "--since", "2100-01-01")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no requests in that time\n")


@pytest.mark.parametrize("command", ["savings", "spend"])
def test_a_database_without_tables_says_what_to_do(tmp_path: Path, command: str) -> None:
    (tmp_path / "empty.db").touch()

    result = _run(f"sqlite:///{tmp_path}/empty.db", command)

    assert result.exit_code == 1
    assert "no such table: rollup_marks" in result.stderr
    assert "sizewise db upgrade" in result.stderr


@pytest.mark.parametrize("wrong", [("savings", "--by", "key"), ("spend", "--by", "rule"), ("spend", "--since", "x")])
def test_wrong_use_exits_with_2(url: str, wrong: tuple[str, ...]) -> None:
    assert _run(url, *wrong).exit_code == 2
