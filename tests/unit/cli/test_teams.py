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
    return CliRunner().invoke(main, ["teams", *words])


def test_what_is_set_is_told_and_listed() -> None:
    result = _run("set", "claims", "--rpm", "60", "--budget", "month=500")

    assert result.stdout.splitlines()[1].split() == ["claims", "-", "active", "rpm=60", "month=500"]
    assert _run("list").stdout == result.stdout


def test_what_is_not_named_stays_and_can_be_taken_away() -> None:
    _run("set", "claims", "--rpm", "60", "--budget", "month=500")

    more = json.loads(_run("set", "claims", "--tpm", "9", "--disable", "--json").stdout)
    less = json.loads(_run("set", "claims", "--no-limits", "--concurrent", "2", "--enable", "--json").stdout)

    assert more["limits"] == {"requests_per_minute": 60, "tokens_per_minute": 9}
    assert (len(more["budgets"]), more["disabled_at"] is None) == (1, False)
    assert (less["limits"], less["budgets"], less["disabled_at"]) == ({"concurrent": 2}, [], None)


def test_a_listing_of_nothing_says_what_to_do() -> None:
    assert (_run("list").stdout, _run("list", "--json").stdout) == ("", "")
    assert "makes one" in _run("list").stderr


def test_a_name_that_cannot_be_is_wrong_use() -> None:
    assert _run("set", "a/b").exit_code == 2
    assert _run("set", "").exit_code == 2
