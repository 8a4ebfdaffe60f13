from decimal import ROUND_CEILING, Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.pricing import Price, amortised, atto_usd, cost_nano_usd, per_mtok, usd
from gateway.domain.usage import Usage
from tests.builders import a_price

_EXACT = Context(prec=200)
_tokens = st.integers(0, 10**9)
_atto = st.integers(0, 10**16)


@st.composite
def _usages(draw: st.DrawFn) -> Usage:
    input_tokens = draw(_tokens)
    return Usage(
        input_tokens=input_tokens,
        output_tokens=draw(_tokens),
        cached_input_tokens=draw(st.integers(0, input_tokens)),
        estimated=draw(st.booleans()),
    )


_prices = st.builds(Price, input_atto_usd=_atto, output_atto_usd=_atto, cached_input_atto_usd=st.none() | _atto)


@settings(deadline=None)
@given(_usages(), _prices)
def test_a_cost_is_the_decimal_sum_rounded_up_once(usage: Usage, price: Price) -> None:
    cached = price.input_atto_usd if price.cached_input_atto_usd is None else price.cached_input_atto_usd
    amounts = (
        (usage.input_tokens - usage.cached_input_tokens, price.input_atto_usd),
        (usage.cached_input_tokens, cached),
        (usage.output_tokens, price.output_atto_usd),
    )
    exact_nano = sum((_EXACT.multiply(Decimal(n), Decimal(each).scaleb(-9, _EXACT)) for n, each in amounts), Decimal(0))

    cost = cost_nano_usd(usage, price)

    assert cost == int(exact_nano.to_integral_value(ROUND_CEILING))


def test_a_fraction_of_a_nano_dollar_is_rounded_up() -> None:
    price = Price(input_atto_usd=1, output_atto_usd=0)

    assert cost_nano_usd(Usage(input_tokens=1, output_tokens=0), price) == 1


def test_a_call_without_tokens_costs_nothing() -> None:
    assert cost_nano_usd(Usage(input_tokens=0, output_tokens=0), a_price()) == 0


def test_cached_tokens_have_their_own_price() -> None:
    price = per_mtok(Decimal("2.5"), Decimal(10), Decimal("1.25"))

    cost = cost_nano_usd(Usage(input_tokens=1_000, output_tokens=100, cached_input_tokens=800), price)

    assert cost == 200 * 2_500 + 800 * 1_250 + 100 * 10_000


def test_cached_tokens_without_a_price_of_their_own_cost_what_the_others_do() -> None:
    plain = cost_nano_usd(Usage(input_tokens=10, output_tokens=1), a_price())

    assert cost_nano_usd(Usage(input_tokens=10, output_tokens=1, cached_input_tokens=9), a_price()) == plain


@settings(deadline=None)
@given(_usages(), _usages())
def test_usages_add_up_and_one_estimate_makes_the_sum_an_estimate(one: Usage, other: Usage) -> None:
    total = one + other

    assert total.input_tokens == one.input_tokens + other.input_tokens
    assert total.output_tokens == one.output_tokens + other.output_tokens
    assert total.cached_input_tokens == one.cached_input_tokens + other.cached_input_tokens
    assert total.estimated == (one.estimated or other.estimated)


@settings(deadline=None)
@given(st.integers(0, 10**12))
def test_every_price_published_per_million_tokens_is_a_whole_number_of_atto_dollars(nano_per_mtok: int) -> None:
    published = Decimal(nano_per_mtok).scaleb(-9)

    price = per_mtok(published, published)

    assert price.input_atto_usd == price.output_atto_usd == nano_per_mtok * 10**3
    assert price.cached_input_atto_usd is None


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity", "-Infinity"])
def test_a_negative_or_non_finite_price_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=f"a price is a finite number of dollars, 0 or more, not {amount}"):
        atto_usd(Decimal(amount))


def test_a_self_hosted_models_hour_is_spread_over_the_tokens_it_generates() -> None:
    price = amortised(Decimal("3.60"), Decimal(1_000))

    assert (price.input_atto_usd, price.output_atto_usd) == (0, 10**12)
    assert price.source == "amortised"
    assert cost_nano_usd(Usage(input_tokens=500, output_tokens=3_600_000), price) == 3_600_000_000


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (1_500, "0.0000015"),
        (19_800, "0.0000198"),
        (10**9, "1"),
        (10**10, "10"),
        (1_230_000_000, "1.23"),
        (-1_500, "-0.0000015"),
    ],
)
def test_dollars_are_plain_decimal_text(nano_usd: int, text: str) -> None:
    assert usd(nano_usd) == text


@settings(deadline=None)
@given(st.integers(-(10**27), 10**27))
def test_dollars_as_text_lose_nothing(nano_usd: int) -> None:
    text = usd(nano_usd)

    assert Decimal(text).scaleb(9, _EXACT) == nano_usd
    assert "E" not in text
    assert "." not in text or not text.endswith(("0", "."))
