"""Reading a chat request: it is one, or it is an InvalidRequestError that names what is wrong."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.openai_chat import MAX_ALIAS_CHARS, MAX_DEPTH, MAX_MESSAGES, parse_chat
from gateway.domain.errors import InvalidRequestError
from gateway.domain.request import ChatRequest
from gateway.domain.signals import measure
from tests.cpu_time import cpu_s_in_turn

USER = {"role": "user", "content": "hi"}

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
message_fields = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "tool", "developer", "function", "robot"])
        | plain_values,
        "content": st.text()
        | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": plain_values}))
        | plain_values,
        "tool_calls": plain_values,
        "name": plain_values,
    },
)
names = ("stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "tools", "functions")
payloads = st.fixed_dictionaries(
    {},
    optional={
        "model": st.text(max_size=300) | plain_values,
        "messages": st.lists(message_fields | plain_values, max_size=4) | plain_values,
        "response_format": st.fixed_dictionaries({"type": plain_values}) | plain_values,
        **dict.fromkeys((*names, "temperature", "top_p", "seed", "x"), plain_values),
    },
)


def parsed(**fields: Any) -> ChatRequest:
    return parse_chat(json.dumps({"model": "auto", "messages": [USER], **fields}).encode())


def refusal(body: bytes) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        parse_chat(body)
    return caught.value


def is_refused_or_read(body: bytes) -> bool:
    """False never: anything but a request or an InvalidRequestError propagates."""
    try:
        request = parse_chat(body)
    except InvalidRequestError as error:
        return bool(error.message)
    return orjson.dumps(request.payload) != b"" and 0 < len(request.alias) <= MAX_ALIAS_CHARS


@settings(max_examples=400, deadline=None)
@given(payloads)
def test_any_object_is_a_request_or_is_refused(payload: dict[str, Any]) -> None:
    assert is_refused_or_read(json.dumps(payload).encode())
    assert is_refused_or_read(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_are_refused(body: bytes) -> None:
    assert is_refused_or_read(body)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_request_is_a_request_or_is_refused(data: st.DataObject) -> None:
    body = bytearray(json.dumps({"model": "auto", "messages": [USER], "x\u0007": {"a": [1.5, "\U0001f642"]}}).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    assert is_refused_or_read(bytes(body))


other_names = st.text(max_size=6).filter(lambda name: name != "model")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(other_names, st.integers(0, 9), max_size=6), st.booleans(), st.data())
def test_a_name_that_stands_twice_is_refused_however_it_is_written(
    others: dict[str, int], ascii_only: bool, data: st.DataObject
) -> None:
    pairs = [*others.items(), ("model", "auto"), ("messages", [USER])]
    twice = data.draw(st.sampled_from([name for name, _ in pairs if name.isalnum() and name.isascii()]))
    pairs.insert(data.draw(st.integers(0, len(pairs))), (twice, 1))
    texts = [json.dumps(name, ensure_ascii=ascii_only) for name, _ in pairs]
    if data.draw(st.booleans()):
        texts = [
            '"' + "".join(f"\\u{ord(char):04x}" for char in twice) + '"' if t == f'"{twice}"' else t for t in texts
        ]
    body = "{" + ", ".join(f"{t}: {json.dumps(v)}" for t, (_, v) in zip(texts, pairs, strict=True)) + "}"

    assert f"the name {twice!r} stands twice" in refusal(body.encode("utf-8", "replace")).message


def test_a_name_is_only_counted_at_the_top() -> None:
    request = parsed(x={"model": 1, "messages": "model", "x": {"x": "x"}})

    assert request.payload["x"]["x"] == {"x": "x"}


def test_a_name_with_an_escape_in_it_cannot_stand_twice_either() -> None:
    assert "stands twice" in refusal(rb'{"a\\n": 1, "a\\n": 2, "model": "a\n", "messages": [{"role": "user"}]}').message


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t: ")])
def test_a_name_that_stands_twice_is_refused_however_the_body_is_spaced(separators: tuple[str, str]) -> None:
    comma, colon = separators
    body = f'{{"model"{colon}"a"{comma}"messages"{colon}[{{"role"{colon}"user"}}]{comma}"model"{colon}"a"}}'

    assert "the name 'model' stands twice" in refusal(body.encode()).message


def test_the_time_to_read_grows_with_the_size_not_with_its_square() -> None:
    def with_names(count: int) -> bytes:
        return json.dumps({"model": "auto", "messages": [USER], **{f"x{n:06}": 1 for n in range(count)}}).encode()

    small, large = with_names(2_000), with_names(20_000)

    small_s, large_s = cpu_s_in_turn(lambda: parse_chat(small), lambda: parse_chat(large))

    assert large_s < 40 * small_s


def test_what_is_read_is_right() -> None:
    request = parsed(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [{}, {}]},
            {"role": "function", "content": "42"},
        ],
        stream=True,
        stream_options={"include_usage": True},
        tools=[{}, {}],
        functions=[{}],
        response_format={"type": "json_object"},
        max_tokens=5,
        max_completion_tokens=9,
    )

    assert [(m.role, m.text, m.images, m.tool_calls) for m in request.messages] == [
        ("system", "Be brief.", 0, 0),
        ("user", "a\nb", 1, 0),
        ("assistant", "", 0, 2),
        ("tool", "42", 0, 0),
    ]
    assert (request.alias, request.stream, request.wants_usage, request.structured) == ("auto", True, True, True)
    assert (request.tools, request.max_output_tokens) == (3, 9)


def test_the_payload_is_what_was_sent() -> None:
    fields = {"seed": -9007199254740991, "max_tokens": 0, "x": [1.5, None, {"ü": "\u0000"}]}

    assert parsed(**fields).payload == {"model": "auto", "messages": [USER], **fields}


def test_the_size_is_that_of_the_body() -> None:
    body = b' {"model": "auto", "messages": [{"role": "user"}]} '

    assert parse_chat(body).size_bytes == len(body)


@pytest.mark.parametrize(
    ("include_usage", "wanted"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_usage_is_wanted_only_where_it_is_asked_for(include_usage: object, wanted: bool) -> None:
    assert parsed(stream=True, stream_options={"include_usage": include_usage}).wants_usage is wanted


@pytest.mark.parametrize(("depth", "is_fine"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False), (1_000, False)])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_bounded_exactly(depth: int, is_fine: bool, left: str, right: str) -> None:
    inner = left * depth + ("1" if left != "[" else "") + right * depth

    assert is_refused_or_read(body := f'{{"model": "a", "messages": [{{"role": "user"}}], "x": {inner}}}'.encode())
    if is_fine:
        assert parse_chat(body).alias == "a"
    else:
        assert "nested deeper" in refusal(body).message or "not valid JSON" in refusal(body).message


def test_brackets_in_text_are_no_depth() -> None:
    assert parsed(x="[{" * 500).alias == "auto"


@pytest.mark.parametrize(("count", "is_fine"), [(1, True), (MAX_MESSAGES, True), (MAX_MESSAGES + 1, False), (0, False)])
def test_the_number_of_messages_is_bounded(count: int, is_fine: bool) -> None:
    body = json.dumps({"model": "auto", "messages": [USER] * count}).encode()

    if is_fine:
        assert len(parse_chat(body).messages) == count
    else:
        assert refusal(body).param == "messages"


def test_an_alias_is_bounded_in_characters() -> None:
    assert parsed(model="ü" * MAX_ALIAS_CHARS).alias == "ü" * MAX_ALIAS_CHARS
    assert refusal(json.dumps({"model": "ü" * (MAX_ALIAS_CHARS + 1), "messages": [USER]}).encode()).param == "model"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("stream", 1, "'stream' must be a boolean, not an integer"),
        ("stream_options", [], "'stream_options' must be an object, not an array"),
        ("max_tokens", 1.5, "'max_tokens' must be an integer from 0 to 10000000, not a number"),
        ("n", True, "'n' must be an integer from 1 to 128, not a boolean"),
        ("tools", {}, "'tools' must be an array, not an object"),
        ("temperature", "x", "'temperature' must be a number, not a string"),
        ("messages", 1, "'messages' must be an array, not an integer"),
    ],
)
def test_a_wrong_type_is_told_in_jsons_words(name: str, value: object, expected: str) -> None:
    error = refusal(json.dumps({"model": "auto", "messages": [USER], name: value}).encode())

    assert (error.message, error.param) == (expected, name)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5_000, "01", "1.", "0x1"])
def test_what_is_no_json_number_is_refused(number: str) -> None:
    body = f'{{"model": "auto", "messages": [{{"role": "user"}}], "temperature": {number}}}'.encode()

    assert "not valid JSON" in refusal(body).message


@pytest.mark.parametrize(
    ("seed", "passes"), [(2**64 - 1, True), (2**64, False), (-(2**63), True), (-(2**63) - 1, False)]
)
def test_an_integer_that_could_not_be_passed_on_unchanged_is_refused(seed: int, passes: bool) -> None:
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"a": [seed]}})

    if passes:
        assert parse_chat(body.encode()).payload["logit_bias"] == {"a": [seed]}
    else:
        with pytest.raises(InvalidRequestError, match="out of range"):
            parse_chat(body.replace(" ", "").encode())


def test_what_a_model_passed_to_a_tool_is_read_as_text() -> None:
    function = {"id": "1", "type": "function", "function": {"name": "mail", "arguments": '{"to": "ann@example.com"}'}}
    custom = {"id": "2", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    nothing = {"id": "3", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    calls = [function, custom, nothing, "no object", {"function": {"arguments": 3}}]

    request = parsed(messages=[{"role": "assistant", "content": "Sending", "tool_calls": calls}])

    assert request.messages[0].text == 'Sending\n{"to": "ann@example.com"}\nls'
    assert request.messages[0].tool_calls == 5


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "CANARY"},
        {"metadata": {"note": "CANARY"}},
        {"prediction": {"type": "content", "content": "CANARY"}},
        {"unheard_of": {"deep": ["CANARY"]}},
        {"messages": [USER | {"name": "CANARY"}]},
        {"messages": [USER, {"role": "assistant", "function_call": {"name": "f", "arguments": "CANARY"}}]},
        {"messages": [USER, {"role": "assistant", "content": "", "refusal": "CANARY"}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"filename": "CANARY"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "CANARY"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": {"value": "CANARY"}}]}]},
    ],
)
def test_whatever_else_is_sent_on_is_looked_at_for_what_is_sensitive(fields: dict[str, Any]) -> None:
    request = parsed(**json.loads(json.dumps(fields).replace("CANARY", "jane.doe@example.com")))

    assert "jane.doe@example.com" in request.aside
    assert measure(request).sensitivity == "personal"


def test_arguments_that_are_no_text_are_read_all_the_same() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "mail", "arguments": {"to": ["jane.doe@example.com"]}}}

    request = parsed(messages=[USER, {"role": "assistant", "tool_calls": [call]}])

    assert measure(request).sensitivity == "personal"


def test_definitions_of_tools_and_schemas_and_the_bytes_of_images_are_not_looked_at() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,jane.doe@example.com"}}
    tool = {"type": "function", "function": {"name": "f", "description": "such as jane.doe@example.com"}}

    request = parsed(messages=[{"role": "user", "content": [image]}], tools=[tool])

    assert request.aside == ""


def test_an_ordinary_request_has_nothing_aside() -> None:
    assert parsed(temperature=0.2, max_tokens=5, stream=True).aside == ""


def test_a_body_of_very_many_values_is_refused_before_it_is_parsed() -> None:
    body = b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"x":[' + b"[]," * 600_000 + b"[]]}"

    assert "holds more than 500000 values" in str(refusal(body))
