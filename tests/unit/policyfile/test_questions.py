from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gateway.api.openai_chat import parse_chat
from gateway.domain.policy import PolicySet
from gateway.domain.signals import measure
from gateway.policyfile.circumstances import Named
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.questions import Question, body_of, chat_body, check_name, validated
from tests.unit.policyfile.folder import GOOD, load

OTHERS = "policies:\n  - {name: other, serves: [chat, bot], default: small-first}\n"


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return load(tmp_path_factory.mktemp("policies"), p=GOOD, q=OTHERS)


def _node(content: Any) -> Node:
    """A node whose every part stands in line 1, a mapping's keys in line 2."""
    if isinstance(content, dict):
        children: Any = {key: _node(each) for key, each in content.items()}
    else:
        children = [_node(each) for each in content] if isinstance(content, list) else content
    keys = {str(key): Place("f", 2) for key in content} if isinstance(content, dict) else {}
    return Node(place=Place("f", 1), loc=(), content=children, keys=keys)


def test_the_short_form_can_have_a_system_message_and_a_tools_result() -> None:
    body = chat_body("hello", "auto", "be brief", tool_loop=True)

    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]


def test_the_short_form_is_a_body_the_gateway_accepts_and_measures_as_it_says() -> None:
    body = chat_body("Why?", "auto", "s", turns=3, tool_loop=True, tools=["a", "b"], metadata={"k": "v"})

    request = parse_chat(msgspec.json.encode(body))
    signals = measure(request)
    assert (signals.turns, signals.tool_loop, signals.tools) == (3, True, 2)
    assert (request.tool_names, request.metadata) == (["a", "b"], {"k": "v"})


def test_without_an_alias_a_question_goes_to_auto_or_to_what_its_policy_serves(policies: PolicySet) -> None:
    models = [
        body_of(Question.model_validate({"ask": "a", **more}), policies)["model"]
        for more in ({}, {"policy": "other"}, {"policy": "default"}, {"policy": "other", "alias": "bot"})
    ]

    assert models == ["auto", "chat", "auto", "bot"]


def test_a_whole_request_is_passed_on_as_it_is(policies: PolicySet) -> None:
    request = {"model": "auto", "messages": []}

    assert body_of(Question(request=request), policies) == request


@pytest.mark.parametrize(
    "question", [{}, {"ask": ""}, {"ask": "a", "request": {}}, {"request": {}, "turns": 2}, {"ask": "a", "turns": 0}]
)
def test_a_question_asks_once(question: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate(question)


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
