from gateway.store.audit_tables import AUDIT


def test_an_act_is_always_somebodys_and_has_a_time_and_a_target() -> None:
    assert {column.name for column in AUDIT.columns if not column.nullable} == {
        *("id", "at", "actor", "origin", "act", "target")
    }


def test_no_column_is_for_a_key_or_its_digest() -> None:
    assert not {"key", "text", "digest"} & set(AUDIT.columns.keys())
