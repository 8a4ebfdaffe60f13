from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.baseline import Comparison, compared
from gateway.domain.pricing import Price, cost_nano_usd
from gateway.domain.usage import MoreUsage, Usage
from tests.builders import a_deployment, a_price

_SMALL = a_deployment("small-a", price=a_price(150, 600))
_LARGE = a_deployment("large-a", tier="large", rank=1, price=a_price(2_500, 10_000))
_USAGE = Usage(input_tokens=1_000, output_tokens=200)
_SPENT = 1_000 * 150 + 200 * 600
_tokens = st.integers(min_value=0, max_value=100_000)


def test_the_baseline_costs_what_the_same_tokens_cost_there() -> None:
    found = compared(_USAGE, _SMALL, _LARGE, spent_nano_usd=_SPENT)

    assert found.cost_nano_usd == 1_000 * 2_500 + 200 * 10_000


def test_a_larger_model_may_have_answered_at_072_to_347_times_the_length() -> None:
    found = compared(_USAGE, _SMALL, _LARGE, spent_nano_usd=_SPENT)

    assert found.low_nano_usd == 2_500_000 + 2_000_000 * 72 // 100 - _SPENT
    assert found.high_nano_usd == 2_500_000 + 2_000_000 * 347 // 100 - _SPENT


def test_the_limit_of_the_client_bounds_the_baselines_answer_too() -> None:
    found = compared(_USAGE, _SMALL, _LARGE, spent_nano_usd=_SPENT, most_output_tokens=220)

    assert found.high_nano_usd == 2_500_000 + 2_000_000 * 110 // 100 - _SPENT


def test_where_the_baseline_itself_answered_nothing_is_estimated() -> None:
    spent = 2_500_000 + 2_000_000

    assert compared(_USAGE, _LARGE, _LARGE, spent_nano_usd=spent) == Comparison(
        cost_nano_usd=spent, low_nano_usd=0, high_nano_usd=0
    )


def test_two_calls_to_the_baseline_are_a_loss() -> None:
    once = 2_500_000 + 2_000_000

    assert compared(_USAGE, _LARGE, _LARGE, spent_nano_usd=2 * once).low_nano_usd == -once


def test_an_estimated_usage_widens_the_span() -> None:
    estimated = replace(_USAGE, estimated=True)

    sure = compared(_USAGE, _SMALL, _LARGE, spent_nano_usd=_SPENT)
    unsure = compared(estimated, _SMALL, _LARGE, spent_nano_usd=_SPENT)

    assert sure.low_nano_usd is not None
    assert sure.high_nano_usd is not None
    assert unsure.low_nano_usd is not None
    assert unsure.high_nano_usd is not None
    assert unsure.low_nano_usd < sure.low_nano_usd
    assert unsure.high_nano_usd > sure.high_nano_usd


def test_what_was_cached_here_may_not_have_been_there() -> None:
    cached = replace(_USAGE, cached_input_tokens=800)
    large = a_deployment(
        "large-a", tier="large", rank=1, price=replace(a_price(2_500, 10_000), cached_input_atto_usd=250 * 10**9)
    )

    found = compared(cached, _SMALL, large, spent_nano_usd=0)

    assert found.cost_nano_usd == 200 * 2_500 + 800 * 250 + 2_000_000
    assert found.high_nano_usd == 1_000 * 2_500 + 2_000_000 * 347 // 100


def test_a_cache_that_was_only_written_leaves_the_span_in_its_order() -> None:
    """Writing costs more than reading anew: the baseline without a cache would have been the cheaper one."""
    written = Usage(input_tokens=100_000, output_tokens=100, more=MoreUsage(cache_write_tokens=100_000))
    price = replace(a_price(3_000, 15_000), cache_write_atto_usd=3_750 * 10**9)

    found = compared(written, _SMALL, replace(_LARGE, price=price), spent_nano_usd=0)

    assert found.cost_nano_usd == 376_500_000
    assert found.low_nano_usd is not None
    assert found.high_nano_usd is not None
    assert found.low_nano_usd <= found.cost_nano_usd <= found.high_nano_usd


def test_without_a_price_of_the_baseline_there_is_nothing_to_compare() -> None:
    unpriced = replace(_LARGE, price=None)
    sound = replace(_USAGE, more=MoreUsage(audio_input_tokens=9))

    assert compared(_USAGE, _SMALL, unpriced, spent_nano_usd=_SPENT) == Comparison()
    assert compared(sound, _SMALL, _LARGE, spent_nano_usd=_SPENT) == Comparison()


def test_without_the_cost_of_the_calls_there_is_no_saving() -> None:
    found = compared(_USAGE, _SMALL, _LARGE, spent_nano_usd=None)

    assert (found.cost_nano_usd is None, found.low_nano_usd, found.high_nano_usd) == (False, None, None)


def test_sound_from_a_cache_that_has_a_price_only_there_leaves_the_span_unknown() -> None:
    price = Price(input_atto_usd=10**9, output_atto_usd=10**9, cached_audio_input_atto_usd=10**9)
    sound = replace(_USAGE, cached_input_tokens=5, more=MoreUsage(cached_audio_input_tokens=5))

    found = compared(sound, _SMALL, replace(_LARGE, price=price), spent_nano_usd=_SPENT)

    assert (found.cost_nano_usd is None, found.low_nano_usd) == (False, None)


@given(_tokens, _tokens, st.integers(0, 2), st.integers(0, 2), st.booleans(), _tokens)
def test_the_saving_at_equal_length_lies_in_its_span(
    asked: int, said: int, served_rank: int, baseline_rank: int, estimated: bool, limit: int
) -> None:
    usage = Usage(input_tokens=asked, output_tokens=said, estimated=estimated)
    served, baseline = replace(_SMALL, rank=served_rank), replace(_LARGE, rank=baseline_rank)
    spent = cost_nano_usd(usage, a_price(150, 600))
    assert spent is not None

    found = compared(usage, served, baseline, spent_nano_usd=spent, most_output_tokens=limit)

    assert found.cost_nano_usd is not None
    assert found.low_nano_usd is not None
    assert found.high_nano_usd is not None
    assert found.low_nano_usd <= found.cost_nano_usd - spent <= found.high_nano_usd
