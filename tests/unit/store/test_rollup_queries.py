"""The sums themselves: tests/contract/test_ledger.py."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Select, Table

from gateway.store.rollup_queries import attempts_of_hour, usage_of_hour
from gateway.store.rollup_tables import ATTEMPTS_HOURLY, USAGE_HOURLY

_HOUR = datetime(2026, 9, 21, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "table"), [(usage_of_hour(_HOUR), USAGE_HOURLY), (attempts_of_hour(_HOUR), ATTEMPTS_HOURLY)]
)
def test_every_column_of_the_table_is_filled(query: Select[Any], table: Table) -> None:
    assert {column.name for column in query.selected_columns} | {"hour"} == set(table.columns.keys())
