import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.usage import COUNTS, MoreUsage, Usage
from gateway.providers.usage_counts import count, service_tier, usage_of

_counts = st.integers(min_value=0, max_value=200)


@pytest.mark.parametrize("reported", [None, -1, 0, True, 2.0, "3", [4], {}])
def test_what_is_no_number_of_things_counts_nothing(reported: object) -> None:
    assert count(reported) == 0


def test_a_number_of_things_is_taken_as_it_is() -> None:
    assert count(7) == 7


@pytest.mark.parametrize(("reported", "known"), [("batch", "batch"), ("standard", None), ("scale", None), ([], None)])
def test_only_tiers_with_a_name_in_prices_are_told_apart(reported: object, known: str | None) -> None:
    assert service_tier(reported) == known


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens", "cached"),
    [(None, 1, 0), (1, None, 0), (1, -1, 0), (1, 1, 2), (1, 1, -1), (10**20, 1, 0), (1, 10**20, 0)],
)
def test_counts_that_make_no_sense_are_none(input_tokens: int | None, output_tokens: int | None, cached: int) -> None:
    assert usage_of(input_tokens, output_tokens, cached) is None


@given(st.builds(MoreUsage, **dict.fromkeys(COUNTS, _counts)), _counts, _counts, _counts)
def test_the_parts_of_a_usage_never_exceed_their_whole(more: MoreUsage, asked: int, said: int, cached: int) -> None:
    found = usage_of(asked, said, min(cached, asked), more)

    assert found is not None
    assert (found.input_tokens, found.output_tokens) == (asked, said)
    kept = found.more or MoreUsage()
    parts = kept.cache_write_tokens + kept.cache_write_1h_tokens + kept.audio_input_tokens + kept.image_input_tokens
    assert found.cached_input_tokens + parts <= asked
    assert kept.cached_audio_input_tokens <= found.cached_input_tokens
    assert kept.reasoning_tokens + kept.audio_output_tokens + kept.image_output_tokens <= said


def test_what_is_beside_both_stays_where_the_parts_do_not_fit() -> None:
    found = usage_of(10, 5, 0, MoreUsage(reasoning_tokens=6, searches=2, citation_tokens=9, service_tier="flex"))
    absurd = usage_of(10, 5, 0, MoreUsage(searches=10**20))

    more = MoreUsage(searches=2, citation_tokens=9, service_tier="flex")
    assert found == Usage(input_tokens=10, output_tokens=5, more=more)
    assert absurd == Usage(input_tokens=10, output_tokens=5)
