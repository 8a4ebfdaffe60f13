import msgspec
import pytest

from gateway.domain.usage import MoreUsage, Usage
from gateway.providers.openai_usage import WireCompletion, WireUsage


def usage(text: str) -> Usage | None:
    return msgspec.json.decode(text, type=WireUsage).plain()


def test_tokens_are_read_and_cached_ones_are_part_of_the_input() -> None:
    text = '{"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5, "new": 1}}'

    assert usage(text) == Usage(input_tokens=9, output_tokens=4, cached_input_tokens=5)


@pytest.mark.parametrize(
    "details", ["null", "{}", '{"cached_tokens": null}', '{"cached_tokens": 0, "audio_tokens": 0}']
)
def test_without_cached_tokens_there_are_none(details: str) -> None:
    text = f'{{"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": {details}}}'

    assert usage(text) == Usage(input_tokens=9, output_tokens=0)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"prompt_tokens": 9}',
        '{"prompt_tokens": null, "completion_tokens": 4}',
        '{"prompt_tokens": -1, "completion_tokens": 4}',
        '{"prompt_tokens": 9, "completion_tokens": -4}',
        '{"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 10}}',
        '{"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": -1}}',
    ],
)
def test_counts_that_make_no_sense_are_no_usage(text: str) -> None:
    assert usage(text) is None


def test_of_an_answer_only_what_is_needed_is_read() -> None:
    answer = msgspec.json.decode('{"choices": [{"message": null}], "new": [1], "usage": null}', type=WireCompletion)

    assert answer.choices == [{"message": None}]
    assert (answer.usage, answer.error) == (None, None)


def told(prompt: str = "{}", completion: str = "{}", rest: str = "", tier: object = None) -> MoreUsage | None:
    """Of 100 prompt tokens and 50 of completion, with these details."""
    text = (
        f'{{"prompt_tokens": 100, "completion_tokens": 50, "prompt_tokens_details": {prompt},'
        f' "completion_tokens_details": {completion}{rest}}}'
    )
    found = msgspec.json.decode(text, type=WireUsage).plain(tier)
    assert found is not None
    return found.more


@pytest.mark.parametrize(
    ("prompt", "completion", "rest", "more"),
    [
        ('{"audio_tokens": 30}', "{}", "", MoreUsage(audio_input_tokens=30)),
        ('{"image_tokens": 30}', "{}", "", MoreUsage(image_input_tokens=30)),
        ('{"cache_write_tokens": 30}', "{}", "", MoreUsage(cache_write_tokens=30)),
        ('{"cache_creation_tokens": 30}', "{}", "", MoreUsage(cache_write_tokens=30)),
        (
            '{"cache_creation_tokens": 30, "cache_creation_token_details": {"ephemeral_1h_input_tokens": 20}}',
            "{}",
            "",
            MoreUsage(cache_write_tokens=10, cache_write_1h_tokens=20),
        ),
        ("{}", '{"reasoning_tokens": 40}', "", MoreUsage(reasoning_tokens=40)),
        ("{}", '{"audio_tokens": 40}', "", MoreUsage(audio_output_tokens=40)),
        ("{}", '{"image_tokens": 40}', "", MoreUsage(image_output_tokens=40)),
        ("{}", "{}", ', "citation_tokens": 7, "num_search_queries": 2', MoreUsage(citation_tokens=7, searches=2)),
        ("{}", "{}", ', "server_tool_use": {"web_search_requests": 3}', MoreUsage(searches=3)),
        ('{"web_search_requests": 3}', "{}", "", MoreUsage(searches=3)),
    ],
)
def test_each_dimension_of_usage_is_read(prompt: str, completion: str, rest: str, more: MoreUsage) -> None:
    assert told(prompt, completion, rest) == more


@pytest.mark.parametrize(("tier", "known"), [("flex", "flex"), ("priority", "priority"), ("default", None), (7, None)])
def test_a_service_tier_counts_where_it_may_have_a_price_of_its_own(tier: object, known: str | None) -> None:
    more = told(tier=tier)

    assert (None if more is None else more.service_tier) == known


@pytest.mark.parametrize("field", ["prompt_cache_hit_tokens", "cached_tokens"])
def test_tokens_from_the_cache_are_found_where_others_say_them(field: str) -> None:
    found = usage(f'{{"prompt_tokens": 9, "completion_tokens": 4, "{field}": 5}}')

    assert found == Usage(input_tokens=9, output_tokens=4, cached_input_tokens=5)


def test_thought_beside_the_completion_is_told_by_the_total_and_belongs_to_the_output() -> None:
    text = (
        '{"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 33,'
        ' "completion_tokens_details": {"reasoning_tokens": 20}}'
    )

    assert usage(text) == Usage(input_tokens=9, output_tokens=24, more=MoreUsage(reasoning_tokens=20))


def test_what_was_cached_of_sound_is_what_the_answer_says() -> None:
    details = '{"cached_tokens": 40, "audio_tokens": 60, "cached_tokens_details": {"audio_tokens": 25}}'

    assert told(details) == MoreUsage(audio_input_tokens=35, cached_audio_input_tokens=25)


def test_of_a_cache_that_says_nothing_text_comes_first() -> None:
    assert told('{"cached_tokens": 50, "audio_tokens": 60}') == MoreUsage(
        audio_input_tokens=50, cached_audio_input_tokens=10
    )


def test_details_that_are_no_counts_or_do_not_fit_are_left_out() -> None:
    assert told('{"audio_tokens": "30"}', '{"reasoning_tokens": -4}', ', "server_tool_use": 3') is None
    assert told('{"audio_tokens": 101}', '{"audio_tokens": 51}') is None


def test_what_does_not_fit_into_the_answer_says_nothing_of_the_prompt() -> None:
    assert told('{"cache_write_tokens": 30}', '{"audio_tokens": 51}') == MoreUsage(cache_write_tokens=30)
    assert told('{"cache_write_tokens": 130}', '{"audio_tokens": 5}') == MoreUsage(audio_output_tokens=5)


def test_thought_that_is_more_than_the_completion_stands_beside_it() -> None:
    """Perplexity's way, whose total leaves it out."""
    text = '{"prompt_tokens": 33, "completion_tokens": 70, "total_tokens": 103, "reasoning_tokens": 300}'

    assert usage(text) == Usage(input_tokens=33, output_tokens=370, more=MoreUsage(reasoning_tokens=300))
