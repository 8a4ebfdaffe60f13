from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gateway.api.openai_chat import parse_chat
from gateway.domain.policy import PolicySet
from gateway.domain.signals import measure
from gateway.policyfile.questions import Question, body_of, chat_body
from tests.unit.policyfile.folder import GOOD, load

OTHERS = "policies:\n  - {name: other, serves: [chat, bot], default: small-first}\n"


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return load(tmp_path_factory.mktemp("policies"), p=GOOD, q=OTHERS)


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
