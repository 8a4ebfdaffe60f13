import getpass
import json
from collections.abc import Sequence

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import main
from tests.keys import PEPPER, upgraded


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = upgraded(tmp_path_factory.mktemp("audit"))
    made = _run(url, "keys", "create", "--team", "claims", "--json").stdout
    key_id = json.loads(made)["id"]
    _run(url, "keys", "set", key_id, "--rpm", "60", "--model", "auto")
    _run(url, "teams", "set", "claims", "--disable")
    _run(url, "keys", "revoke", key_id)
    return url


def _run(url: str, *words: str) -> Result:
    environment = {"SIZEWISE_DATABASE_URL": url, "SIZEWISE_KEY_PEPPER": PEPPER}
    result = CliRunner().invoke(main, words, env=environment)
    assert result.exit_code == 0, result.stderr
    return result


def _listed(url: str, *words: str) -> Sequence[dict[str, object]]:
    return [json.loads(line) for line in _run(url, "audit", "list", "--json", *words).stdout.splitlines()]


def test_what_the_command_line_does_is_listed_with_who_typed_it(url: str) -> None:
    entries = _listed(url)

    assert [entry["act"] for entry in entries] == ["key.revoke", "team.set", "key.set", "key.create"]
    assert {(entry["actor"], entry["origin"], entry["role"]) for entry in entries} == {(getpass.getuser(), "cli", None)}


@pytest.mark.parametrize(
    ("words", "acts"),
    [
        (["--act", "key.set"], ["key.set"]),
        (["--target", "team:claims"], ["team.set"]),
        (["--limit", "1"], ["key.revoke"]),
        (["--actor", "nobody"], []),
        (["--since", "2100-01-01"], []),
        (["--since", "1h", "--act", "key.create"], ["key.create"]),
    ],
)
def test_acts_are_found_by_what_who_and_when(url: str, words: list[str], acts: list[str]) -> None:
    assert [entry["act"] for entry in _listed(url, *words)] == acts


def test_the_table_says_what_changed(url: str) -> None:
    lines = _run(url, "audit", "list").stdout.splitlines()

    assert lines[0].split()[:3] == ["ID", "TIME", "(UTC)"]
    assert lines[1].endswith("revoked_at")
    assert lines[2].endswith("disabled_at")
    assert lines[3].endswith("limits, models")
    assert lines[4].endswith("-")


def test_that_there_is_nothing_is_told_beside_the_output(url: str) -> None:
    result = _run(url, "audit", "list", "--actor", "nobody")

    assert (result.stdout, result.stderr) == ("", "no such acts\n")
