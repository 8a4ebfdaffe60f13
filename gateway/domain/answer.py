"""What a model answered, in the gateway's own words, what may be tested on it, and what such a test says."""

from typing import Literal

from msgspec import Struct

FailureCode = Literal[
    "empty",
    "truncated",
    "refused",
    "missing_tool_call",
    "unknown_tool",
    "invalid_arguments",
    "invalid_json",
    "schema_mismatch",
    "wrong_language",
    "broken_code",
    "unbalanced_code",
    "repetition",
]


class ToolCall(Struct, frozen=True, kw_only=True):
    """A tool the model wants called; `arguments` is what it wrote, JSON or not."""

    name: str
    arguments: str


class Answer(Struct, frozen=True, kw_only=True):
    """The first choice of an answer, all of it.

    finish_reason  as the provider names it (`stop`, `length`, `tool_calls`, `max_tokens`, …); empty where it said none
    refusal        what the model said in the field that is for refusals; empty where it used none
    logprob        the mean log-probability of its tokens, at most 0; None where the provider gave none
    """

    text: str
    finish_reason: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    logprob: float | None = None


class Checks(Struct, frozen=True, kw_only=True):
    """Which checks are wanted; each field is what an answer that passes is."""

    not_empty: bool = False
    complete: bool = False
    not_refused: bool = False
    tool_calls: bool = False
    json_schema: bool = False
    same_language: bool = False
    code_parses: bool = False
    not_repetitive: bool = False


EVERY_CHECK = Checks(
    not_empty=True,
    complete=True,
    not_refused=True,
    tool_calls=True,
    json_schema=True,
    same_language=True,
    code_parses=True,
    not_repetitive=True,
)


class Failure(Struct, frozen=True, kw_only=True):
    """What an answer failed.

    sentence  holds nothing of what the model or a user said; names of tools and of a schema's properties it may hold
    is_weak   a hint, which good answers give as well: not to be acted on alone
    """

    code: FailureCode
    sentence: str
    is_weak: bool = False
