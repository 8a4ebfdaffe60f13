"""What a call costs, in integers: prices in atto-dollars a token, amounts in nano-dollars."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

ATTO_PER_USD = 10**18
NANO_PER_USD = 10**9
_ATTO_PER_NANO = ATTO_PER_USD // NANO_PER_USD


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one call. `cached_input_tokens` are part of `input_tokens`; `estimated`: the upstream gave none."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            estimated=self.estimated or other.estimated,
        )


class Price(Struct, frozen=True, kw_only=True):
    """Atto-dollars (1e-18 USD) for each token; every price published per million tokens is a whole number of them."""

    input_atto_usd: int
    output_atto_usd: int
    cached_input_atto_usd: int | None = None
    """None: cached tokens cost what the others do."""
    source: Literal["price map", "policy file", "amortised"] = "policy file"


def atto_usd(usd: Decimal) -> int:
    """Turn dollars into atto-dollars; raises ValueError for a negative or non-finite amount."""
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"a price is a finite number of dollars, 0 or more, not {usd}")
    return int(usd * ATTO_PER_USD)


def per_mtok(input_usd: Decimal, output_usd: Decimal, cached_input_usd: Decimal | None = None) -> Price:
    """A price as providers publish it: dollars per million tokens."""
    return Price(
        input_atto_usd=atto_usd(input_usd / 1_000_000),
        output_atto_usd=atto_usd(output_usd / 1_000_000),
        cached_input_atto_usd=None if cached_input_usd is None else atto_usd(cached_input_usd / 1_000_000),
    )


def amortised(gpu_hour_usd: Decimal, tokens_per_second: Decimal) -> Price:
    """A self-hosted model's price: an hour of its hardware spread over the tokens it generates in that hour."""
    each = atto_usd(gpu_hour_usd / 3600 / tokens_per_second)
    return Price(input_atto_usd=0, output_atto_usd=each, source="amortised")


def cost_nano_usd(usage: Usage, price: Price) -> int:
    """The cost of a call in nano-dollars, rounded up once, at the end."""
    cached_price = price.input_atto_usd if price.cached_input_atto_usd is None else price.cached_input_atto_usd
    atto = (
        (usage.input_tokens - usage.cached_input_tokens) * price.input_atto_usd
        + usage.cached_input_tokens * cached_price
        + usage.output_tokens * price.output_atto_usd
    )
    return -(-atto // _ATTO_PER_NANO)


def usd(nano_usd: int) -> str:
    """Nano-dollars as a plain decimal number of dollars: 1500 → '0.0000015'."""
    text = f"{Decimal(nano_usd) / NANO_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
