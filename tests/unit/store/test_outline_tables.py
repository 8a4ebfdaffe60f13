from gateway.store.outline_rows import OUTLINE_COLUMNS
from gateway.store.outline_tables import POLICY_OUTLINES


def test_a_version_of_a_policy_is_there_once() -> None:
    assert tuple(POLICY_OUTLINES.columns.keys()) == OUTLINE_COLUMNS
    assert [column.name for column in POLICY_OUTLINES.primary_key] == ["policy", "version"]
