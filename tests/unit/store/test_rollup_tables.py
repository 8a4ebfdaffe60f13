import pytest
from sqlalchemy import Table

from gateway.store.rollup_tables import ATTEMPTS_HOURLY, USAGE_HOURLY


@pytest.mark.parametrize("table", [USAGE_HOURLY, ATTEMPTS_HOURLY], ids=lambda table: str(table.name))
def test_nothing_in_a_sum_is_unknown(table: Table) -> None:
    assert [column.name for column in table.columns if column.nullable] == []


def test_there_is_room_for_feedback() -> None:
    assert {"feedback_good", "feedback_bad"} <= set(USAGE_HOURLY.columns.keys())
