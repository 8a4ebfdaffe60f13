"""Tests on an answer: what shows, without another model, that it will not do. Pure, and bounded on hostile answers."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from gateway.domain.answer import Answer, Checks, Failure, ToolCall
from gateway.domain.answer_code import code_verdict
from gateway.domain.answer_language import is_in_another_language
from gateway.domain.asks import last_ask
from gateway.domain.refusals import is_about_refusing, is_refusal
from gateway.domain.repetition import is_repetitive
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals
from gateway.domain.tokens import estimated_tokens

_CUT_SHORT: Final = frozenset(("length", "max_tokens", "model_context_window_exceeded"))
_REFUSED: Final = frozenset(("content_filter", "refusal"))
_ON_PURPOSE_TOKENS: Final = 4
"""A client that allows so few wants one word or its probability: it is cut as asked."""
_NEARLY_ALL: Final = 0.9
_MOST_CALLS: Final = 64
_MOST_TOOLS: Final = 1_000
_UNSEEN: Final = " \t\r\n\u00a0\u200b\u200c\u200d\u2060\ufeff"
_THOUGHT: Final = "</think>"
_REPETITION_ASKED: Final = re.compile(
    r"repeat|wiederhol|repite|repet|répét|ripet|herhaal|重复|重複|繰り返|반복"
    r"|\d ?(?:times|mal|veces|vezes|fois|volte|keer|次|遍|回|번)\b"
)
_ASK_CHARS: Final = 4_000


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """What every check looks at; `said`: the answer's text but for a thinking model's thoughts."""

    answer: Answer
    said: str
    request: ChatRequest
    signals: Signals
    ask: str


def check(answer: Answer, request: ChatRequest, signals: Signals, wanted: Checks) -> tuple[Failure, ...]:
    """Every wanted check that an answer fails, the cheapest first; an empty answer fails no more than that."""
    said = _said(answer.text)
    case = _Case(answer=answer, said=said, request=request, signals=signals, ask=last_ask(request.messages))
    if not said and not answer.tool_calls and not answer.refusal:
        return (_EMPTY,) if wanted.not_empty else ()
    return tuple(failure for name, failures in _CHECKS if getattr(wanted, name) for failure in failures(case))


_EMPTY: Final = Failure(code="empty", sentence="the answer is empty")


def _said(text: str) -> str:
    """What is left of an answer without white space and without what the model thought."""
    start = text.rfind(_THOUGHT)
    if start >= 0:
        text = text[start + len(_THOUGHT) :]
    stripped = text.strip(_UNSEEN)
    return "" if stripped.startswith("<think>") else stripped


def _schema_problem(schema: Any, value: Any, size_chars: int) -> str | None:
    """See `json_schema_check`; its validator takes 3 MB, which a gateway without such a check is spared."""
    from gateway.domain.json_schema_check import schema_problem  # noqa: PLC0415

    return schema_problem(schema, value, size_chars)


def _complete(case: _Case) -> Iterator[Failure]:
    most = case.signals.max_output_tokens
    if case.answer.finish_reason in _CUT_SHORT:
        if not (0 < most <= _ON_PURPOSE_TOKENS and case.said):
            yield Failure(code="truncated", sentence=f"the answer was cut off ({case.answer.finish_reason})")
    elif (
        most > _ON_PURPOSE_TOKENS and _is_mid_sentence(case.said) and estimated_tokens(case.said) >= most * _NEARLY_ALL
    ):
        yield Failure(code="truncated", sentence=f"the answer ends in mid-sentence, at about its {most} tokens")


def _is_mid_sentence(said: str) -> bool:
    return said[-1:].isalnum() or said.endswith(tuple(",;:([{-–—、，"))


def _not_refused(case: _Case) -> Iterator[Failure]:
    if case.answer.refusal or case.answer.finish_reason in _REFUSED:
        yield Failure(code="refused", sentence="the model says that it refuses")
    elif is_refusal(case.said) and not is_about_refusing(case.ask):
        yield Failure(code="refused", sentence="the answer is short and begins with a refusal")


def _tool_calls(case: _Case) -> Iterator[Failure]:
    if not case.answer.tool_calls:
        if case.request.tools and _must_call(case.request.payload):
            yield Failure(code="missing_tool_call", sentence="the request demands a tool call and the answer has none")
        return
    tools = dict(_tools(case.request.payload))
    for call in case.answer.tool_calls[:_MOST_CALLS]:
        if call.name not in tools:
            yield Failure(code="unknown_tool", sentence="the answer calls a tool that was not offered")
        elif problem := _arguments_problem(call, tools[call.name]):
            sentence = f"the call of {call.name[:64]!r} has arguments that {problem}"
            yield Failure(code="invalid_arguments", sentence=sentence)


def _must_call(payload: dict[str, Any]) -> bool:
    choice = payload.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else choice
    return kind in ("required", "any", "tool", "function")


def _tools(payload: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each tool's name with its parameters' schema; with None where it takes text."""
    for key in ("tools", "functions"):
        offered = payload.get(key)
        for tool in islice(offered, _MOST_TOOLS) if isinstance(offered, list) else ():
            if not isinstance(tool, dict):
                continue
            held = tool.get("function")
            held = held if isinstance(held, dict) else tool.get("custom", tool)
            name = held.get("name") if isinstance(held, dict) else None
            if isinstance(name, str):
                is_text = tool.get("type") == "custom" and "input_schema" not in tool
                yield name, None if is_text else held.get("parameters", held.get("input_schema", {}))


def _arguments_problem(call: ToolCall, schema: Any) -> str | None:
    if schema is None:
        return None
    try:
        value = msgspec.json.decode(call.arguments.strip() or "{}")
    except (ValueError, RecursionError):
        return "are not valid JSON"
    if not isinstance(value, dict):
        return "are not a JSON object"
    return _schema_problem(schema, value, len(call.arguments))


def _json_schema(case: _Case) -> Iterator[Failure]:
    if not case.request.structured or (case.answer.tool_calls and not case.said) or case.answer.refusal:
        return
    try:
        value = msgspec.json.decode(case.answer.text)
    except (ValueError, RecursionError):
        yield Failure(code="invalid_json", sentence="JSON was asked for and the answer is not valid JSON")
        return
    schema = _asked_schema(case.request.payload)
    if schema is None:
        if not isinstance(value, dict):
            yield Failure(
                code="schema_mismatch", sentence="a JSON object was asked for and the answer is another value"
            )
    elif problem := _schema_problem(schema, value, len(case.answer.text)):
        yield Failure(code="schema_mismatch", sentence=f"the contents of the JSON {problem}")


def _asked_schema(payload: dict[str, Any]) -> Any:
    """The schema the answer is to follow, in either dialect; None where any object will do."""
    config = payload.get("output_config")
    formats = (payload.get("response_format"), config.get("format") if isinstance(config, dict) else None)
    for chosen in (*formats, payload.get("output_format")):
        if isinstance(chosen, dict) and chosen.get("type") == "json_schema":
            held = chosen.get("json_schema")
            return held.get("schema", {}) if isinstance(held, dict) else chosen.get("schema", {})
    return None


def _same_language(case: _Case) -> Iterator[Failure]:
    if case.request.structured or not case.said:
        return
    instructions = "\n".join(message.text for message in case.request.messages if message.role == "system")
    asked_in = case.signals.language
    if is_in_another_language(case.said, case.ask, asked_in, instructions):
        yield Failure(code="wrong_language", sentence=f"the answer is not in {asked_in!r}, the language of the ask")


def _code_parses(case: _Case) -> Iterator[Failure]:
    verdict = code_verdict(case.said)
    if verdict == "broken":
        yield Failure(code="broken_code", sentence="a block of code in the answer does not parse")
    elif verdict == "unbalanced":
        sentence = "a block of code in the answer has brackets that do not close"
        yield Failure(code="unbalanced_code", sentence=sentence, is_weak=True)


def _not_repetitive(case: _Case) -> Iterator[Failure]:
    if is_repetitive(case.said) and not _REPETITION_ASKED.search(case.ask[:_ASK_CHARS].lower()):
        yield Failure(code="repetition", sentence="the answer ends by saying the same over and over")


_CHECKS: Final[tuple[tuple[str, Callable[[_Case], Iterator[Failure]]], ...]] = (
    ("complete", _complete),
    ("not_refused", _not_refused),
    ("tool_calls", _tool_calls),
    ("json_schema", _json_schema),
    ("not_repetitive", _not_repetitive),
    ("same_language", _same_language),
    ("code_parses", _code_parses),
)
"""The field of `Checks` that wants each, the cheapest first."""
