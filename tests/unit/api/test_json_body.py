"""Reading a JSON object exactly; `test_openai_chat.py` holds its rules for damaged, deep and repeated bodies too."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.json_body import (
    MAX_DEPTH,
    check_fields,
    is_array,
    is_bool,
    is_count,
    is_number,
    is_object,
    read_alias,
    read_messages,
    read_object,
    wrong_type,
)
from gateway.domain.errors import InvalidRequestError


def is_refused_or_read(body: bytes) -> bool:
    """False never: anything but an object or an InvalidRequestError propagates."""
    try:
        return type(read_object(body)) is dict
    except InvalidRequestError as error:
        return bool(error.message)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_an_object_or_are_refused(body: bytes) -> None:
    assert is_refused_or_read(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the request body is empty; expected a JSON object"),
        (b"[1]", "the request body must be a JSON object, not an array"),
        (b"null", "the request body must be a JSON object, not null"),
        (b"\xff{}", "the request body is not valid JSON"),
        (b'{"a": NaN}', "the request body is not valid JSON"),
        (b'{"a": "\\ud800"}', "the request body is not valid JSON"),
        (b'{"a": 1, "a": 2}', "the name 'a' stands twice in the request body"),
        (b'{"a": 18446744073709551616}', "is out of range: it does not fit 64 bits"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "is nested deeper than 64 levels"),
    ],
)
def test_what_is_no_plain_object_is_refused_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_object(body)

    assert message in caught.value.message


@pytest.mark.parametrize(
    ("value", "kind"),
    [({}, "an object"), ([], "an array"), ("", "a string"), (True, "a boolean"), (1, "an integer"), (1.0, "a number")],
)
def test_a_type_is_called_what_json_calls_it(value: object, kind: str) -> None:
    error = wrong_type("x", "null", value)

    assert (error.message, error.param) == (f"'x' must be null, not {kind}", "x")


def test_only_fields_that_are_known_and_not_null_are_checked() -> None:
    fields = {"a": (is_bool, "a boolean"), "b": (is_bool, "a boolean")}

    check_fields({"a": None, "b": False, "c": 1}, fields)
    with pytest.raises(InvalidRequestError, match="'b' must be a boolean, not an integer"):
        check_fields({"a": True, "b": 0}, fields)


def test_a_boolean_is_no_number_and_no_count() -> None:
    assert [is_number(value) for value in (1, 1.5, True, "1")] == [True, True, False, False]
    assert [is_count(0, 2)(value) for value in (0, 2, 3, -1, 1.0, True)] == [True, True, False, False, False, False]
    assert [is_object({}), is_object([]), is_array([]), is_array("")] == [True, False, True, False]


def test_an_alias_and_messages_are_demanded() -> None:
    with pytest.raises(InvalidRequestError, match="you must provide a 'model'"):
        read_alias({})
    with pytest.raises(InvalidRequestError, match="you must provide 'messages'"):
        read_messages({"messages": None})

    assert (read_alias({"model": "auto"}), read_messages({"messages": [1]})) == ("auto", [1])
