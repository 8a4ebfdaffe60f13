"""What both databases do alike is in tests/contract/test_keys.py; here is what one shows."""

import logging
from pathlib import Path

import pytest

from gateway.domain.acts import Actor
from gateway.store.engine import open_engine
from gateway.store.key_admin import revoke_key, rotate_key
from tests.keys import NOW_S, a_new_key, peppers, upgraded

_ADA = Actor(name="ada", origin="cli")


def test_an_act_is_logged_with_its_actor_and_without_the_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = open_engine(upgraded(tmp_path))

    with caplog.at_level(logging.INFO):
        made = a_new_key(engine)
        rotated = rotate_key(engine, peppers(), made.text, overlap_s=1.0, actor=_ADA, now_s=NOW_S)
        revoke_key(engine, made.text, actor=_ADA, now_s=NOW_S)

    assert [record.message for record in caplog.records if record.name == "gateway.store.key_changes"] == [
        f"change 1 of the keys, by 'test': key.create of key:{made.key.id}",
        f"change 2 of the keys, by 'ada': key.rotate of key:{made.key.id}",
        f"change 3 of the keys, by 'ada': key.revoke of key:{made.key.id}",
    ]
    assert rotated.text not in caplog.text


def test_the_id_of_a_new_key_is_that_in_its_text_and_nothing_prints_the_text(tmp_path: Path) -> None:
    made = a_new_key(open_engine(upgraded(tmp_path)))

    assert made.key.id in made.text
    assert made.text not in f"{made!r}{made!s}{made.key!r}"
