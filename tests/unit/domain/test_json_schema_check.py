from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.json_schema_check import schema_problem
from tests.cpu_time import cpu_s

INVOICE = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "status": {"enum": ["open", "paid"]},
        "note": {"type": ["string", "null"]},
    },
    "required": ["total", "lines"],
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
}
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYWORDS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "allOf", "$ref", "enum", "required", "not", "pattern", "minimum", "$defs"]
)
SCHEMAS = st.recursive(
    st.booleans() | st.sampled_from(["string", "object", "#", "#/$defs/a", "^a+$", 3]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS | st.just("a"), inner, max_size=4),
    max_leaves=16,
)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INVOICE, {"total": 1.5, "lines": [{"text": "a"}], "status": "open", "note": None}),
        (TREE, {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}),
        ({}, 1),
        ({"type": "string", "pattern": "^(?!a)b"}, "b"),
        ({"type": "integer"}, 1.0),
    ],
)
def test_a_value_that_follows_its_schema_passes(schema: dict[str, Any], value: Any) -> None:
    assert schema_problem(schema, value, 100) is None


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        (INVOICE, {"total": 1}, "break 'required' of the schema, at 'required'"),
        (INVOICE, {"total": "1", "lines": []}, "break 'type' of the schema, at 'properties/total/type'"),
        (INVOICE, {"total": 1, "lines": [], "status": "x"}, "break 'enum' of the schema, at 'properties/status/enum'"),
        (
            INVOICE,
            {"total": 1, "lines": [], "x": 1},
            "break 'additionalProperties' of the schema, at 'additionalProperties'",
        ),
        (TREE, {"name": "a", "children": [{}]}, "break 'required' of the schema"),
        ({"type": "string", "pattern": "^(?!a)b"}, "ab", "break 'pattern' of the schema, at 'pattern'"),
    ],
)
def test_the_demand_that_is_broken_is_named(schema: dict[str, Any], value: Any, problem: str) -> None:
    assert (schema_problem(schema, value, 100) or "").startswith(problem)


def test_nothing_of_the_value_is_told() -> None:
    secret = "the patient is " + "ill"

    assert secret not in (
        schema_problem({"additionalProperties": {"type": "integer"}}, {secret: secret}, 100) or secret
    )


@pytest.mark.parametrize(
    "schema",
    [
        None, [], "string", {"type": "banana"}, {"$ref": "#/nowhere"}, {"pattern": "("},
        {"$ref": "other.json"}, {"$schema": "urn:nobody:knows", "type": "string"}, {"$ref": "#"},
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_breaks_nothing(schema: Any) -> None:
    assert schema_problem(schema, 1, 10) is None


def _doubling(levels: int) -> dict[str, Any]:
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**steps, f"d{levels}": {"type": "string"}}}


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


BRANCHING = {
    "anyOf": [{"items": {"$ref": "#"}, "minItems": 1}, {"items": {"$ref": "#"}, "type": "array"}],
    "not": {"const": 1},
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (_doubling(60), "x"),
        (BRANCHING, _nested(22)),
        (BRANCHING, _nested(900)),
        (TREE, _nested(900)),
        ({"type": "string", "pattern": "^(a+)+$"}, "a" * 50_000 + "!"),
        ({"type": "string", "pattern": "^(?=(a+)+$)b"}, "a" * 50_000 + "!"),
        ({"patternProperties": {f"^a{n}.*z": {} for n in range(1_000)}}, {f"a{n}": 1 for n in range(10_000)}),
        ({"items": {"anyOf": [{"const": n} for n in range(2_000)]}}, [-1] * 100_000),
        ({"uniqueItems": True}, [{"a": n} for n in range(20_000)]),
        ({"pattern": "(a{1000}){1000}"}, "a"),
        ({"properties": {f"a{n}": {"pattern": f"^a{n}(b|c)+[a-z]{{1,50}}$"} for n in range(20_000)}}, {}),
    ],
)
def test_hostile_schemas_are_done_with_in_time(schema: dict[str, Any], value: Any) -> None:
    assert cpu_s(lambda: schema_problem(schema, value, 200_000)) < 0.3


def test_a_large_answer_is_judged_whole() -> None:
    lines: list[Any] = [{"text": "a"} for _ in range(20_000)]

    assert schema_problem(INVOICE, {"total": 1, "lines": lines}, 300_000) is None
    assert schema_problem(INVOICE, {"total": 1, "lines": [*lines, {}]}, 300_000) == "do not follow the schema"


@given(SCHEMAS, JSON)
def test_no_schema_is_too_strange(schema: Any, value: Any) -> None:
    problem = schema_problem(schema, value, 100)

    assert problem is None or problem
