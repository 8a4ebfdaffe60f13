"""A request body as a JSON object, and what every chat wire format demands of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from gateway.domain.errors import InvalidRequestError

MAX_DEPTH: Final = 64
MAX_MESSAGES: Final = 10_000
MAX_ALIAS_CHARS: Final = 256
MAX_VALUES: Final = 500_000
"""Values take many times their length in memory; a body of few, however long, is mostly text."""
_SHORT_BYTES: Final = 512 * 1024

Field = tuple[Callable[[Any], bool], str]
"""Whether a value is right, and what is expected where it is not."""


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object: no NaN, no lone surrogates, no duplicate names at the top, no deep nesting."""
    if not body:
        raise InvalidRequestError("the request body is empty; expected a JSON object")
    if len(body) > _SHORT_BYTES and sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise InvalidRequestError(f"the request body holds more than {MAX_VALUES} values")
    try:
        payload = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as exc:
        raise InvalidRequestError(f"the request body is not valid JSON: {exc}") from exc
    if not isinstance(payload, dict):
        raise InvalidRequestError(f"the request body must be a JSON object, not {_kind(payload)}")
    if _is_deeper(payload, MAX_DEPTH):
        raise InvalidRequestError(f"the request body is nested deeper than {MAX_DEPTH} levels")
    # A body that equals what its parsed form is written as says nothing else; only one with spaces or escapes may.
    if orjson.dumps(payload) != body:
        _check_exactly(body, payload)
    return payload


def check_fields(payload: dict[str, Any], fields: Mapping[str, Field]) -> None:
    """Raise for the first value that is not right; null counts as absent, names not in `fields` are not looked at."""
    for name, value in payload.items():
        if name in fields and value is not None:
            is_right, expected = fields[name]
            if not is_right(value):
                raise wrong_type(name, expected, value)


def read_alias(payload: dict[str, Any]) -> str:
    """The model asked for: a string of 1 to MAX_ALIAS_CHARS characters."""
    alias = payload.get("model")
    if alias is None:
        raise InvalidRequestError("you must provide a 'model'", param="model")
    if not isinstance(alias, str):
        raise wrong_type("model", "a string", alias)
    if not 0 < len(alias) <= MAX_ALIAS_CHARS:
        raise InvalidRequestError(
            f"'model' must have 1 to {MAX_ALIAS_CHARS} characters, not {len(alias)}", param="model"
        )
    return alias


def read_messages(payload: dict[str, Any]) -> list[Any]:
    """The messages: 1 to MAX_MESSAGES of them, of any type."""
    messages = payload.get("messages")
    if messages is None:
        raise InvalidRequestError("you must provide 'messages'", param="messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array", messages)
    if not 0 < len(messages) <= MAX_MESSAGES:
        raise InvalidRequestError(
            f"'messages' must have 1 to {MAX_MESSAGES} elements, not {len(messages)}", param="messages"
        )
    return messages


def texts_in(value: Any) -> list[str]:
    """Every text a JSON value holds, names of fields aside; of `data:` URLs, whose rest is no text, nothing."""
    texts: list[str] = []
    level = [value]
    while level:
        texts += [each for each in level if type(each) is str and not each.startswith("data:")]
        held = [each.values() if type(each) is dict else each for each in level if type(each) in (dict, list)]
        level = [child for children in held for child in children]
    return texts


def wrong_type(param: str, expected: str, value: Any) -> InvalidRequestError:
    return InvalidRequestError(f"{param!r} must be {expected}, not {_kind(value)}", param=param)


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_array(value: Any) -> bool:
    return isinstance(value, list)


def is_number(value: Any) -> bool:
    return type(value) in (int, float)


def is_count(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_deeper(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _check_exactly(body: bytes, payload: dict[str, Any]) -> None:
    """What only the standard parser sees: names that stand twice, integers that orjson would pass on as fractions."""
    try:
        pairs = _PAIRS.decode(body.decode())
    except ValueError as exc:
        raise InvalidRequestError(f"the request body is not valid JSON: {exc}") from exc
    if len(pairs) == len(payload):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequestError(f"the name {name[:100]!r} stands twice in the request body", param=name[:100])
        seen.add(name)


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**64:
        raise InvalidRequestError(f"the integer {text[:30]} is out of range: it does not fit 64 bits")
    return number


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=list, parse_int=_whole)
"""Reads an object as the list of its names and values, repetitions included."""


def _kind(value: Any) -> str:
    """What JSON calls a value's type."""
    kinds = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
    }
    return kinds.get(type(value), "null")
