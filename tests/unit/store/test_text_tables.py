from gateway.store.tables import REQUESTS
from gateway.store.text_tables import TEXTS


def test_a_text_belongs_to_one_request() -> None:
    assert [column.name for column in TEXTS.primary_key] == ["request_id"]
    assert TEXTS.c.request_id.type is REQUESTS.c.id.type


def test_an_answer_may_be_missing() -> None:
    assert [column.name for column in TEXTS.columns if column.nullable] == ["answer"]
