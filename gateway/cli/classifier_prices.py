"""The two models' prices, as options."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import click

from gateway.domain.pricing import Price, per_mtok

F = TypeVar("F", bound=Callable[..., Any])


class PricePair(click.ParamType[Price, str]):
    """IN/OUT: dollars per million tokens of input and of output."""

    name = "price"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Price:
        if isinstance(value, Price):
            return value
        parts = value.split("/")
        try:
            input_usd, output_usd = map(Decimal, parts)
            return per_mtok(input_usd, output_usd)
        except (InvalidOperation, ValueError):
            self.fail(f"{value!r} is not IN/OUT, dollars per million tokens, such as 0.15/0.60", param, ctx)


def price_options(command: F) -> F:
    """`--small-price` and `--large-price`, those of the demo's models where they are not given."""
    for tier, usual in (("large", "2.50/10"), ("small", "0.15/0.60")):
        command = click.option(
            f"--{tier}-price",
            type=PricePair(),
            default=usual,
            show_default=True,
            metavar="IN/OUT",
            help=f"The {tier} model's dollars per million tokens of input and of output.",
        )(command)
    return command
