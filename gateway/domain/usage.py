"""What a call used, in the dimensions that providers bill.

`input_tokens` is all of the prompt and `output_tokens` all of the answer. Which dimension is a part of which, and what
is beside both, stands at each field; parts of one whole do not overlap.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

ServiceTier = Literal["flex", "balanced", "priority", "ultrafast", "batch"]
"""At what pace the upstream says it served; the standard one has no name here."""


class MoreUsage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What few calls use. One that used none of it has no MoreUsage, and costs less time to price.

    cache_write_tokens        part of the input: written to a cache kept for five minutes
    cache_write_1h_tokens     part of the input: written to one kept for an hour
    audio_input_tokens        part of the input: sound that came from no cache
    image_input_tokens        part of the input: pictures that came from no cache
    cached_audio_input_tokens  part of `cached_input_tokens`
    reasoning_tokens          part of the output: thought, shown or not
    audio_output_tokens       part of the output
    image_output_tokens       part of the output
    citation_tokens           beside both: of pages found and put before the model
    searches                  beside both: queries of the web, a count
    service_tier              as the upstream's answer says; None: the standard one
    """

    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    image_input_tokens: int = 0
    cached_audio_input_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    citation_tokens: int = 0
    searches: int = 0
    service_tier: ServiceTier | None = None

    def __add__(self, other: "MoreUsage") -> "MoreUsage":
        sums = {name: getattr(self, name) + getattr(other, name) for name in COUNTS}
        return MoreUsage(**sums, service_tier=self.service_tier if self.service_tier == other.service_tier else None)


COUNTS: Final = tuple(name for name in MoreUsage.__struct_fields__ if name != "service_tier")
_NOTHING: Final = MoreUsage()


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one call. `cached_input_tokens` are part of `input_tokens`; `estimated`: the upstream gave none."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    estimated: bool = False
    more: MoreUsage | None = None

    @property
    def service_tier(self) -> ServiceTier | None:
        return None if self.more is None else self.more.service_tier

    def __add__(self, other: "Usage") -> "Usage":
        """All that both used; the service tier where both were served at the same."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            estimated=self.estimated or other.estimated,
            more=something((self.more or _NOTHING) + (other.more or _NOTHING)) if self.more or other.more else None,
        )


def something(more: MoreUsage) -> MoreUsage | None:
    """None where there is nothing in it."""
    return None if more == _NOTHING else more


def without_cache(usage: Usage) -> Usage:
    """The same call at a deployment that has none of its prompt cached and writes none of it down."""
    more = usage.more
    if more is not None:
        more = something(
            MoreUsage(
                audio_input_tokens=more.audio_input_tokens + more.cached_audio_input_tokens,
                image_input_tokens=more.image_input_tokens,
                reasoning_tokens=more.reasoning_tokens,
                audio_output_tokens=more.audio_output_tokens,
                image_output_tokens=more.image_output_tokens,
                citation_tokens=more.citation_tokens,
                searches=more.searches,
                service_tier=more.service_tier,
            )
        )
    return Usage(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, estimated=usage.estimated, more=more
    )


def without_output(usage: Usage) -> Usage:
    """The same question with no answer."""
    more = usage.more
    if more is not None:
        more = something(replace(more, reasoning_tokens=0, audio_output_tokens=0, image_output_tokens=0))
    return Usage(
        input_tokens=usage.input_tokens, output_tokens=0, cached_input_tokens=usage.cached_input_tokens, more=more
    )
