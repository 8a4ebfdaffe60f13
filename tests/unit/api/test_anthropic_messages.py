"""Reading an Anthropic Messages request: it is one, or it is an InvalidRequestError that names what is wrong."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.api.anthropic_messages import parse_messages
from gateway.api.json_body import MAX_ALIAS_CHARS, MAX_DEPTH, MAX_MESSAGES
from gateway.api.openai_chat import parse_chat
from gateway.domain.errors import InvalidRequestError
from gateway.domain.request import ChatRequest
from gateway.domain.signals import measure
from tests.cpu_time import cpu_s_in_turn

USER = {"role": "user", "content": "hi"}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}}

KINDS = (
    *("text", "thinking", "redacted_thinking", "image", "document", "search_result", "compaction", "tool_use"),
    *("tool_result", "mid_conv_system", "server_tool_use", "mcp_tool_result", "web_search_tool_result", "hologram"),
)
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def block_around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    content = st.lists(inner, max_size=3) | st.text(max_size=5) | plain_values
    source = st.fixed_dictionaries(
        {}, optional={"type": st.sampled_from(["text", "content", "base64"]), "data": plain_values, "content": content}
    )
    named = {"text": st.text(max_size=5) | plain_values, "thinking": st.text(max_size=5), "title": plain_values}
    return st.fixed_dictionaries(
        {"type": st.sampled_from(KINDS) | plain_values},
        optional={**named, "content": content, "source": source | plain_values},
    )


blocks = st.recursive(block_around(plain_values), block_around, max_leaves=6)
message_fields = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "tool"]) | plain_values,
        "content": st.text(max_size=9) | st.lists(blocks | plain_values, max_size=4) | plain_values,
    },
)
names = ("stream", "metadata", "tools", "tool_choice", "output_format", "temperature", "top_p", "top_k", "thinking")
payloads = st.fixed_dictionaries(
    {"max_tokens": st.just(9) | plain_values, "model": st.just("auto") | st.text(max_size=300) | plain_values},
    optional={
        "messages": st.lists(message_fields | plain_values, max_size=4) | plain_values,
        "system": st.text(max_size=9) | st.lists(blocks, max_size=3) | plain_values,
        "output_config": st.fixed_dictionaries({"format": plain_values}) | plain_values,
        **dict.fromkeys(names, plain_values),
    },
)


def body_of(**fields: Any) -> bytes:
    whole = {"model": "auto", "max_tokens": 100, "messages": [USER], **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def parsed(**fields: Any) -> ChatRequest:
    return parse_messages(body_of(**fields))


def refusal(body: bytes) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        parse_messages(body)
    return caught.value


def told(request: ChatRequest) -> list[tuple[str, str, int, int]]:
    return [(m.role, m.text, m.images, m.tool_calls) for m in request.messages]


def said(*content: Any, role: str = "user") -> list[tuple[str, str, int, int]]:
    return told(parsed(messages=[{"role": role, "content": list(content)}]))


def is_refused_or_read(body: bytes) -> bool:
    """False never: anything but a request or an InvalidRequestError propagates."""
    try:
        request = parse_messages(body)
    except InvalidRequestError as error:
        return bool(error.message)
    return orjson.dumps(request.payload) != b"" and 0 < len(request.alias) <= MAX_ALIAS_CHARS


@settings(max_examples=400, deadline=None)
@given(payloads)
def test_any_object_is_a_request_or_is_refused(payload: dict[str, Any]) -> None:
    assert is_refused_or_read(json.dumps(payload).encode())
    assert is_refused_or_read(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(st.lists(message_fields, min_size=1, max_size=3), st.text(max_size=5) | st.lists(blocks, max_size=2))
def test_any_content_is_read_or_is_refused(messages: list[dict[str, Any]], system: object) -> None:
    assert is_refused_or_read(body_of(messages=messages, system=system))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_are_refused(body: bytes) -> None:
    assert is_refused_or_read(body)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_request_is_a_request_or_is_refused(data: st.DataObject) -> None:
    body = bytearray(body_of(messages=[{"role": "user", "content": [IMAGE, {"type": "text", "text": "\U0001f642"}]}]))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    assert is_refused_or_read(bytes(body))


def test_what_is_read_is_right() -> None:
    request = parsed(
        system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind.", "cache_control": {}}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "tool_use"}]},
            {"role": "user", "content": [{"type": "tool_result", "content": "42"}]},
        ],
        stream=True,
        tools=[{"name": "f", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}],
        max_tokens=5,
    )

    assert told(request) == [
        ("system", "Be brief.\nBe kind.", 0, 0),
        ("user", "a\nb", 1, 0),
        ("assistant", "c", 0, 1),
        ("tool", "42", 0, 0),
    ]
    assert (request.alias, request.stream, request.tools, request.max_output_tokens) == ("auto", True, 2, 5)


def test_a_conversation_measures_the_same_in_either_format() -> None:
    call = {"type": "function", "id": "1", "function": {"name": "f", "arguments": "{}"}}
    openai = {
        "model": "auto",
        "max_tokens": 100,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "content": None, "tool_calls": [call, call]},
            {"role": "tool", "tool_call_id": "1", "content": "one"},
            {"role": "tool", "tool_call_id": "2", "content": "two"},
            {"role": "user", "content": "And now?"},
        ],
    }
    use = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    results = [{"type": "tool_result", "tool_use_id": n, "content": text} for n, text in (("1", "one"), ("2", "two"))]

    request = parsed(
        system="Be brief.",
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "See:"}, IMAGE]},
            {"role": "assistant", "content": [use, use]},
            {"role": "user", "content": [*results, {"type": "text", "text": "And now?"}]},
        ],
    )

    twin = parse_chat(json.dumps(openai).encode())
    assert request.messages == twin.messages
    assert measure(request) == measure(replace(twin, payload=request.payload))


def test_a_string_says_what_one_block_of_text_says() -> None:
    assert (
        parsed().messages == parsed(messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]).messages
    )
    assert parsed(system="x").messages == parsed(system=[{"type": "text", "text": "x"}]).messages


@pytest.mark.parametrize("system", ["", [], None, ...])
def test_a_system_prompt_that_says_nothing_is_no_message(system: object) -> None:
    assert told(parsed(system=system)) == [("user", "hi", 0, 0)]


def test_an_instruction_amid_the_conversation_is_the_systems() -> None:
    block = {"type": "mid_conv_system", "content": [{"type": "text", "text": "Be brief."}]}

    assert said({"type": "text", "text": "Be brief."}, role="system") == [("system", "Be brief.", 0, 0)]
    assert said(block, {"type": "text", "text": "hi"}) == [("system", "Be brief.", 0, 0), ("user", "hi", 0, 0)]


def test_what_a_user_says_beside_a_result_comes_after_it() -> None:
    text, result = {"type": "text", "text": "now?"}, {"type": "tool_result", "content": "42"}

    assert said(text, result) == said(result, text) == [("tool", "42", 0, 0), ("user", "now?", 0, 0)]
    assert said(result, IMAGE) == [("tool", "42", 0, 0), ("user", "", 1, 0)]


def test_a_message_of_results_alone_ends_in_a_tool_loop() -> None:
    request = parsed(messages=[USER, {"role": "user", "content": [{"type": "tool_result"}, {"type": "tool_result"}]}])

    assert measure(request).tool_loop
    assert [m.role for m in request.messages] == ["user", "tool", "tool"]


@pytest.mark.parametrize(
    ("content", "text", "images"),
    [
        ("42", "42", 0),
        (None, "", 0),
        ([], "", 0),
        ([{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}], "a\nb", 1),
        ([{"type": "search_result", "content": [{"type": "text", "text": "found"}]}], "found", 0),
        ([{"type": "document", "source": {"type": "text", "data": "read"}}, PDF], "read", 1),
    ],
)
def test_a_results_text_and_images_are_read(content: object, text: str, images: int) -> None:
    assert said({"type": "tool_result", "content": content}) == [("tool", text, images, 0)]


@pytest.mark.parametrize(
    ("document", "text", "images"),
    [
        (PDF, "", 1),
        ({**PDF, "title": "Q3", "context": "secret"}, "Q3\nsecret", 1),
        ({"type": "document", "source": {"type": "url", "url": "https://example.test/a.pdf"}}, "", 1),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "", 1),
        ({"type": "document", "source": {"type": "text", "data": "plain"}}, "plain", 0),
        ({"type": "document", "source": {"type": "content", "content": "plain"}}, "plain", 0),
        ({"type": "document", "source": {"type": "content", "content": [IMAGE]}}, "", 1),
    ],
)
def test_a_document_is_its_text_or_needs_eyes(document: object, text: str, images: int) -> None:
    assert said(document) == [("user", text, images, 0)]


def test_thoughts_and_summaries_are_text_and_sealed_thoughts_are_not() -> None:
    thoughts = ({"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"})

    assert said(*thoughts, role="assistant") == [("assistant", "hm", 0, 0)]
    assert said({"type": "compaction", "content": "so far"}, role="assistant") == [("assistant", "so far", 0, 0)]
    assert said({"type": "compaction", "content": None}, role="assistant") == [("assistant", "", 0, 0)]


def test_every_kind_of_call_is_counted() -> None:
    calls = [{"type": kind} for kind in ("tool_use", "server_tool_use", "mcp_tool_use")]

    assert said(*calls, role="assistant") == [("assistant", "", 0, 3)]


def test_a_block_that_is_not_known_is_passed_on_unread() -> None:
    block = {"type": "hologram", "text": 1, "content": 2, "source": 3}

    assert said(block) == [("user", "", 0, 0)]


@pytest.mark.parametrize("stream", [True, False, None, ...])
def test_usage_is_always_wanted(stream: object) -> None:
    request = parsed(stream=stream)

    assert (request.wants_usage, request.stream) == (True, stream is True)


@pytest.mark.parametrize(
    ("fields", "structured"),
    [
        ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, True),
        ({"output_format": {"type": "json_schema", "schema": {}}}, True),
        ({"output_config": {"effort": "low"}, "output_format": {"type": "json_schema"}}, True),
        ({"output_config": {"effort": "low", "format": None}}, False),
        ({"output_config": None, "output_format": None}, False),
        ({"response_format": {"type": "json_schema"}}, False),
        ({}, False),
    ],
)
def test_an_answer_is_structured_where_a_schema_binds_it(fields: dict[str, Any], structured: bool) -> None:
    assert parsed(**fields).structured is structured


def test_the_payload_is_what_was_sent() -> None:
    fields = {"top_k": -9007199254740991, "thinking": {"type": "adaptive"}, "x": [1.5, None, {"ü": "\u0000"}]}

    assert parsed(**fields).payload == {"model": "auto", "max_tokens": 100, "messages": [USER], **fields}


def test_the_size_is_that_of_the_body() -> None:
    body = b" " + body_of() + b" "

    assert parse_messages(body).size_bytes == len(body)


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        ({"model": ...}, "you must provide a 'model'", "model"),
        ({"max_tokens": ...}, "you must provide 'max_tokens'", "max_tokens"),
        ({"max_tokens": None}, "you must provide 'max_tokens'", "max_tokens"),
        ({"max_tokens": True}, "'max_tokens' must be an integer from 0 to 10000000, not a boolean", "max_tokens"),
        ({"messages": ...}, "you must provide 'messages'", "messages"),
        ({"messages": {}}, "'messages' must be an array, not an object", "messages"),
        ({"stream": 1}, "'stream' must be a boolean, not an integer", "stream"),
        ({"system": {}}, "'system' must be a string or an array of blocks, not an object", "system"),
        ({"system": 0}, "'system' must be a string or an array of blocks, not an integer", "system"),
        ({"system": ["x"]}, "'system[0]' must be an object, not a string", "system[0]"),
        ({"tools": {}}, "'tools' must be an array, not an object", "tools"),
        ({"tool_choice": "auto"}, "'tool_choice' must be an object, not a string", "tool_choice"),
        ({"metadata": "x"}, "'metadata' must be an object, not a string", "metadata"),
        ({"output_config": []}, "'output_config' must be an object, not an array", "output_config"),
        (
            {"output_config": {"format": "json"}},
            "'output_config.format' must be an object, not a string",
            "output_config.format",
        ),
        ({"temperature": "x"}, "'temperature' must be a number, not a string", "temperature"),
    ],
)
def test_a_wrong_field_is_told_in_jsons_words(fields: dict[str, Any], message: str, param: str) -> None:
    error = refusal(body_of(**fields))

    assert (error.message, error.param) == (message, param)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "'messages[1].content' must be a string or an array of blocks, not null"),
        ([1], "'messages[1].content[0]' must be an object, not an integer"),
        ([IMAGE, {}], "'messages[1].content[1].type' must be a string, not null"),
        ([{"type": []}], "'messages[1].content[0].type' must be a string, not an array"),
        ([{"type": "text"}], "'messages[1].content[0].text' must be a string, not null"),
        ([{"type": "thinking", "thinking": 1}], "'messages[1].content[0].thinking' must be a string, not an integer"),
        ([{"type": "document"}], "'messages[1].content[0].source' must be an object, not null"),
        (
            [{"type": "document", "source": {"type": "text"}}],
            "'messages[1].content[0].source.data' must be a string, not null",
        ),
        (
            [{"type": "tool_result", "content": {}}],
            "'messages[1].content[0].content' must be a string or an array of blocks, not an object",
        ),
        (
            [{"type": "tool_result", "content": [IMAGE, {"type": "text", "text": 1}]}],
            "'messages[1].content[0].content[1].text' must be a string, not an integer",
        ),
    ],
)
def test_a_wrong_block_is_named_by_where_it_stands(content: object, message: str) -> None:
    error = refusal(body_of(messages=[USER, {"role": "user", "content": content}]))

    assert (error.message, error.param) == (message, message.split("'")[1])


@pytest.mark.parametrize("role", ["tool", "developer", "", None, 1, ["user"]])
def test_a_role_the_format_does_not_have_is_refused(role: object) -> None:
    error = refusal(body_of(messages=[{"role": role, "content": "x"}]))

    assert error.message == "'messages[0].role' must be one of user, assistant, system"
    assert error.param == "messages[0].role"


def test_a_limit_of_no_tokens_is_fine() -> None:
    assert parsed(max_tokens=0).max_output_tokens == 0


@pytest.mark.parametrize(("count", "is_fine"), [(1, True), (MAX_MESSAGES, True), (MAX_MESSAGES + 1, False), (0, False)])
def test_the_number_of_messages_is_bounded(count: int, is_fine: bool) -> None:
    body = body_of(messages=[USER] * count)

    if is_fine:
        assert len(parse_messages(body).messages) == count
    else:
        assert refusal(body).param == "messages"


def test_results_within_results_are_bounded_by_the_depth_of_the_body() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"type": "tool_result", "content": [nested(levels - 1)] if levels else "deep"}

    assert ("tool", "deep", 0, 0) in said(nested(20))
    assert "nested deeper" in refusal(body_of(messages=[{"role": "user", "content": [nested(MAX_DEPTH)]}])).message


def test_a_name_that_stands_twice_is_refused() -> None:
    assert "the name 'model' stands twice" in refusal(body_of()[:-1] + b', "model": "a"}').message


def test_the_time_to_read_grows_with_the_size_not_with_its_square() -> None:
    def with_results(count: int) -> bytes:
        return body_of(messages=[{"role": "user", "content": [{"type": "tool_result", "content": "x"}] * count}])

    small, large = with_results(1_000), with_results(10_000)

    small_s, large_s = cpu_s_in_turn(lambda: parse_messages(small), lambda: parse_messages(large))

    assert large_s < 40 * small_s
