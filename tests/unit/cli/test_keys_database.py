import getpass
import os
from pathlib import Path

import click
import pytest

from gateway.cli.keys_database import actor, keys_database, peppers
from gateway.domain.acts import Actor
from gateway.store.key_listing import list_keys
from gateway.store.pepper import Peppers, pepper_file, read_or_make
from tests.keys import PEPPER, upgraded


def test_a_database_that_is_not_there_is_one_line_with_the_next_step(tmp_path: Path) -> None:
    with (
        pytest.raises(click.ClickException, match="run `sizewise db upgrade` first"),
        keys_database(f"sqlite:///{tmp_path}/none.db"),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_database_of_an_older_release_is_one_line_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "records.db").touch()

    with (
        pytest.raises(click.ClickException, match=r"no such table.*`sizewise db upgrade`"),
        keys_database(f"sqlite:///{tmp_path}/records.db") as engine,
    ):
        list_keys(engine)


def test_a_server_that_is_down_is_one_line_without_its_password() -> None:
    with (
        pytest.raises(click.ClickException, match="check the URL") as caught,
        keys_database("postgresql://user:pw-to-hide@127.0.0.1:1/none") as engine,
    ):
        list_keys(engine)

    assert "pw-to-hide" not in str(caught.value)


def test_a_database_we_do_not_know_is_wrong_use() -> None:
    with pytest.raises(click.UsageError, match="mysql"), keys_database("mysql://h/d"):
        pass


def test_the_pepper_of_the_environment_goes_before_the_demos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = upgraded(tmp_path)
    demos = read_or_make(pepper_file(url))

    monkeypatch.delenv("SIZEWISE_KEY_PEPPER", raising=False)
    without = peppers(url)
    monkeypatch.setenv("SIZEWISE_KEY_PEPPER", PEPPER)

    assert without.latest == Peppers.parse(demos).latest
    assert peppers(url).latest == Peppers.parse(PEPPER).latest


def test_without_a_pepper_the_next_step_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIZEWISE_KEY_PEPPER", raising=False)

    with pytest.raises(click.ClickException, match=r"export SIZEWISE_KEY_PEPPER=v1:\$\(openssl rand -hex 32\)"):
        peppers(f"sqlite:///{tmp_path}/records.db")


def test_a_bad_pepper_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZEWISE_KEY_PEPPER", "v1:short")

    with pytest.raises(click.ClickException, match="part 1 is no pepper"):
        peppers(f"sqlite:///{tmp_path}/records.db")


def test_a_pepper_file_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIZEWISE_KEY_PEPPER", raising=False)
    (tmp_path / "key-pepper").mkdir()

    with pytest.raises(click.ClickException, match="cannot read"):
        peppers(f"sqlite:///{tmp_path}/records.db")


def test_who_types_is_named() -> None:
    assert actor() == Actor(name=getpass.getuser(), origin="cli")


def test_where_the_user_has_no_name_the_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert actor().name == f"uid {os.getuid()}"
