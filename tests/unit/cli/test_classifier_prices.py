from decimal import Decimal

import click
import pytest

from gateway.cli.classifier_prices import PricePair
from gateway.domain.pricing import per_mtok


def test_a_price_is_dollars_per_million_tokens_in_and_out() -> None:
    assert PricePair().convert("0.15/0.60", None, None) == per_mtok(Decimal("0.15"), Decimal("0.60"))


@pytest.mark.parametrize("value", ["", "1", "1/2/3", "a/b", "-1/2", "nan/1", "1/"])
def test_anything_else_is_wrong_use(value: str) -> None:
    with pytest.raises(click.BadParameter, match="is not IN/OUT, dollars per million tokens"):
        PricePair().convert(value, None, None)
