"""What a call costs, in integers: prices in atto-dollars a token, amounts in nano-dollars."""

from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Literal

import msgspec

from gateway.domain.price_tiers import Rates, Tariff, atto_of, rates_of, unpriced_in
from gateway.domain.usage import MoreUsage, Usage

ATTO_PER_USD = 10**18
NANO_PER_USD = 10**9
_ATTO_PER_NANO = ATTO_PER_USD // NANO_PER_USD
_NOTHING_MORE = MoreUsage()


class Price(Rates, frozen=True, kw_only=True, cache_hash=True):
    """What a deployment charges: its standard rates and, in `tariff`, how they vary; None: they do not."""

    tariff: Tariff | None = None
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


def cost_nano_usd(usage: Usage, price: Price, at_s: float | None = None) -> int | None:
    """The cost of a call in nano-dollars, rounded up once, at the end; None where `why_unpriced` tells why.

    at_s  when it was made, Unix time in seconds; None: at an hour of the standard price
    """
    if usage.more is not None or price.tariff is not None:
        return _cost_of_more(usage, usage.more or _NOTHING_MORE, price, at_s)
    cached_price = price.input_atto_usd if price.cached_input_atto_usd is None else price.cached_input_atto_usd
    atto = (
        (usage.input_tokens - usage.cached_input_tokens) * price.input_atto_usd
        + usage.cached_input_tokens * cached_price
        + usage.output_tokens * price.output_atto_usd
    )
    return -(-atto // _ATTO_PER_NANO)


def text_cost_nano_usd(input_tokens: int, output_tokens: int, price: Price) -> int:
    """The cost of a call of plain text, none of it cached."""
    cost = cost_nano_usd(Usage(input_tokens=input_tokens, output_tokens=output_tokens), price)
    if cost is None:
        raise ValueError("every price prices text")
    return cost


def why_unpriced(usage: Usage, price: Price, at_s: float | None = None) -> str | None:
    """What the call used that its price knows nothing of; None: nothing, it has a cost."""
    if usage.more is None:
        return None
    missing = unpriced_in(usage.more, price if price.tariff is None else rates_of(price, price.tariff, usage, at_s))
    return None if missing is None else f"the {price.source} has no price for {missing}"


@lru_cache(maxsize=1024)
def price_version(price: Price) -> str:
    """Twelve hex digits that stand for the price's numbers and where they come from."""
    return sha256(msgspec.json.encode(price)).hexdigest()[:12]


def _cost_of_more(usage: Usage, more: MoreUsage, price: Price, at_s: float | None) -> int | None:
    rates: Rates = price
    fee = 0
    if price.tariff is not None:
        rates = rates_of(price, price.tariff, usage, at_s)
        fee = price.tariff.request_atto_usd
    if unpriced_in(more, rates) is not None:
        return None
    return -(-(atto_of(usage, more, rates) + fee) // _ATTO_PER_NANO)


def usd(nano_usd: int) -> str:
    """Nano-dollars as a plain decimal number of dollars: 1500 → '0.0000015'."""
    text = f"{Decimal(nano_usd) / NANO_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
