import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.db import db
from gateway.store.engine import open_engine
from gateway.store.partitions import id_of
from gateway.store.reports import list_decisions
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record

_NOW = datetime.now(UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    for days in (0, 100, 100, 1_000):
        at = _NOW - timedelta(days=days)
        sink.write([a_record(f"{id_of(at)}{days:020}", received_at=at.timestamp())])
    sink.close()
    return url


def _run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(db, [*arguments, "--database-url", url])


def _count(url: str) -> int:
    engine = open_engine(url)
    found = len(list_decisions(engine, limit=99))
    engine.dispose()
    return found


def test_pruning_says_what_went(url: str) -> None:
    result = _run(url, "prune", "--keep", "90d")

    first = f"{_NOW - timedelta(days=90):%Y-%m-%d}"
    assert (result.exit_code, result.stdout) == (0, f"records from before {first} are gone: 2 rows of requests\n")
    assert _count(url) == 1


def test_a_dry_run_changes_nothing(url: str) -> None:
    result = _run(url, "prune", "--keep", "12w", "--keep-rollups", "90", "--dry-run", "--json")

    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["requests"], found["partitions"], found["dry_run"]) == (2, [], True)
    assert _count(url) == 3
    assert _run(url, "rollup").stdout == "3 hours summed up\n"


@pytest.mark.parametrize("keep", [(), ("--keep", "1"), ("--keep", "soon")])
def test_wrong_use_exits_with_2(url: str, keep: tuple[str, ...]) -> None:
    assert _run(url, "prune", *keep).exit_code == 2


def test_summing_up_says_how_many_hours_and_again_none(url: str) -> None:
    first, second = _run(url, "rollup"), _run(url, "rollup", "--json")

    assert (first.stdout, second.stdout) == ("3 hours summed up\n", '{"hours":0}\n')


def test_records_that_came_too_late_are_told(url: str) -> None:
    _run(url, "prune", "--keep", "90d")
    at = _NOW - timedelta(days=95)
    sink = open_sink(url)
    sink.write([a_record(id_of(at) + "1" * 20, received_at=at.timestamp())])
    sink.close()

    result = _run(url, "rollup")

    assert result.stdout == "0 hours summed up\n"
    assert result.stderr == "records of 1 hours came after their hours were pruned: no report counts them\n"


@pytest.mark.parametrize("command", [("rollup",), ("prune", "--keep", "90d")])
def test_a_database_that_is_down_is_one_line_without_its_password(command: tuple[str, ...]) -> None:
    result = _run("postgresql://user:pw-to-hide@127.0.0.1:1/none", *command)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pw-to-hide" not in result.stderr
