import io

import click
import pytest

from gateway.cli.logged_requests import logged_requests, where
from gateway.store.history import Wanted


def test_messages_name_the_database_without_its_password() -> None:
    password = "hidden"

    assert where(None, f"postgresql://u:{password}@h/n").startswith("at postgresql://u:")
    assert password not in where(None, f"postgresql://u:{password}@h/n")


def test_a_stream_without_a_name_is_standard_input() -> None:
    assert where(io.BytesIO(), "sqlite:///unused.db") == "in standard input"


def test_an_empty_file_holds_no_requests() -> None:
    assert list(logged_requests(io.BytesIO(), "sqlite:///unused.db", Wanted())) == []


def test_a_line_that_is_no_record_ends_the_command_with_one_line() -> None:
    with pytest.raises(click.ClickException, match=r"^standard input: .*1"):
        list(logged_requests(io.BytesIO(b"not a record\n"), "sqlite:///unused.db", Wanted()))
