from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.usage import COUNTS, MoreUsage, Usage, something, without_cache

_counts = st.integers(0, 10**9)
_more = st.builds(MoreUsage, **dict.fromkeys(COUNTS, _counts))
_usages = st.builds(
    Usage, input_tokens=_counts, output_tokens=_counts, cached_input_tokens=_counts, more=st.none() | _more
)


@dataclass(frozen=True)
class Total:
    """Every count of a usage, by name."""

    counts: dict[str, int]

    @classmethod
    def of(cls, usage: Usage) -> "Total":
        more = usage.more or MoreUsage()
        plain = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
        return cls(
            dict(zip(("input", "output", "cached"), plain, strict=True))
            | {name: getattr(more, name) for name in COUNTS}
        )

    def __add__(self, other: "Total") -> "Total":
        return Total({name: count + other.counts[name] for name, count in self.counts.items()})


@given(_usages, _usages)
def test_a_sum_has_every_dimension_of_both(one: Usage, other: Usage) -> None:
    assert Total.of(one + other) == Total.of(one) + Total.of(other)


@pytest.mark.parametrize(
    ("one", "other", "both"), [("flex", "flex", "flex"), ("flex", "batch", None), ("flex", None, None)]
)
def test_the_service_tier_of_a_sum_is_that_of_both(one: str, other: str | None, both: str | None) -> None:
    def served(tier: str | None) -> Usage:
        more = MoreUsage(searches=1, service_tier=tier)  # type: ignore[arg-type]
        return Usage(input_tokens=1, output_tokens=1, more=more)

    assert (served(one) + served(other)).service_tier == both


def test_a_sum_is_an_estimate_where_one_of_both_is() -> None:
    known, guessed = (Usage(input_tokens=1, output_tokens=1, estimated=each) for each in (False, True))

    assert (known + guessed).estimated
    assert not (known + known).estimated


def test_nothing_more_is_none() -> None:
    assert something(MoreUsage()) is None
    assert (Usage(input_tokens=1, output_tokens=1) + Usage(input_tokens=1, output_tokens=1)).more is None


def test_what_a_cache_did_is_plain_input_where_there_is_no_cache() -> None:
    cached = Usage(
        input_tokens=100,
        output_tokens=10,
        cached_input_tokens=50,
        more=MoreUsage(cache_write_tokens=20, cached_audio_input_tokens=5, audio_input_tokens=1, reasoning_tokens=3),
    )

    plain = without_cache(cached)

    assert plain == Usage(input_tokens=100, output_tokens=10, more=MoreUsage(audio_input_tokens=6, reasoning_tokens=3))
