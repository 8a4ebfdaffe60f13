"""A body without its path is read in the format that its marks tell, in OpenAI's where nothing tells."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.anthropic_messages import parse_messages
from gateway.api.dialects import parse_any
from gateway.api.openai_chat import parse_chat
from gateway.domain.errors import InvalidRequestError

USER = {"role": "user", "content": "hi"}

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
telling = st.dictionaries(
    st.sampled_from(["type", "name", "input_schema", "role", "content", "tool_calls", "source", "text"]),
    st.sampled_from(["tool", "user", "text", "image", "tool_result", "function"]) | plain_values,
)
payloads = st.dictionaries(
    st.sampled_from(["model", "max_tokens", "system", "top_k", "thinking", "tools", "messages", "n", "stop"]),
    st.lists(telling, max_size=3) | plain_values,
)


def body_of(**fields: Any) -> bytes:
    return json.dumps({"model": "auto", "max_tokens": 9, "messages": [USER], **fields}).encode()


def content(*blocks: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def is_read_as_anthropic(body: bytes) -> bool:
    """The two formats differ in this: only Anthropic's streams always carry their usage."""
    return parse_any(body).wants_usage


def is_refused_or_read(body: bytes) -> bool:
    """False never: anything but a request or an InvalidRequestError propagates."""
    try:
        return parse_any(body).size_bytes == len(body)
    except InvalidRequestError as error:
        return bool(error.message)


@settings(max_examples=300, deadline=None)
@given(payloads)
def test_any_object_is_a_request_or_is_refused(payload: dict[str, Any]) -> None:
    assert is_refused_or_read(json.dumps(payload).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"system": "Be brief."},
        {"system": [{"type": "text", "text": "Be brief."}]},
        {"anthropic_version": "bedrock-2023-05-31"},
        {"stop_sequences": ["END"]},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"top_k": 5},
        {"output_config": {"effort": "low"}},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}]},
        {"tools": [{"type": "custom", "name": "f", "input_schema": {"type": "object"}}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        content({"type": "text", "text": "a"}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}),
        content({"type": "tool_result", "tool_use_id": "1"}),
        content({"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}}),
        content({"type": "document", "source": {"type": "text", "data": "x"}}),
        content({"type": "thinking", "thinking": "hm", "signature": "s"}),
    ],
)
def test_what_only_anthropic_says_tells(fields: dict[str, Any]) -> None:
    body = body_of(**fields)

    assert is_read_as_anthropic(body)
    assert parse_any(body) == parse_messages(body)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"system": None, "stop_sequences": None},
        content({"type": "text", "text": "a"}),
        content({"type": "image"}),
        content({"type": "image_url", "image_url": {"url": "https://example.test/a.png"}}),
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": {}}]},
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": []}]},
        {"messages": [{"role": "developer", "content": "x"}, USER]},
        {"messages": [{"role": "system", "content": "x"}, USER]},
        {"x": {"system": "a", "type": "tool_use"}},
        {"messages": [{"role": "user", "content": '{"type": "tool_result"}'}]},
    ],
)
def test_it_is_openais_where_nothing_tells(fields: dict[str, Any]) -> None:
    body = body_of(**fields)

    assert not is_read_as_anthropic(body)
    assert parse_any(body) == parse_chat(body)


@pytest.mark.parametrize("shared", [{"top_k": 20}, {"thinking": {"type": "disabled"}}])
@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": None},
        {"stream_options": {}},
        {"response_format": {"type": "text"}},
        {"stop": ["END"]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"messages": [USER, {"role": "tool", "content": "42", "tool_call_id": "1"}]},
    ],
)
def test_a_field_that_openai_servers_take_too_tells_only_where_nothing_speaks_against_it(
    shared: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert is_read_as_anthropic(body_of(**shared))
    assert not is_read_as_anthropic(body_of(**shared, **fields))


def test_the_refusal_is_that_of_the_format_told() -> None:
    with pytest.raises(InvalidRequestError, match="you must provide 'max_tokens'"):
        parse_any(body_of(system="Be brief.", max_tokens=None))
    with pytest.raises(InvalidRequestError, match="the request body is empty"):
        parse_any(b"")


def test_the_payload_stays_what_was_sent() -> None:
    payload = {"model": "auto", "max_tokens": 9, "system": "Be brief.", "messages": [USER]}

    assert parse_any(json.dumps(payload).encode()).payload == payload
