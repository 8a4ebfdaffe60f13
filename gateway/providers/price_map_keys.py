"""The words of litellm's price map: which of its keys is which of our prices, and which are passed over, and why."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from gateway.domain.usage import ServiceTier

RATES: Final[Mapping[str, str]] = {
    "input_cost_per_token": "input_atto_usd",
    "output_cost_per_token": "output_atto_usd",
    "cache_read_input_token_cost": "cached_input_atto_usd",
    "cache_creation_input_token_cost": "cache_write_atto_usd",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h_atto_usd",
    "input_cost_per_audio_token": "audio_input_atto_usd",
    "input_cost_per_image_token": "image_input_atto_usd",
    "cache_read_input_audio_token_cost": "cached_audio_input_atto_usd",
    "output_cost_per_reasoning_token": "reasoning_atto_usd",
    "output_cost_per_audio_token": "audio_output_atto_usd",
    "output_cost_per_image_token": "image_output_atto_usd",
    "citation_cost_per_token": "citation_atto_usd",
}
"""What a key says the price of is; with a suffix it is that of a large prompt, of a service tier, or of both."""

SERVICE_TIERS: Final[Mapping[str, ServiceTier]] = {
    "flex": "flex",
    "balanced": "balanced",
    "priority": "priority",
    "ultrafast": "ultrafast",
    "batches": "batch",
}

WHOLE: Final = frozenset({
    "input_cost_per_request", "off_peak_pricing", "search_context_cost_per_query", "tiered_pricing",
})  # fmt: skip
"""Keys that are read as they stand."""

IGNORED: Final[Mapping[str, str]] = {
    "input_cost_per_token_cache_hit": "says again what cache_read_input_token_cost does",
    "explicit_cache_read_input_token_cost": "answers do not tell which kind of cache was read: the dearer price holds",
    "input_dbu_cost_per_token": "says again in Databricks units what input_cost_per_token does",
    "output_dbu_cost_per_token": "says again in Databricks units what output_cost_per_token does",
    "input_cost_per_character": "where models are billed by characters too, tokens are reported, and priced",
    "output_cost_per_character": "where models are billed by characters too, tokens are reported, and priced",
    "input_cost_per_image": "says again by the picture what its tokens cost",
    "output_cost_per_image": "says again by the picture what its tokens cost",
    "input_cost_per_second": "capacity that is bought by time: a policy file says what an hour of it costs",
    "cost_per_second": "capacity that is bought by time: a policy file says what an hour of it costs",
    "input_cost_per_audio_per_second": "no chat answer tells how long its sound lasts",
    "input_cost_per_video_per_second": "no chat answer tells how long its film lasts",
    "output_cost_per_video_token": "no chat answer brings a film",
    "google_maps_grounding_cost_per_query": "Google's own tool, which no chat request can ask for",
    "code_interpreter_cost_per_session": "of containers, not of chat",
    "search_free_requests": "free searches are a matter of the account, not of a call",
    "web_search_billing_unit": "searches are counted as the answer reports them",
    "provider_specific_entry": "no chat request of ours asks for a region or a speed of its own",
    "regional_endpoint_uplift_multiplier": "a policy file's price says what a region costs",
    "regional_processing_uplift_multiplier_eu": "a policy file's price says what a region costs",
    "regional_processing_uplift_multiplier_us": "a policy file's price says what a region costs",
}
IGNORED_TIERS: Final[Mapping[str, str]] = {"decisions": "of an endpoint of OpenAI's that is not chat"}

_LONGEST_FIRST: Final = sorted(RATES, key=len, reverse=True)
_SUFFIX: Final = re.compile(r"(?:_above_(?P<above>\d+k?)_tokens)?(?:_(?P<tier>[a-z]+))?")


class RateKey(Struct, frozen=True, kw_only=True):
    """A key taken apart.

    name           of the rate
    above_tokens   of prompts larger than that; 0: of all
    service_tier   None: of the standard one
    """

    name: str
    above_tokens: int = 0
    service_tier: ServiceTier | None = None


def rate_key(key: str) -> RateKey | None:
    """None for a key that is no price of ours."""
    base = next((base for base in _LONGEST_FIRST if key.startswith(base)), None)
    if base is None:
        return None
    found = _SUFFIX.fullmatch(key, len(base))
    if found is None or (found["tier"] is not None and found["tier"] not in SERVICE_TIERS):
        return None
    return RateKey(
        name=RATES[base],
        above_tokens=_tokens(found["above"] or "0"),
        service_tier=SERVICE_TIERS[found["tier"]] if found["tier"] else None,
    )


def why_ignored(key: str) -> str | None:
    """Why a key about money is passed over; None: it is not."""
    tier = next((why for tier, why in IGNORED_TIERS.items() if key.endswith(f"_{tier}")), None)
    return tier or IGNORED.get(re.sub(r"_above_\d+k?_tokens$", "", key))


def _tokens(text: str) -> int:
    return int(text.removesuffix("k")) * (1_000 if text.endswith("k") else 1)
