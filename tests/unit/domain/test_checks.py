from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answer import EVERY_CHECK, Answer, Checks, ToolCall
from gateway.domain.checks import check
from gateway.domain.request import ChatRequest, Message
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.cpu_time import cpu_s

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]


def _codes(answer: Answer | str, request: ChatRequest | None = None, wanted: Checks = EVERY_CHECK) -> list[str]:
    request = request or a_request()
    answer = Answer(text=answer, finish_reason="stop") if isinstance(answer, str) else answer
    return [failure.code for failure in check(answer, request, measure(request), wanted)]


def _for_json(**response_format: Any) -> ChatRequest:
    return a_request("Give me the city as JSON", structured=True, payload={"response_format": response_format})


def _with_tools(tools: list[Any] = TOOLS, **payload: Any) -> ChatRequest:
    return a_request("How is the weather in Rome?", tools=len(tools), payload={"tools": tools, **payload})


def _called(name: str, arguments: str) -> Answer:
    return Answer(text="", finish_reason="tool_calls", tool_calls=(ToolCall(name=name, arguments=arguments),))


def test_a_good_answer_fails_nothing() -> None:
    assert _codes("The capital of France is Paris.") == []


@pytest.mark.parametrize("text", ["", " \n", "\u200b\ufeff", "<think>hm, what now</think>\n", "<think>hm, what"])
def test_an_empty_answer_fails_as_empty_alone(text: str) -> None:
    assert _codes(text) == ["empty"]


def test_a_tool_call_needs_no_text() -> None:
    assert _codes(_called("weather", '{"city": "Rome"}'), _with_tools()) == []


def test_an_answer_that_was_cut_is_truncated() -> None:
    assert _codes(Answer(text="The capital of", finish_reason="length")) == ["truncated"]


def test_an_answer_of_one_token_was_cut_as_the_client_wished() -> None:
    assert _codes(Answer(text="Yes", finish_reason="length"), a_request(max_output_tokens=1)) == []


def test_an_answer_that_ends_in_mid_sentence_at_its_limit_is_truncated_whatever_it_says() -> None:
    text = "The capital of France is Paris, which lies on the river Seine and has about two million inhabitants and"

    assert _codes(text, a_request(max_output_tokens=20)) == ["truncated"]
    assert _codes(text, a_request(max_output_tokens=200)) == []
    assert _codes(f"{text} more.", a_request(max_output_tokens=20)) == []


def test_a_refusal_fails_unless_one_was_asked_for() -> None:
    refusal = "I'm sorry, but I can't help with that."

    assert _codes(refusal) == ["refused"]
    assert _codes(refusal, a_request("Write a polite refusal for the support bot")) == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="", refusal="No."),
        Answer(text="Well", finish_reason="content_filter"),
        Answer(text="a", refusal="b"),
    ],
)
def test_a_refusal_the_provider_marks_needs_no_words(answer: Answer) -> None:
    assert _codes(answer) == ["refused"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('{"city": "Rome"}', []),
        ('```json\n{"city": "Rome"}\n```', ["invalid_json"]),
        ("Rome", ["invalid_json"]),
        ('{"city": NaN}', ["invalid_json"]),
        ("[" * 100_000, ["invalid_json"]),
        ('["Rome"]', ["schema_mismatch"]),
    ],
)
def test_a_json_object_is_one_object_and_nothing_else(text: str, codes: list[str]) -> None:
    assert _codes(text, _for_json(type="json_object"), Checks(json_schema=True)) == codes


@pytest.mark.parametrize(
    ("text", "codes"), [('{"city": "Rome"}', []), ('{"city": 1}', ["schema_mismatch"]), ("{}", ["schema_mismatch"])]
)
def test_json_follows_the_schema_in_either_dialect(text: str, codes: list[str]) -> None:
    openai = _for_json(type="json_schema", json_schema={"name": "a", "schema": SCHEMA})
    form = {"type": "json_schema", "schema": SCHEMA}
    anthropic = a_request("The city?", structured=True, payload={"output_config": {"format": form}})

    assert _codes(text, openai) == codes
    assert _codes(text, anthropic) == codes


def test_json_that_was_not_asked_for_may_be_anything() -> None:
    assert _codes("{", wanted=Checks(json_schema=True)) == []


@pytest.mark.parametrize(
    ("name", "arguments", "codes"),
    [
        ("weather", '{"city": "Rome"}', []),
        ("weather", '{"city": "Rome"', ["invalid_arguments"]),
        ("weather", '["Rome"]', ["invalid_arguments"]),
        ("weather", "{}", ["invalid_arguments"]),
        ("weather", "", ["invalid_arguments"]),
        ("wether", '{"city": "Rome"}', ["unknown_tool"]),
    ],
)
def test_a_tool_call_names_a_tool_and_follows_its_parameters(name: str, arguments: str, codes: list[str]) -> None:
    assert _codes(_called(name, arguments), _with_tools()) == codes


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ({"type": "function", "function": {"name": "weather"}}, ""),
        ({"name": "weather", "input_schema": SCHEMA}, '{"city": "Rome"}'),
        ({"type": "custom", "name": "weather", "input_schema": SCHEMA}, '{"city": "Rome"}'),
        ({"type": "custom", "custom": {"name": "weather"}}, "any text"),
        ({"type": "function", "function": {"name": "weather", "parameters": None}}, "{}"),
    ],
)
def test_every_way_to_offer_a_tool_is_known(tool: dict[str, Any], arguments: str) -> None:
    assert _codes(_called("weather", arguments), _with_tools([tool])) == []


def test_a_call_that_is_demanded_and_missing_is_told() -> None:
    assert _codes("It is sunny in Rome.", _with_tools(tool_choice="required")) == ["missing_tool_call"]
    assert _codes("It is sunny in Rome.", _with_tools(tool_choice="auto")) == []


def test_an_answer_in_another_language_is_told() -> None:
    request = a_request("Wann ist die Rechnung fällig und was müssen wir vorher tun?")
    text = "The invoice is due on the first of the month, and the customer has to be told before we send the letter."

    assert _codes(text, request) == ["wrong_language"]
    assert _codes(text, a_request("Übersetze ins Englische, was in der Rechnung steht und was wir tun")) == []


def test_code_that_does_not_parse_is_told_and_brackets_are_a_hint() -> None:
    request = a_request("Write a function")
    hint = check(Answer(text="```js\nf(\n```"), request, measure(request), EVERY_CHECK)

    assert _codes("```python\ndef f(:\n```", request) == ["broken_code"]
    assert [(failure.code, failure.is_weak) for failure in hint] == [("unbalanced_code", True)]


def test_repetition_is_told_unless_it_was_asked_for() -> None:
    text = "I will check the file. " * 30

    assert _codes(text) == ["repetition"]
    assert _codes(text, a_request("Repeat this sentence for me")) == []
    assert _codes(text, a_request("Write the sentence 30 times")) == []


def test_all_failures_are_told_the_cheapest_first() -> None:
    answer = Answer(text="I will check the file. " * 30, finish_reason="length")

    assert _codes(answer, _for_json(type="json_object")) == ["truncated", "invalid_json", "repetition"]


def test_nothing_is_checked_that_is_not_wanted() -> None:
    assert _codes("", wanted=Checks()) == []
    assert _codes("I can't help with that.", wanted=Checks(not_empty=True)) == []


def test_no_sentence_holds_what_was_said() -> None:
    canary = "canary" + "42"
    request = _with_tools(response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}})
    calls = tuple(
        ToolCall(name=name, arguments=arguments)
        for name, arguments in ((canary, "{}"), ("weather", f'{{"city": ["{canary}"]}}'), ("weather", canary))
    )

    failures = check(Answer(text=canary, tool_calls=calls), request, measure(request), EVERY_CHECK)

    assert len(failures) >= 3
    assert all(canary not in failure.sentence for failure in failures)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["tools", "type", "function", "name", "parameters", "json_schema", "schema", "custom", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("tools", "functions", "tool_choice", "response_format", "output_config", "output_format"), JSON
    ),
)


@given(st.text(), st.text(), st.text(), st.text(), PAYLOADS, st.integers(0, 50))
def test_no_answer_to_any_request_is_too_strange(
    ask: str, text: str, name: str, arguments: str, payload: dict[str, Any], most: int
) -> None:
    messages = (Message(role="user", text=ask),)
    request = ChatRequest(
        alias="auto", messages=messages, payload=payload, size_bytes=1, tools=1, structured=True, max_output_tokens=most
    )
    plain = a_request(ask)
    answer = Answer(text=text, finish_reason=name, tool_calls=(ToolCall(name="a", arguments=arguments),))

    failures = check(answer, request, measure(plain), EVERY_CHECK)

    assert all(failure.sentence for failure in failures)
    assert check(Answer(text=text), plain, measure(plain), EVERY_CHECK) is not None


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "\n",
        " ",
        "中",
        "[",
        '{"a":',
        "```python\n",
        "`",
        "I'm sorry ",
        "word and ",
        "<think>",
        "</think>",
        "\ud800",
        '"\\',
        "é\u0301",
    ],
)
def test_a_megabyte_is_done_with_in_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    request = _with_tools(response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}})
    answer = Answer(text=text, tool_calls=(ToolCall(name="weather", arguments=text),))
    signals = measure(request)

    assert cpu_s(lambda: check(answer, request, signals, EVERY_CHECK)) < 0.25
