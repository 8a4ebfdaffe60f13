import msgspec
from sqlalchemy import LargeBinary

from gateway.domain.keyring import Holder, StoredKey
from gateway.store.key_tables import APPS, KEY_USES, TEAMS, VIRTUAL_KEYS


def test_a_key_has_one_column_for_each_field_its_digest_and_the_number_of_its_change() -> None:
    fields = {field.name for field in msgspec.structs.fields(StoredKey)}

    assert set(VIRTUAL_KEYS.columns.keys()) == fields | {"digest", "change"}


def test_teams_and_applications_have_one_column_for_each_field_of_a_holder() -> None:
    fields = {field.name for field in msgspec.structs.fields(Holder)} - {"team", "app"}

    assert set(TEAMS.columns.keys()) == fields | {"name", "change"}
    assert set(APPS.columns.keys()) == fields | {"team", "name", "change"}


def test_what_the_data_plane_writes_is_a_table_of_its_own() -> None:
    assert set(KEY_USES.columns.keys()) == {"key_id", "last_used_at"}


def test_a_digest_is_bytes() -> None:
    assert isinstance(VIRTUAL_KEYS.c.digest.type, LargeBinary)
