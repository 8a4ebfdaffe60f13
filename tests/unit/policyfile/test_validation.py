from decimal import Decimal
from typing import Any

import pytest

from gateway.policyfile.circumstances import Named
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.questions import Question
from gateway.policyfile.validation import check_name, validated


def _node(content: Any) -> Node:
    """A node whose every part stands in line 1, a mapping's keys in line 2."""
    if isinstance(content, dict):
        children: Any = {key: _node(each) for key, each in content.items()}
    else:
        children = [_node(each) for each in content] if isinstance(content, list) else content
    keys = {str(key): Place("f", 2) for key in content} if isinstance(content, dict) else {}
    return Node(place=Place("f", 1), loc=(), content=children, keys=keys)


def test_what_is_valid_is_given_and_nothing_is_reported() -> None:
    problems = Problems()

    question = validated(Question, _node({"ask": "a", "budget": {"used_ratio": Decimal("0.5")}}), "case", problems)

    assert question is not None
    assert question.budget is not None
    assert (question.budget.used_ratio, len(problems)) == (Decimal("0.5"), 0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"ask": "a", "sesion": {}}, "f:2: case: unknown key 'sesion'; did you mean 'session'?"),
        ({"ask": "a", "session": {"rule": "r"}}, "f:1: case: 'route' is missing"),
        ({"ask": 3}, "f:1: case: must be text; put it in quotes"),
    ],
)
def test_what_is_not_is_reported_at_its_place(content: dict[str, Any], problem: str) -> None:
    problems = Problems()

    assert validated(Question, _node(content), "case", problems) is None
    with pytest.raises(Exception, match="f:") as caught:
        problems.raise_if_any()
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (Named("route", "smal", ("a",), ["small", "large"]), "f:1: p: unknown route 'smal'; did you mean 'small'?"),
        (Named("route", "x", ("m", "x"), ["b", "a"], is_key=True), "f:2: p: unknown route 'x'; known are a, b"),
        (Named("route", "x", ("l", "x"), [], is_key=True), "f:1: p: unknown route 'x'; there is none"),
    ],
)
def test_an_unknown_name_is_reported_with_the_nearest(name: Named, problem: str) -> None:
    problems = Problems()
    node = _node({"a": "smal", "m": {"x": 1}, "l": ["x"]})

    check_name(name, node, "p", problems)

    with pytest.raises(Exception, match="f:") as caught:
        problems.raise_if_any()
    assert str(caught.value) == problem


def test_a_known_name_is_no_problem() -> None:
    problems = Problems()

    check_name(Named("route", "a", (), ["a"]), _node("a"), "p", problems)

    assert len(problems) == 0
