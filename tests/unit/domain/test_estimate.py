from msgspec.structs import replace

from gateway.domain.estimate import USUAL_OUTPUT_TOKENS, estimated_cost, expected_output_tokens
from gateway.domain.signals import measure
from tests.builders import a_deployment, a_price, a_request

_SIGNALS = replace(measure(a_request()), tokens=1_000, asked_tokens=0, max_output_tokens=0)


def test_an_answer_is_taken_to_be_as_long_as_it_was_asked_to_be() -> None:
    assert expected_output_tokens(_SIGNALS) == USUAL_OUTPUT_TOKENS
    assert expected_output_tokens(replace(_SIGNALS, asked_tokens=50)) == 50


def test_no_answer_is_longer_than_the_clients_limit() -> None:
    assert expected_output_tokens(replace(_SIGNALS, max_output_tokens=10)) == 10
    assert expected_output_tokens(replace(_SIGNALS, max_output_tokens=10, asked_tokens=50)) == 10
    assert expected_output_tokens(replace(_SIGNALS, max_output_tokens=10_000)) == USUAL_OUTPUT_TOKENS


def test_the_estimate_is_the_price_of_the_prompt_and_of_the_expected_answer() -> None:
    deployment = a_deployment(price=a_price(150, 600))

    assert estimated_cost(deployment, _SIGNALS) == 1_000 * 150 + USUAL_OUTPUT_TOKENS * 600


def test_what_the_cache_holds_costs_what_cached_tokens_cost_and_never_more_than_the_prompt() -> None:
    price = replace(a_price(150, 600), cached_input_atto_usd=15 * 10**9)
    deployment = a_deployment(price=price)

    assert estimated_cost(deployment, _SIGNALS, cached_tokens=400) == 600 * 150 + 400 * 15 + USUAL_OUTPUT_TOKENS * 600
    assert estimated_cost(deployment, _SIGNALS, cached_tokens=9_999) == 1_000 * 15 + USUAL_OUTPUT_TOKENS * 600


def test_without_a_price_there_is_no_estimate() -> None:
    assert estimated_cost(a_deployment(price=None), _SIGNALS) is None
