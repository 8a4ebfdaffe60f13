"""What is in it: tests/contract/test_feedback.py."""

from sqlalchemy.dialects import postgresql

from gateway.store.feedback_tables import FEEDBACK
from gateway.store.tables import REQUESTS


def test_ids_compare_as_those_of_the_records_do() -> None:
    types = [column.type.dialect_impl(postgresql.dialect()) for column in (FEEDBACK.c.request_id, REQUESTS.c.id)]  # type: ignore[no-untyped-call]

    assert [getattr(each, "collation", None) for each in types] == ["C", "C"]


def test_feedback_may_be_without_score_and_comment_only() -> None:
    assert {column.name for column in FEEDBACK.columns if column.nullable} == {"score", "comment"}
