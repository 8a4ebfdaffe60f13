import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.db import db
from gateway.store.schema import revisions


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


def _run(command: str, url: str, *arguments: str) -> Result:
    return CliRunner().invoke(db, [command, "--database-url", url, *arguments])


def test_upgrade_brings_the_schema_to_the_head(url: str) -> None:
    result = _run("upgrade", url)

    assert (result.exit_code, result.stdout) == (0, f"{url} is at revision {revisions()[1]}\n")
    assert _run("current", url).exit_code == 0


def test_current_before_any_upgrade_exits_with_1_and_makes_no_file(url: str, tmp_path: Path) -> None:
    result = _run("current", url)

    assert result.exit_code == 1
    assert result.stdout.startswith("no schema, head is ")
    assert result.stderr == "run `sizewise db upgrade`\n"
    assert list(tmp_path.iterdir()) == []


def test_current_as_json(url: str) -> None:
    _run("upgrade", url)
    head = revisions()[1]

    result = _run("current", url, "--json")

    assert json.loads(result.stdout) == {"revision": head, "head": head, "is_current": True}


@pytest.mark.parametrize("command", ["upgrade", "current"])
def test_a_database_that_is_down_is_one_line_without_its_password(command: str) -> None:
    result = _run(command, "postgresql://user:pw-to-hide@127.0.0.1:1/none")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pw-to-hide" not in result.stderr


@pytest.mark.parametrize("command", ["upgrade", "current"])
def test_a_database_we_do_not_know_is_wrong_use(command: str) -> None:
    assert _run(command, "mysql://host/name").exit_code == 2
