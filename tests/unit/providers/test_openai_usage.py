import msgspec
import pytest

from gateway.domain.usage import Usage
from gateway.providers.openai_usage import WireCompletion, WireUsage


def usage(text: str) -> Usage | None:
    return msgspec.json.decode(text, type=WireUsage).plain()


def test_tokens_are_read_and_cached_ones_are_part_of_the_input() -> None:
    text = '{"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5, "new": 1}}'

    assert usage(text) == Usage(input_tokens=9, output_tokens=4, cached_input_tokens=5)


@pytest.mark.parametrize(
    "details", ["null", "{}", '{"cached_tokens": null}', '{"cached_tokens": 0, "audio_tokens": 1}']
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
