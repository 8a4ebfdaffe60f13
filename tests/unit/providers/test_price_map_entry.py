import json
from typing import Any

import msgspec
import pytest

from gateway.domain.price_tiers import Hours
from gateway.domain.pricing import Price, cost_nano_usd
from gateway.domain.usage import MoreUsage, Usage
from gateway.providers.price_map_entry import price_of

_USD = 1e-6


def _price(**entry: Any) -> Price:
    base = {"input_cost_per_token": 1 * _USD, "output_cost_per_token": 4 * _USD}
    found = price_of(msgspec.Raw(json.dumps(base | entry).encode()), ("",))
    assert found is not None
    return found


def _cost_usd_per_million(price: Price, input_tokens: int, output_tokens: int = 0, **more: Any) -> float:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, more=MoreUsage(**more))
    cost = cost_nano_usd(usage, price, more.get("at_s"))
    assert cost is not None
    return cost / 1_000


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("cache_read_input_token_cost", "cached_input_atto_usd"),
        ("cache_creation_input_token_cost", "cache_write_atto_usd"),
        ("cache_creation_input_token_cost_above_1hr", "cache_write_1h_atto_usd"),
        ("input_cost_per_audio_token", "audio_input_atto_usd"),
        ("output_cost_per_reasoning_token", "reasoning_atto_usd"),
        ("output_cost_per_audio_token", "audio_output_atto_usd"),
        ("output_cost_per_image_token", "image_output_atto_usd"),
        ("citation_cost_per_token", "citation_atto_usd"),
    ],
)
def test_a_rate_is_read_to_the_atto_dollar(key: str, field: str) -> None:
    assert getattr(_price(**{key: 3e-7}), field) == 3 * 10**11


def test_a_large_prompt_has_the_price_of_its_size() -> None:
    price = _price(input_cost_per_token_above_200k_tokens=2 * _USD, output_cost_per_token_above_200k_tokens=6 * _USD)

    assert _cost_usd_per_million(price, 200_000, 10) == 200_000 + 40
    assert _cost_usd_per_million(price, 200_001, 10) == 400_002 + 60


def test_a_service_tier_has_its_price_and_standard_bands_where_it_has_none() -> None:
    price = _price(input_cost_per_token_flex=0.5 * _USD, input_cost_per_token_above_128k_tokens=3 * _USD)

    assert _cost_usd_per_million(price, 1_000, service_tier="flex") == 500
    assert _cost_usd_per_million(price, 1_000, service_tier="priority") == 1_000
    assert _cost_usd_per_million(price, 200_000, service_tier="flex") == 600_000


def test_a_range_prices_all_of_a_call() -> None:
    price = _price(
        tiered_pricing=[
            {"range": [0, 32_000], "input_cost_per_token": 1 * _USD, "output_cost_per_token": 2 * _USD},
            {"range": [32_000, 128_000], "input_cost_per_token": 3 * _USD, "output_cost_per_token": 5 * _USD},
        ]
    )

    assert _cost_usd_per_million(price, 32_000, 10) == 32_000 + 20
    assert _cost_usd_per_million(price, 32_001, 10) == 96_003 + 50


def test_a_search_costs_what_one_of_medium_size_does() -> None:
    price = _price(search_context_cost_per_query={"search_context_size_medium": 0.01})

    assert price.search_atto_usd == 10**16


def test_a_request_may_cost_something_by_itself() -> None:
    assert _cost_usd_per_million(_price(input_cost_per_request=0.005), 0) == 5_000


def test_cheap_hours_are_read_in_utc() -> None:
    tariff = _price(off_peak_pricing={"hours_utc": "16:30-00:30", "input_cost_per_token": 0.5 * _USD}).tariff

    assert tariff is not None
    assert tariff.off_peak is not None
    assert tariff.off_peak.hours == (Hours(from_s=16 * 3600 + 1800, until_s=1800),)
    assert tariff.off_peak.input_atto_usd == 5 * 10**11


def test_a_threshold_that_is_itself_dear_is_read_so() -> None:
    price = _price(litellm_provider="xai", input_cost_per_token_above_128k_tokens=2 * _USD)

    assert _cost_usd_per_million(price, 128_000) == 256_000


@pytest.mark.parametrize(
    "entry",
    [
        {"output_cost_per_token": None},
        {"input_cost_per_token": 0, "output_cost_per_token": 0},
        {"litellm_provider": "x"},
    ],
)
def test_what_has_no_price_for_tokens_or_is_somebody_elses_has_none(entry: dict[str, Any]) -> None:
    base = {"input_cost_per_token": 1 * _USD, "output_cost_per_token": 4 * _USD}

    assert price_of(msgspec.Raw(json.dumps(base | entry).encode()), ("openai",)) is None
