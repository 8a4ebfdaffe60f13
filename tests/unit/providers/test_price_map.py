import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.pricing import Price, per_mtok
from gateway.providers.price_map import PriceMap
from gateway.providers.price_map_entry import price_of


def _map(directory: Path, **entries: dict[str, Any]) -> PriceMap:
    return PriceMap(_written(directory, json.dumps(entries)))


def _written(directory: Path, text: str) -> Path:
    path = directory / "prices.json"
    path.write_text(text, encoding="utf-8")
    return path


def _entry(input_usd: float, output_usd: float, **more: Any) -> dict[str, Any]:
    return {"input_cost_per_token": input_usd, "output_cost_per_token": output_usd, **more}


def test_a_price_is_read_exactly_not_through_binary_fractions(tmp_path: Path) -> None:
    text = '{"m": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 0.00000060}}'

    price = PriceMap(_written(tmp_path, text))("openai", "m")

    assert price == Price(input_atto_usd=150 * 10**9, output_atto_usd=600 * 10**9, source="price map")


def test_cached_tokens_have_their_price_where_the_map_has_one(tmp_path: Path) -> None:
    prices = _map(tmp_path, a=_entry(2e-6, 8e-6, cache_read_input_token_cost=5e-7), b=_entry(2e-6, 8e-6))

    cached, plain = prices("openai", "a"), prices("openai", "b")

    assert cached is not None
    assert plain is not None
    assert (cached.cached_input_atto_usd, plain.cached_input_atto_usd) == (5 * 10**11, None)


def test_the_providers_own_entry_goes_before_the_models(tmp_path: Path) -> None:
    prices = _map(tmp_path, **{"azure/m": _entry(2e-6, 2e-6), "m": _entry(1e-6, 1e-6)})

    azure, openai = prices("azure", "m"), prices("openai", "m")

    assert azure is not None
    assert openai is not None
    assert (azure.input_atto_usd, openai.input_atto_usd) == (2 * 10**12, 10**12)


def test_a_model_the_map_does_not_know_has_no_price(tmp_path: Path) -> None:
    assert _map(tmp_path, m=_entry(1e-6, 1e-6))("openai", "another") is None


@pytest.mark.parametrize(
    "entry",
    [{}, {"input_cost_per_token": 1e-6}, {"output_cost_per_token": 1e-6}, {"input_cost_per_second": 1e-3}],
)
def test_an_entry_without_both_token_prices_is_no_price_never_zero(tmp_path: Path, entry: dict[str, Any]) -> None:
    assert _map(tmp_path, m=entry)("openai", "m") is None


def test_where_the_providers_entry_has_no_token_prices_the_models_is_taken(tmp_path: Path) -> None:
    prices = _map(tmp_path, **{"azure/m": {"mode": "chat"}, "m": _entry(1e-6, 1e-6)})

    assert prices("azure", "m") is not None


def test_other_entries_are_not_looked_at(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        '{"sample": {"input_cost_per_token": "as text"}, "m": {"input_cost_per_token": 1, "output_cost_per_token": 1}}',
    )

    assert PriceMap(path)("openai", "m") is not None


def test_a_map_that_was_let_go_is_read_again(tmp_path: Path) -> None:
    prices = _map(tmp_path, m=_entry(1e-6, 1e-6))
    assert prices("openai", "m") is not None

    prices.forget()
    _map(tmp_path, n=_entry(1e-6, 1e-6))

    assert prices("openai", "m") is None
    assert prices("openai", "n") is not None


def test_the_bundled_map_knows_a_published_price() -> None:
    price = PriceMap()("openai", "gpt-4o-mini")

    published = per_mtok(Decimal("0.15"), Decimal("0.60"))
    assert price is not None
    assert (price.input_atto_usd, price.output_atto_usd) == (published.input_atto_usd, published.output_atto_usd)


@pytest.mark.parametrize(
    "model", ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-opus-4-5"]
)
def test_the_bundled_map_prices_what_an_anthropic_deployment_names(model: str) -> None:
    price = PriceMap()("anthropic", model)

    assert price is not None
    assert price.cached_input_atto_usd is not None
    assert price.cached_input_atto_usd * 10 == price.input_atto_usd


def test_every_entry_of_the_bundled_map_can_be_read() -> None:
    prices = PriceMap()

    priced = [model for model, raw in prices._load().items() if price_of(raw, ("",)) is not None]

    assert len(priced) > 1_000


def test_an_entry_named_by_the_model_alone_is_for_its_own_provider_only(tmp_path: Path) -> None:
    prices = _map(tmp_path, m={**_entry(1e-6, 2e-6), "litellm_provider": "openai"})

    assert prices("openai", "m") is not None
    assert prices("vllm", "m") is None
