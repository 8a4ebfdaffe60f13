from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.price_tiers import Band, Hours, OffPeak, Pace, Rates, Tariff, atto_of, rates_of, unpriced_in
from gateway.domain.pricing import Price, cost_nano_usd, why_unpriced
from gateway.domain.usage import COUNTS, MoreUsage, Usage

_NANO = 10**9
_RATES = Rates(
    input_atto_usd=100 * _NANO,
    output_atto_usd=400 * _NANO,
    cached_input_atto_usd=10 * _NANO,
    cache_write_atto_usd=125 * _NANO,
    cache_write_1h_atto_usd=200 * _NANO,
    audio_input_atto_usd=1_000 * _NANO,
    image_input_atto_usd=150 * _NANO,
    cached_audio_input_atto_usd=300 * _NANO,
    reasoning_atto_usd=500 * _NANO,
    audio_output_atto_usd=2_000 * _NANO,
    image_output_atto_usd=3_000 * _NANO,
    citation_atto_usd=50 * _NANO,
    search_atto_usd=10_000_000 * _NANO,
)
_PLAIN = Rates(input_atto_usd=100 * _NANO, output_atto_usd=400 * _NANO)


def _price(rates: Rates, tariff: Tariff | None = None) -> Price:
    return Price(**{name: getattr(rates, name) for name in Rates.__struct_fields__}, tariff=tariff)


def _cost(rates: Rates, cached: int = 0, **more: Any) -> int | None:
    """Of 1,000 input and 100 output tokens; plain text costs 140,000 nano-dollars."""
    usage = Usage(input_tokens=1_000, output_tokens=100, cached_input_tokens=cached, more=MoreUsage(**more))
    return cost_nano_usd(usage, _price(rates))


@pytest.mark.parametrize(
    ("more", "with_prices", "without"),
    [
        ({}, 140_000, 140_000),
        ({"cached": 200}, 140_000 - 200 * 90, 140_000),
        ({"cache_write_tokens": 200}, 140_000 + 200 * 25, 140_000),
        ({"cache_write_1h_tokens": 200}, 140_000 + 200 * 100, 140_000),
        ({"audio_input_tokens": 10}, 140_000 + 10 * 900, None),
        ({"image_input_tokens": 10}, 140_000 + 10 * 50, 140_000),
        ({"cached": 200, "cached_audio_input_tokens": 50}, 140_000 - 150 * 90 + 50 * 200, 140_000),
        ({"reasoning_tokens": 40}, 140_000 + 40 * 100, 140_000),
        ({"audio_output_tokens": 40}, 140_000 + 40 * 1_600, None),
        ({"image_output_tokens": 40}, 140_000 + 40 * 2_600, None),
        ({"citation_tokens": 7}, 140_000 + 7 * 50, None),
        ({"searches": 2}, 140_000 + 2 * 10_000_000, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_each_dimension_costs_its_price_else_its_base_and_is_never_free(
    more: dict[str, int], with_prices: int, without: int | None
) -> None:
    assert _cost(_RATES, **more) == with_prices
    assert _cost(_PLAIN, **more) == without


def test_an_hour_in_the_cache_costs_what_a_write_does_where_it_has_no_price_of_its_own() -> None:
    assert _cost(replace(_RATES, cache_write_1h_atto_usd=None), cache_write_1h_tokens=200) == 140_000 + 200 * 25


def test_why_there_is_no_cost_names_all_that_has_no_price() -> None:
    usage = Usage(input_tokens=10, output_tokens=10, more=MoreUsage(searches=1, audio_input_tokens=1))

    assert why_unpriced(usage, _price(_PLAIN)) == "the policy file has no price for audio input and searches"
    assert why_unpriced(usage, _price(_RATES)) is None


@given(st.builds(MoreUsage, **dict.fromkeys(COUNTS, st.integers(0, 1_000))), st.sampled_from(COUNTS))
def test_more_of_anything_that_is_beside_the_tokens_never_costs_less(more: MoreUsage, name: str) -> None:
    usage = Usage(input_tokens=10_000, output_tokens=10_000, cached_input_tokens=1_000)
    extra = replace(more, **{name: getattr(more, name) + 1})

    assert atto_of(usage, extra, _RATES) >= atto_of(usage, more, _RATES)
    assert atto_of(usage, more, _RATES) > 0


@given(st.builds(MoreUsage, **dict.fromkeys(COUNTS, st.integers(0, 1_000))))
def test_the_sum_is_that_of_an_independent_recomputation(more: MoreUsage) -> None:
    usage = Usage(input_tokens=10_000, output_tokens=10_000, cached_input_tokens=1_000)
    priced = {
        "input": 10_000 - 1_000 - more.cache_write_tokens - more.cache_write_1h_tokens,
        "output": 10_000 - more.reasoning_tokens - more.audio_output_tokens - more.image_output_tokens,
        "cached_input": 1_000 - more.cached_audio_input_tokens,
        "citation": more.citation_tokens,
        "search": more.searches,
        **{
            name.removesuffix("_tokens"): getattr(more, name)
            for name in COUNTS
            if name not in ("citation_tokens", "searches")
        },
    }
    priced["input"] -= more.audio_input_tokens + more.image_input_tokens
    exact = sum(Fraction(count) * getattr(_RATES, f"{name}_atto_usd") for name, count in priced.items())

    assert atto_of(usage, more, _RATES) == exact


def test_a_large_prompt_costs_its_band_and_all_of_it() -> None:
    dear, dearest = (replace(_PLAIN, input_atto_usd=each) for each in (2, 3))
    tariff = Tariff(bands=(Band(above_tokens=200_000, rates=dearest), Band(above_tokens=128_000, rates=dear)))

    chosen = [
        rates_of(_PLAIN, tariff, Usage(input_tokens=size, output_tokens=1), None)
        for size in (128_000, 128_001, 200_000, 200_001)
    ]

    assert chosen == [_PLAIN, dear, dear, dearest]


def test_a_service_tier_has_its_own_rates_and_bands_and_others_are_standard() -> None:
    flex, flex_large = (replace(_PLAIN, input_atto_usd=each) for each in (5, 6))
    pace = Pace(rates=flex, bands=(Band(above_tokens=100, rates=flex_large),))
    tariff = Tariff(paces=(("flex", pace),))

    def served(size: int, tier: Any) -> Rates:
        usage = Usage(input_tokens=size, output_tokens=1, more=MoreUsage(service_tier=tier))
        return rates_of(_PLAIN, tariff, usage, None)

    assert (served(100, "flex"), served(101, "flex"), served(101, "batch")) == (flex, flex_large, _PLAIN)
    assert served(101, None) == _PLAIN


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("hours", "at", "inside"),
    [
        (Hours(from_s=3_600, until_s=7_200), "2026-11-30T01:00:00", True),
        (Hours(from_s=3_600, until_s=7_200), "2026-11-30T02:00:00", False),
        (Hours(from_s=59_400, until_s=1_800), "2026-11-30T00:29:59", True),
        (Hours(from_s=59_400, until_s=1_800), "2026-11-30T16:29:59", False),
        (Hours(from_s=0, until_s=0), "2026-11-30T12:00:00", True),
        (Hours(from_s=0, until_s=0, days=(6, 7)), "2026-11-29T12:00:00", True),
        (Hours(from_s=0, until_s=0, days=(6, 7)), "2026-11-30T12:00:00", False),
        (Hours(from_s=0, until_s=0, days=(1,), timezone="Asia/Shanghai"), "2026-11-29T17:00:00", True),
    ],
)
def test_hours_have_their_first_second_and_not_their_last(hours: Hours, at: str, inside: bool) -> None:
    assert hours.has(_at(at)) is inside


def test_cheap_hours_replace_what_they_name_and_thought_follows_output() -> None:
    off_peak = OffPeak(hours=(Hours(from_s=0, until_s=3_600),), output_atto_usd=7)

    cheap, dear, never = (
        rates_of(_RATES, Tariff(off_peak=off_peak), Usage(input_tokens=1, output_tokens=1), at_s)
        for at_s in (_at("2026-11-30T00:30:00"), _at("2026-11-30T12:00:00"), None)
    )

    assert cheap == replace(_RATES, output_atto_usd=7, reasoning_atto_usd=None)
    assert (dear, never) == (_RATES, _RATES)


def test_a_fee_is_paid_for_each_call() -> None:
    usage = Usage(input_tokens=0, output_tokens=0)

    assert cost_nano_usd(usage, _price(_PLAIN, Tariff(request_atto_usd=5_000 * _NANO))) == 5_000


def test_nothing_used_is_nothing_unpriced() -> None:
    assert unpriced_in(MoreUsage(), _PLAIN) is None
