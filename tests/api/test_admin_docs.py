"""What docs/admin.md says of the routes, and of what the owner of the audit may do, is so."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.store.audit import list_entries
from gateway.store.engine import open_engine
from gateway.store.upgrade import upgrade
from tests.admin import CALLS
from tests.keys import a_new_key

_PAGE = Path(__file__).parents[2] / "docs" / "admin.md"
_ROW = re.compile(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) /\S*)` \| (\w+) \|", re.MULTILINE)


def test_the_table_of_routes_is_that_of_the_application() -> None:
    told = dict(_ROW.findall(_PAGE.read_text(encoding="utf-8")))

    assert told == {name: call.least or "anybody" for name, call in CALLS.items()}


@pytest.mark.service("postgresql")
def test_the_owner_of_the_audit_can_take_rows_out_as_the_page_says_and_nobody_can_after(postgres_database: str) -> None:
    statements = _PAGE.read_text(encoding="utf-8").partition("BEGIN;\n")[2].partition("COMMIT;")[0].splitlines()
    upgrade(postgres_database)
    engine = open_engine(postgres_database)
    a_new_key(engine)

    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement.replace("10 years", "0 seconds")))
    after = list_entries(engine, limit=10)
    a_new_key(engine)
    with pytest.raises(DBAPIError, match="never changed or deleted"), engine.begin() as connection:
        connection.execute(text("DELETE FROM audit"))

    engine.dispose()
    assert (len(statements), after) == (3, [])
