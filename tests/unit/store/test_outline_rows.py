import json

from gateway.domain.outline import Clause, Outline
from gateway.store.outline_rows import OUTLINE_COLUMNS, outline_values


def test_a_row_is_in_the_order_of_its_columns_and_holds_json() -> None:
    outline = Outline(policy="p", version="v", threshold=0.5, default="d", rules=(Clause("a\0", "true", "d"),))

    (values,) = outline_values([outline])
    row = dict(zip(OUTLINE_COLUMNS, values, strict=True))

    assert (row["policy"], row["version"]) == ("p", "v")
    assert json.loads(row["outline"])["rules"] == [["a\ufffd", "true", "d"]]
