import re

import msgspec
import pytest

from gateway.providers.price_map import _bundled
from gateway.providers.price_map_keys import IGNORED, RATES, WHOLE, RateKey, rate_key, why_ignored

_CHAT = {"chat", "completion", "responses"}
_MONEY = re.compile(r"cost|pricing|price|_uplift|free_|billing|provider_specific_entry")


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("input_cost_per_token", RateKey(name="input_atto_usd")),
        ("output_cost_per_token_above_200k_tokens", RateKey(name="output_atto_usd", above_tokens=200_000)),
        ("input_cost_per_token_flex", RateKey(name="input_atto_usd", service_tier="flex")),
        ("input_cost_per_token_batches", RateKey(name="input_atto_usd", service_tier="batch")),
        (
            "cache_read_input_token_cost_above_272k_tokens_priority",
            RateKey(name="cached_input_atto_usd", above_tokens=272_000, service_tier="priority"),
        ),
        ("cache_creation_input_token_cost_above_1hr", RateKey(name="cache_write_1h_atto_usd")),
        (
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
            RateKey(name="cache_write_1h_atto_usd", above_tokens=200_000),
        ),
        ("input_cost_per_image", None),
        ("input_cost_per_token_tomorrow", None),
        ("litellm_provider", None),
    ],
)
def test_a_key_is_taken_apart(key: str, read: RateKey | None) -> None:
    assert rate_key(key) == read


def test_every_key_about_money_of_a_chat_model_is_priced_or_passed_over_for_a_reason() -> None:
    entries = msgspec.json.decode(_bundled().read_bytes(), type=dict[str, dict[str, object]])
    keys = {key for entry in entries.values() if entry.get("mode") in _CHAT for key in entry if _MONEY.search(key)}

    unknown = {key for key in keys if rate_key(key) is None and key not in WHOLE and why_ignored(key) is None}

    assert len(keys) > 20
    assert unknown == set()


def test_no_key_is_both_priced_and_passed_over() -> None:
    assert not {key for key in IGNORED if rate_key(key) is not None}
    assert not set(RATES) & WHOLE
