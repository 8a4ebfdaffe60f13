from pathlib import Path

import pytest

from gateway.domain.key_acts import NoSuchKeyError
from gateway.domain.virtual_key import parse
from gateway.store.engine import open_engine
from gateway.store.key_listing import find_key, list_apps, list_keys, list_teams, public_id
from tests.keys import a_key_text, upgraded


def test_nothing_is_listed_where_there_is_nothing(tmp_path: Path) -> None:
    engine = open_engine(upgraded(tmp_path))

    assert (list_keys(engine), list_teams(engine), list_apps(engine)) == ([], [], [])
    with pytest.raises(NoSuchKeyError, match="'nobodys'"):
        find_key(engine, "nobodys")


def test_a_key_is_named_by_its_id_or_its_whole_text() -> None:
    key = a_key_text()

    assert public_id(key) == parse(key)
    assert public_id("0123456789") == "0123456789"
    assert public_id(key[:-1]) == key[:-1]
