import msgspec

from gateway.domain.kept_text import KeptText
from gateway.store.tables import REQUESTS
from gateway.store.text_rows import TEXT_COLUMNS
from gateway.store.text_tables import TEXTS


def test_there_is_one_column_for_each_field_of_a_kept_text_in_the_order_of_the_rows() -> None:
    assert (
        tuple(TEXTS.columns.keys()) == TEXT_COLUMNS == tuple(field.name for field in msgspec.structs.fields(KeptText))
    )


def test_a_text_is_known_by_the_id_of_its_request() -> None:
    assert [column.name for column in TEXTS.primary_key] == ["request_id"]
    assert repr(TEXTS.c.request_id.type) == repr(REQUESTS.c.id.type)


def test_when_a_text_goes_can_be_looked_for() -> None:
    assert {tuple(column.name for column in index.columns) for index in TEXTS.indexes} == {("expires_at",)}
