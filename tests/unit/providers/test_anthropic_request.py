"""Every field of a chat request has its place in a Messages request, is without effect, or is refused by name."""

from typing import Any

import orjson
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from gateway.domain.errors import UpstreamRejectedError
from gateway.providers import anthropic_request
from gateway.providers.anthropic_request import DEFAULT_MAX_TOKENS, messages_body
from tests.builders import a_deployment, a_request

HI = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "function", "function": {"name": "weather", "description": "of a city", "parameters": {"a": 1}}}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}

ALWAYS_REFUSED = {"audio", "moderation", "web_search_options"}


def sent(stream: bool = False, **fields: Any) -> dict[str, Any]:
    payload = {"model": "auto", "messages": HI, **fields}
    body: dict[str, Any] = orjson.loads(
        messages_body(a_deployment(model="m"), a_request(payload=payload, stream=stream))
    )
    return body


def refusal(**fields: Any) -> UpstreamRejectedError:
    with pytest.raises(UpstreamRejectedError) as caught:
        sent(**fields)
    return caught.value


def test_a_plain_request_says_what_the_api_demands_and_no_more() -> None:
    assert sent() == {
        "model": "m",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


def test_a_stream_is_asked_for_where_the_client_asks_for_one() -> None:
    assert sent(stream=True)["stream"] is True


def test_instructions_stand_in_system() -> None:
    body = sent(messages=[{"role": "system", "content": "be brief"}, *HI])

    assert body["system"] == [{"type": "text", "text": "be brief"}]


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 9, "max_tokens": 7}, 9),
        ({"max_tokens": 0}, 0),
        ({"max_tokens": None}, DEFAULT_MAX_TOKENS),
        ({"thinking": {"type": "enabled", "budget_tokens": 20_000}}, DEFAULT_MAX_TOKENS + 20_000),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024}, "max_tokens": 2_000}, 2_000),
        ({"thinking": {"type": "adaptive"}}, DEFAULT_MAX_TOKENS),
    ],
)
def test_the_limit_is_the_clients_or_the_default_beside_what_thinking_may_take(
    fields: dict[str, Any], limit: int
) -> None:
    assert sent(**fields)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"temperature": 1}, {}),
        ({"temperature": 1.7}, {}),
        ({"top_p": 0.9}, {"top_p": 0.9}),
        ({"top_p": 1}, {}),
        ({"top_k": 40}, {"top_k": 40}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"stop": []}, {}),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}),
        ({"safety_identifier": "s", "user": "u"}, {"metadata": {"user_id": "s"}}),
        ({"service_tier": "auto"}, {}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"reasoning_effort": "high"}, {"output_config": {"effort": "high"}}),
        ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        ({"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral"}}),
        ({"response_format": {"type": "text"}}, {}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "strict": True, "schema": SCHEMA},
                }
            },
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
    ],
)
def test_a_field_stands_where_the_api_has_it(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sent(**fields) == {**sent(), **expected}


def test_an_effort_and_a_schema_share_their_place() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}

    config = sent(reasoning_effort="low", response_format=form)["output_config"]

    assert config == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}


def test_a_function_is_a_tool_whose_schema_is_of_an_object() -> None:
    assert sent(tools=[WEATHER])["tools"] == [
        {"name": "weather", "description": "of a city", "input_schema": {"type": "object", "a": 1}}
    ]


def test_a_strict_function_without_parameters_stays_strict() -> None:
    tool = {"type": "function", "function": {"name": "now", "strict": True}, "cache_control": {"type": "ephemeral"}}

    assert sent(tools=[tool])["tools"] == [
        {"name": "now", "strict": True, "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}
    ]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, None),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "weather"}}}, {"type": "tool", "name": "weather"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_a_choice_of_tools_is_said_in_the_apis_words(fields: dict[str, Any], choice: dict[str, Any] | None) -> None:
    assert sent(tools=[WEATHER], **fields).get("tool_choice") == choice


@pytest.mark.parametrize("fields", [{"tool_choice": "none"}, {"parallel_tool_calls": False}, {"tools": []}])
def test_without_tools_there_is_no_choice_of_them(fields: dict[str, Any]) -> None:
    assert sent(**fields) == sent()


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1},
        {"logprobs": False},
        {"top_logprobs": 0},
        {"frequency_penalty": 0.0, "presence_penalty": 0},
        {"logit_bias": {}},
        {"modalities": ["text"]},
        {"verbosity": "medium"},
        {"functions": [], "function_call": "none"},
        {"seed": 7, "store": True, "metadata": {"a": "b"}, "prompt_cache_key": "k"},
        {"prediction": {"type": "content", "content": "x"}},
        {"stream_options": {"include_usage": True}},
        {"audio": None, "web_search_options": None, "no_such_field": None},
    ],
)
def test_what_has_no_effect_is_left_out(fields: dict[str, Any]) -> None:
    assert sent(**fields) == sent()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "v"}}, "audio"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"verbosity": "low"}, "verbosity"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort"),
        ({"reasoning_effort": 3}, "reasoning_effort"),
        ({"stop": ["\n"]}, "stop"),
        ({"stop": 7}, "stop"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0]"),
        ({"tools": [WEATHER, "x"]}, "tools[1]"),
        ({"tools": [{"type": "function", "function": {"parameters": "x"}}]}, "tools[0].function.parameters"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "any"}, "tool_choice"),
        ({"api_base": "http://elsewhere"}, "api_base"),
        ({"x" * 1_000: 1}, "x" * 64),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    error = refusal(**fields)

    assert error.param == param
    assert repr(param) in error.message
    assert (error.status, error.falls_back) == (400, False)


def test_every_field_of_the_chat_api_has_been_thought_of() -> None:
    fields = CompletionCreateParamsBase.__annotations__.keys() | {"stream"}
    thought_of = anthropic_request._TAKEN | anthropic_request._UNHEARD | anthropic_request._NEUTRAL.keys()

    assert fields - thought_of == ALWAYS_REFUSED


def test_the_clients_own_payload_is_left_as_it_is() -> None:
    payload = {"model": "auto", "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}
    before = orjson.dumps(payload)

    messages_body(a_deployment(), a_request(payload=payload))

    assert orjson.dumps(payload) == before
