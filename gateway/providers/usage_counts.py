"""Reported counts, made sense of: the one place where what a wire format says of its usage becomes a `Usage`."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from msgspec.structs import replace

from gateway.domain.usage import MoreUsage, ServiceTier, Usage, something

_SERVICE_TIERS: Final[Mapping[str, ServiceTier]] = {tier: tier for tier in get_args(ServiceTier)}

_MOST_TOKENS: Final = 2**40
"""Beyond what any call can use: a server that says more says nothing."""
_OF_INPUT: Final = (
    *("cache_write_tokens", "cache_write_1h_tokens", "audio_input_tokens", "image_input_tokens"),
    "cached_audio_input_tokens",
)
_OF_OUTPUT: Final = ("reasoning_tokens", "audio_output_tokens", "image_output_tokens")


def count(reported: Any) -> int:
    """0 for what is missing, or no number of things: it is said beside the counts that must be right."""
    return reported if type(reported) is int and reported > 0 else 0


def service_tier(reported: Any) -> ServiceTier | None:
    """None for the standard one, and for words that no price is known for."""
    return _SERVICE_TIERS.get(reported) if isinstance(reported, str) else None


def usage_of(
    input_tokens: int | None, output_tokens: int | None, cached_tokens: int = 0, more: MoreUsage | None = None
) -> Usage | None:
    """None where the counts are missing or make no sense. Details that do not fit into them are left out."""
    if input_tokens is None or output_tokens is None:
        return None
    if not 0 <= cached_tokens <= input_tokens <= _MOST_TOKENS or not 0 <= output_tokens <= _MOST_TOKENS:
        return None
    if more is not None:
        more = something(_fitting(more, input_tokens, output_tokens, cached_tokens))
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens, cached_input_tokens=cached_tokens, more=more)


def _fitting(more: MoreUsage, input_tokens: int, output_tokens: int, cached_tokens: int) -> MoreUsage:
    """What does not fit into the prompt says nothing of the answer, nor the other way round."""
    of_input = more.cache_write_tokens + more.cache_write_1h_tokens + more.audio_input_tokens + more.image_input_tokens
    of_output = more.reasoning_tokens + more.audio_output_tokens + more.image_output_tokens
    if cached_tokens + of_input > input_tokens or more.cached_audio_input_tokens > cached_tokens:
        more = replace(more, **dict.fromkeys(_OF_INPUT, 0))
    if of_output > output_tokens:
        more = replace(more, **dict.fromkeys(_OF_OUTPUT, 0))
    if max(more.citation_tokens, more.searches) > _MOST_TOKENS:
        more = replace(more, citation_tokens=0, searches=0)
    return more
