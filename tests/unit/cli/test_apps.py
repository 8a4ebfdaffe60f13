import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import main
from tests.keys import upgraded


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZEWISE_DATABASE_URL", upgraded(tmp_path))


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, ["apps", *words])


def test_what_is_set_is_told_and_listed() -> None:
    result = _run("set", "claims", "bot", "--rpm", "60", "--disable")
    _run("set", "sales", "bot")

    assert result.stdout.splitlines()[1].split() == ["claims", "bot", "disabled", "rpm=60"]
    assert _run("list", "--team", "claims").stdout == result.stdout
    assert [json.loads(line)["team"] for line in _run("list", "--json").stdout.splitlines()] == ["claims", "sales"]


def test_a_listing_of_nothing_says_what_to_do() -> None:
    assert (_run("list").stdout, "makes one" in _run("list").stderr) == ("", True)


def test_an_application_without_a_name_is_wrong_use() -> None:
    result = _run("set", "claims", "")

    assert result.exit_code == 2
    assert "teams set" in result.stderr
