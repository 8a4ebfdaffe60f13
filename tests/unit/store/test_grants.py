"""What the grants let a role do is in tests/contract/test_grants.py; here is which tables they speak of."""

from gateway.store.audit_tables import AUDIT
from gateway.store.feedback_tables import FEEDBACK
from gateway.store.grants import SERVING, WITHHELD, grant_statements
from gateway.store.key_tables import KEY_USES
from gateway.store.outline_tables import POLICY_OUTLINES
from gateway.store.rollup_tables import ROLLUP_MARKS
from gateway.store.tables import REQUESTS
from gateway.store.text_tables import TEXTS


def test_of_every_table_it_is_said_whether_the_data_plane_has_it() -> None:
    declared = (REQUESTS, ROLLUP_MARKS, FEEDBACK, TEXTS, POLICY_OUTLINES, KEY_USES, AUDIT)
    tables = {name for table in declared for name in table.metadata.tables}

    assert {*SERVING, *WITHHELD} == tables | {"alembic_version"}
    assert not SERVING.keys() & WITHHELD


def test_of_keys_and_their_holders_nothing_can_be_changed() -> None:
    assert {SERVING[table] for table in ("virtual_keys", "teams", "apps", "key_changes")} == {"SELECT"}
    assert not any("DELETE" in privileges for privileges in SERVING.values())
    assert "audit" in WITHHELD


def test_a_role_is_quoted_whatever_its_name() -> None:
    assert all('"odd ""name"""' in statement for statement in grant_statements('odd "name"'))
