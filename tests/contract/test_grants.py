"""A PostgreSQL role with what `sizewise db grants` prints serves, and changes no key, no audit and no record."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from gateway.cli.main import main
from gateway.domain.feedback import Feedback
from gateway.domain.outline import Outline
from gateway.store.engine import open_engine
from gateway.store.feedback import keep
from gateway.store.key_source import open_key_source
from gateway.store.reports import list_decisions
from gateway.store.sinks import open_sink
from gateway.store.texts import find_text
from gateway.store.upgrade import upgrade
from tests.builders import a_kept_text, a_record
from tests.keys import NOW_S, a_new_key

pytestmark = pytest.mark.service("postgresql")

_ROLE = "sizewise-serving"
_FORBIDDEN = (
    "INSERT INTO virtual_keys SELECT * FROM virtual_keys",
    "UPDATE virtual_keys SET revoked_at = NULL",
    "DELETE FROM virtual_keys",
    "UPDATE teams SET budgets = '[]'",
    "UPDATE apps SET limits = '{}'",
    "UPDATE key_changes SET number = 0",
    "INSERT INTO audit (at, actor, origin, act, target) VALUES (now(), 'a', 'cli', 'key.set', 'key:1')",
    "SELECT * FROM audit",
    "UPDATE requests SET cost_nano_usd = 0",
    "DELETE FROM requests",
    "TRUNCATE attempts",
    "DELETE FROM key_uses",
    "DROP TABLE virtual_keys",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "CREATE TABLE mine (id int)",
)


@pytest.fixture
def owner(postgres_database: str) -> Iterator[Engine]:
    upgrade(postgres_database)
    engine = open_engine(postgres_database)
    yield engine
    engine.dispose()


@pytest.fixture
def serving_url(owner: Engine, postgres_database: str) -> Iterator[str]:
    """The same database for the role, which was given what the command prints, twice over."""
    printed = CliRunner().invoke(main, ["db", "grants", _ROLE]).stdout
    with owner.begin() as connection:
        connection.execute(text(f'CREATE ROLE "{_ROLE}" LOGIN'))
        for statement in 2 * printed.splitlines():
            connection.execute(text(statement))
    yield make_url(postgres_database).set(username=_ROLE).render_as_string(hide_password=False)
    with owner.begin() as connection:
        connection.execute(text(f'DROP OWNED BY "{_ROLE}"'))
        connection.execute(text(f'DROP ROLE "{_ROLE}"'))


def test_it_writes_records_twice_over_and_reads_keys_and_notes_their_use(owner: Engine, serving_url: str) -> None:
    key = a_new_key(owner, team="claims").key
    sink, source = open_sink(serving_url), open_key_source(serving_url)

    revision = sink.revision()
    sink.write([a_record("req-1")])
    sink.write([a_record("req-1"), a_record("req-2")], [a_kept_text("req-2", expires_at=NOW_S + 60)])
    number, known = source.number(), source.read(-1)
    source.write_uses({key.id: NOW_S})
    source.write_uses({key.id: NOW_S + 1})
    sink.close()
    source.close()

    said = Feedback(request_id="req-1", label="good", given_at=NOW_S)
    serving = open_engine(serving_url)
    kept = keep(serving, said, a_record().key_id)
    sink.note([Outline(policy="p", version="v", threshold=0.5, default="d")])
    sink.close()
    serving.dispose()

    assert revision is not None
    assert kept == said
    assert find_text(owner, "req-2", datetime.fromtimestamp(NOW_S, UTC)) is not None
    assert {record.id for record in list_decisions(owner, limit=10)} == {"req-1", "req-2"}
    assert (number, [kept.key.id for kept in known.keys]) == (1, [key.id])


@pytest.mark.parametrize("statement", _FORBIDDEN)
def test_it_changes_nothing_else(owner: Engine, serving_url: str, statement: str) -> None:
    engine = open_engine(serving_url)

    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), engine.begin() as connection:
        connection.execute(text(statement))

    engine.dispose()
