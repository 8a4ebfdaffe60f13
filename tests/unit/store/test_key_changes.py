import pytest
from sqlalchemy import Engine, select

from gateway.store.audit import list_entries
from gateway.store.engine import open_engine
from gateway.store.key_changes import changing, ensure_holder, holder, moment, where
from gateway.store.key_tables import APPS, KEY_CHANGES, TEAMS
from tests.keys import NOW_S, TESTER, upgraded


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_engine(upgraded(tmp_path_factory.mktemp("changes")))


def _number(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(KEY_CHANGES.c.number)).scalar_one())


def test_a_change_takes_the_next_number_and_writes_down_what_it_did(engine: Engine) -> None:
    before = _number(engine)

    with changing(engine, TESTER, "team.set", now_s=NOW_S) as change:
        made = ensure_holder(change, "claims", "")
        again = ensure_holder(change, "claims", "")
        change.write_down("team:claims", before=None, after=made)

    assert change.number == _number(engine) == before + 1
    assert made is not None
    assert (made.created_at, again) == (NOW_S, None)
    with engine.connect() as connection:
        assert holder(connection, "claims", "") == made
    assert list_entries(engine, limit=1)[0].after["team"] == "claims"


def test_a_change_that_writes_nothing_down_is_none(engine: Engine) -> None:
    before = _number(engine)

    with (
        pytest.raises(AssertionError, match=r"key\.set wrote nothing down"),
        changing(engine, TESTER, "key.set", now_s=NOW_S),
    ):
        pass

    assert _number(engine) == before


def test_a_team_and_an_application_of_one_stand_in_tables_of_their_own() -> None:
    assert where("claims", "")[0] is TEAMS
    assert where("claims", "bot")[0] is APPS


def test_a_moment_is_in_utc() -> None:
    assert moment(NOW_S).isoformat() == "2026-09-21T14:13:20+00:00"
