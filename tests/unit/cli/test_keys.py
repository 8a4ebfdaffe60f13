import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import main
from gateway.domain.virtual_key import parse
from gateway.store.engine import open_engine
from gateway.store.key_listing import find_key
from tests.keys import PEPPER, peppers, upgraded


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = upgraded(tmp_path)
    monkeypatch.setenv("SIZEWISE_DATABASE_URL", url)
    monkeypatch.setenv("SIZEWISE_KEY_PEPPER", PEPPER)
    return url


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, ["keys", *words])


def _created(*words: str) -> str:
    result = _run("create", *words)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def _id_of(key: str) -> str:
    key_id = parse(key)
    assert key_id is not None
    return key_id


def _shown(key: str) -> dict[str, object]:
    return dict(json.loads(_run("show", _id_of(key), "--json").stdout))


def test_the_new_key_stands_alone_on_the_standard_output(url: str) -> None:
    result = _run("create", "--team", "claims", "--app", "bot")

    key = result.stdout.removesuffix("\n")
    assert parse(key) is not None
    assert result.stderr.splitlines() == [
        f"key {parse(key)}, team claims, app bot: does not expire; it is not shown again",
        "team claims is new",
        "app claims/bot is new",
    ]


def test_what_is_stored_is_its_digest(url: str) -> None:
    key = _created()

    found = find_key(open_engine(url), key).key
    assert (found.id, found.last4, found.pepper_version) == (parse(key), key[-4:], peppers().latest)


def test_all_options_reach_the_key(url: str) -> None:
    limits = ["--rpm", "1", "--rpd", "2", "--tpm", "3", "--tpd", "4", "--concurrent", "5"]
    lists = ["--tag", "eu", "--tag", "vip", "--model", "auto", "--model", "small"]
    budgets = ["--budget", "month=500", "--budget", "day=12.5:soft"]

    key = _created(*limits, *lists, *budgets, "--expires", "2100-01-01")

    shown = _shown(key)
    assert shown["limits"] == {
        "requests_per_minute": 1,
        "requests_per_day": 2,
        "tokens_per_minute": 3,
        "tokens_per_day": 4,
        "concurrent": 5,
    }
    assert shown["budgets"] == [
        {"period": "month", "limit_nano_usd": 500 * 10**9},
        {"period": "day", "limit_nano_usd": 125 * 10**8, "is_hard": False},
    ]
    assert (shown["tags"], shown["models"]) == (["eu", "vip"], ["auto", "small"])
    assert (shown["expires_at"], shown["state"]) == ("2100-01-01T00:00:00+00:00", "active")


def test_as_json_the_key_comes_with_what_is_known_of_it(url: str) -> None:
    made = json.loads(_run("create", "--team", "claims", "--json").stdout)

    assert parse(made["key"]) == made["id"]
    assert (made["team"], made["state"]) == ("claims", "active")


def test_a_listing_shows_no_key(url: str) -> None:
    key, other = _created("--team", "claims"), _created("--team", "sales")

    listing, only = _run("list").stdout, _run("list", "--team", "claims").stdout
    lines = _run("list", "--json").stdout.splitlines()

    assert [line.split()[0] for line in listing.splitlines()] == ["ID", parse(other), parse(key)]
    assert (_id_of(key) in only, _id_of(other) in only) == (True, False)
    assert {json.loads(line)["id"] for line in lines} == {parse(key), parse(other)}
    assert all(key[18:-4] not in text for text in (listing, only, *lines))


def test_a_listing_of_nothing_says_what_to_do(url: str) -> None:
    result = _run("list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no keys; `sizewise keys create` makes one\n"


def test_a_rotation_prints_the_new_key_and_when_the_old_one_ends(url: str) -> None:
    old = _created("--team", "claims")

    result = _run("rotate", _id_of(old), "--overlap", "2h", "--expires", "90d")

    new = result.stdout.strip()
    assert (_shown(new)["replaces"], _shown(new)["team"]) == (parse(old), "claims")
    assert f"key {parse(old)} works until " in result.stderr
    assert _shown(new)["expires_at"] is not None


@pytest.mark.parametrize(("command", "state"), [("revoke", "revoked"), ("disable", "disabled"), ("enable", "active")])
def test_an_act_says_what_is_so_now_and_what_was_so_already(url: str, command: str, state: str) -> None:
    key = _created()

    first, second = _run(command, _id_of(key)), _run(command, key)

    assert _shown(key)["state"] == state
    assert f"key {parse(key)} " in first.stdout
    assert "was already" in second.stdout
    assert json.loads(_run(command, key, "--json").stdout)["state"] == state


def test_a_key_nobody_has_is_one_line(url: str) -> None:
    for command in ("show", "revoke", "rotate"):
        result = _run(command, "nobodys")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "Error: there is no key with id 'nobodys'; `sizewise keys list` shows the ids\n"


def test_a_key_in_no_state_for_it_is_one_line(url: str) -> None:
    key = _created()
    _run("revoke", key)

    result = _run("enable", key)

    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    "words",
    [("--app", "bot"), ("--expires", "2001-01-01"), ("--team", "a/b"), ("--budget", "day=1", "--budget", "day=2")],
)
def test_terms_that_cannot_be_are_wrong_use_and_make_nothing(url: str, words: tuple[str, ...]) -> None:
    result = _run("create", *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert _run("list").stdout == ""


def test_what_a_key_may_use_and_ask_for_is_set_one_thing_at_a_time(url: str) -> None:
    key = _created("--model", "auto", "--rpm", "5", "--budget", "day=1")

    _run("set", _id_of(key), "--tpd", "100")
    limited = _shown(key)
    _run("set", _id_of(key), "--all-models", "--no-limits", "--budget", "month=5:soft")
    freed = _shown(key)

    assert (limited["models"], limited["limits"]) == (["auto"], {"requests_per_minute": 5, "tokens_per_day": 100})
    assert (freed["models"], freed["limits"]) == (None, {})
    assert freed["budgets"] == [{"period": "month", "limit_nano_usd": 5_000_000_000, "is_hard": False}]


def test_some_models_and_all_of_them_is_wrong_use(url: str) -> None:
    assert _run("set", "0123456789", "--model", "auto", "--all-models").exit_code == 2


def test_a_key_that_is_revoked_is_set_no_more(url: str) -> None:
    key = _created()
    _run("revoke", _id_of(key))

    result = _run("set", _id_of(key), "--rpm", "1")

    assert (result.exit_code, "is revoked, for good" in result.stderr) == (1, True)
