"""A request nobody sent, as people write it: a text and a few words on the conversation, or a whole body."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from gateway.domain.policy import PolicySet
from gateway.policyfile.circumstances import Circumstances
from gateway.policyfile.schema import Alias
from gateway.policyfile.trial import named

_SHORT_FORM: Final = ("alias", "system", "turns", "tool_loop", "tools", "metadata")
_USUAL_ALIAS: Final = "auto"


class Question(Circumstances):
    """A request and its circumstances.

    ask      the last human text; the rest of the short form says what the conversation around it is like
    turns    how many messages a human wrote, `ask` included
    tools    the names of the tools that are offered
    request  an OpenAI or Anthropic chat body, in place of all that
    """

    ask: Annotated[str, Field(min_length=1)] | None = None
    alias: Alias = _USUAL_ALIAS
    system: str | None = None
    turns: Annotated[int, Field(ge=1, le=100)] = 1
    tool_loop: bool = False
    tools: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    metadata: dict[str, str] = Field(default_factory=dict)
    request: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _asks_once(self) -> "Question":
        if (self.ask is None) == (self.request is None):
            raise ValueError("needs 'ask' (a text) or 'request' (an OpenAI or Anthropic chat body), and not both")
        if self.request is not None and (stray := self.model_fields_set.intersection(_SHORT_FORM)):
            raise ValueError(f"{min(stray)!r} goes with 'ask'; say it inside 'request'")
        return self


def body_of(question: Question, policies: PolicySet) -> Mapping[str, Any]:
    """The request itself. Without an alias it goes to `auto`, or to what the policy serves that is to decide."""
    if question.request is not None:
        return question.request
    return chat_body(
        question.ask or "",
        _alias_of(question, policies),
        question.system,
        turns=question.turns,
        tool_loop=question.tool_loop,
        tools=question.tools,
        metadata=question.metadata,
    )


def _alias_of(question: Question, policies: PolicySet) -> str:
    policy = None if question.policy is None else named(policies, question.policy)
    if policy is None or "alias" in question.model_fields_set or _USUAL_ALIAS in policy.serves:
        return question.alias
    return policy.serves[0]


def chat_body(
    ask: str,
    alias: str,
    system: str | None = None,
    *,
    turns: int = 1,
    tool_loop: bool = False,
    tools: list[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The OpenAI chat body of one ask.

    turns      messages a human wrote, those before the ask included
    tool_loop  a tool's result follows the ask
    """
    messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    for _ in range(turns - 1):
        messages.append({"role": "user", "content": "Let us go through this step by step."})
        messages.append({"role": "assistant", "content": "Here is the next step."})
    messages.append({"role": "user", "content": ask})
    if tool_loop:
        call = {"id": "call-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call-1", "content": "done"})
    body: dict[str, Any] = {"model": alias, "messages": messages}
    if tools:
        body["tools"] = [_tool(name) for name in tools]
    if metadata:
        body["metadata"] = dict(metadata)
    return body


def _tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
