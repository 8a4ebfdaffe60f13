"""Whether JSON follows a schema that a client wrote.

The schema is as hostile as the answer may be: references that branch make the work of any validator grow with the power
of the depth, so the work is bounded beforehand. What cannot be judged within the bound passes: a check says what is
wrong with an answer, never that all is right.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import jsonschema_rs

_MOST_WORK: Final = 4_000_000
"""Characters of the answer times the times each may be looked at; some 20 ms."""
_MOST_WORK_TO_EXPLAIN: Final = 200_000
"""To say what is wrong, the validator copies what it looks at."""
_MOST_STEPS: Final = 5_000
_STEPS_OF_A_PATTERN: Final = 25
"""What it costs to compile one, beside a look at a schema."""
_MOST_DEPTH: Final = 24
"""Of answers to schemas with references."""
_LONGEST_PLACE_CHARS: Final = 120
_UNEXPLAINED: Final = "do not follow the schema"

_PATTERNS: Final = jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000, size_limit=1 << 20, dfa_size_limit=1 << 20)
"""Common schemas hold look-aheads, which no linear engine takes; what has none is matched in linear time."""

_ALL_OF_THESE: Final = ("allOf", "anyOf", "oneOf")
_THIS_TOO: Final = ("not", "if", "then", "else")
_THESE_TOO: Final = ("dependentSchemas", "dependencies")
_OF_EACH: Final = ("items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties")
_OF_ONE: Final = ("properties", "prefixItems", "items")
_BESIDE: Final = ("contains", "propertyNames")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")


class _TooMuchWorkError(Exception):
    """The schema cannot be judged within the bounds."""


def schema_problem(schema: Any, value: Any, size_chars: int) -> str | None:
    """Which demand of the schema a JSON value breaks, as the end of a sentence; None where none is known.

    value       as parsed from `size_chars` characters of JSON, nested less than 1,000 levels deep
    Schemas that are invalid, of a dialect nobody knows, or that refer to others elsewhere break nothing.
    """
    if not isinstance(schema, dict):
        return None
    try:
        work = max(1, size_chars) * _Looks(schema, value).most()
        if work > _MOST_WORK:
            return None
        validator = jsonschema_rs.validator_for(schema, offline=True, pattern_options=_PATTERNS)
        if validator.is_valid(value):
            return None
    except (_TooMuchWorkError, RecursionError, ValueError, jsonschema_rs.ReferencingError):
        return None
    return _explained(validator, value) if work <= _MOST_WORK_TO_EXPLAIN else _UNEXPLAINED


def _explained(validator: jsonschema_rs.Validator, value: Any) -> str:
    """In the schema's words alone: the validator's own message holds the value."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(map(str, error.schema_path))
        if len(place) > _LONGEST_PLACE_CHARS:
            place = f"…{place[-_LONGEST_PLACE_CHARS:]}"
        return f"break {error.kind.name!r} of the schema, at {place!r}"
    return _UNEXPLAINED


class _Looks:
    """How many times a validator may look at one and the same place of a value.

    What a schema demands of one place adds up (`anyOf`, references); of what it demands of different places, the most
    counts. A schema without references is walked once; each reference again at every depth it is met at.
    """

    def __init__(self, schema: dict[str, Any], value: Any) -> None:
        self._root = schema
        self._value = value
        self._steps = 0
        self._depth: int | None = None
        self._known: dict[tuple[int, int], int] = {}

    def most(self) -> int:
        return self._of(self._root, 0)

    def _of(self, schema: Any, depth: int) -> int:
        patterned = _patterned(schema) if isinstance(schema, dict) else []
        self._steps += 1 + _STEPS_OF_A_PATTERN * len(patterned)
        if self._steps > _MOST_STEPS:
            raise _TooMuchWorkError
        if not isinstance(schema, dict) or (self._depth is not None and depth > self._depth):
            return 1
        looks = sum(self._of(part, depth) for part in _in_place(schema))
        for name in _REFERENCES:
            if name in schema:
                looks += self._of_target(schema[name], depth)
        looks += max((self._of(part, depth + 1) for part in _inside(schema)), default=0)
        looks += sum(self._of(part, depth + 1) for part in (*patterned, *_beside(schema)))
        return max(1, looks)

    def _of_target(self, reference: Any, depth: int) -> int:
        if self._depth is None:
            self._depth = _depth_of(self._value)
        target = self._target(reference)
        key = (id(target), depth)
        if key not in self._known:
            self._known[key] = _MOST_WORK  # a reference to itself, at the same place, leads nowhere
            self._known[key] = self._of(target, depth)
        return self._known[key]

    def _target(self, reference: Any) -> Any:
        """What a local pointer points at; the root for all that is not one, which is at least as large."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return self._root
        target: Any = self._root
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        return self._root if target is None else target


def _in_place(schema: dict[str, Any]) -> Iterator[Any]:
    yield from chain.from_iterable(_list(schema.get(name)) for name in _ALL_OF_THESE)
    yield from (schema[name] for name in _THIS_TOO if name in schema)
    yield from chain.from_iterable(_values(schema.get(name)) for name in _THESE_TOO)


def _inside(schema: dict[str, Any]) -> Iterator[Any]:
    yield from (schema[name] for name in _OF_EACH if name in schema)
    for name in _OF_ONE:
        part = schema.get(name)
        yield from _list(part) if isinstance(part, list) else _values(part) if name != "items" else ()


def _patterned(schema: dict[str, Any]) -> list[Any]:
    """What goes with each pattern of a schema; several of them may match one place."""
    return [*_values(schema.get("patternProperties")), *(("pattern",) if "pattern" in schema else ())]


def _beside(schema: dict[str, Any]) -> Iterator[Any]:
    yield from (schema[name] for name in _BESIDE if name in schema)
    yield from (value for value in _list(schema.get("enum")) if isinstance(value, dict | list))  # compared one by one


def _list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else []


def _values(part: Any) -> list[Any]:
    return list(part.values()) if isinstance(part, dict) else []


def _depth_of(value: Any) -> int:
    """How deep a value is nested. Raises _TooMuchWorkError beyond `_MOST_DEPTH`."""
    level = [value]
    for depth in range(_MOST_DEPTH + 1):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        if not inner:
            return depth
        level = list(chain.from_iterable(inner))
    raise _TooMuchWorkError
