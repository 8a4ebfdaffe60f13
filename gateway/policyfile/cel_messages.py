"""Turns the CEL compiler's text into problems: an offset in the expression, a message in our words, a suggestion."""

import re
from collections.abc import Collection
from typing import NamedTuple

from gateway.policyfile.problems import did_you_mean
from gateway.policyfile.variables import FACT_TYPES

FUNCTIONS = ("contains", "endsWith", "matches", "size", "startsWith", "double", "int", "string")
"""CEL's functions that conditions have a use for; `has`, `all` and `exists` are macros."""

_ISSUE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")
_UNEXPECTED = re.compile(
    r"Syntax error: (?:mismatched|extraneous|no viable alternative at) input '(.*?)'(?: expecting|$)"
)
_UNREADABLE = re.compile(r"Syntax error: token recognition error at: '(.*)'")
_NO_KEY = re.compile(r"Key not found in map : \"(.*)\"")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_FUNCTIONS_MEANT = {"len": "size", "length": "size", "count": "size"}
_OF_DEPLOYMENTS = frozenset({"labels", "deployment"})
_OF_REQUESTS = frozenset(name.partition(".")[0] for name in FACT_TYPES)
_SPELLINGS = {"and": "&&", "or": "||", "not": "!", "=": "==", "&": "&&", "|": "||"}


class ConditionProblem(NamedTuple):
    """`offset` counts characters from the start of the expression."""

    offset: int
    message: str
    suggestion: str | None = None


def problems_in(source: str, text: str, names: Collection[str]) -> list[ConditionProblem]:
    """What the compiler's `text` says of `source`, in order; after a syntax error nothing else can be trusted."""
    found = [
        (_offset(source, int(line), int(column)), _STATUS.sub("", message))
        for line, column, message in _ISSUE.findall(text)
    ]
    if not found:
        return [ConditionProblem(0, without_status(text))]
    if found[0][1].startswith("Syntax error"):
        return [_syntax_problem(source, *found[0])]
    return [_type_problem(source, offset, message, names) for offset, message in found]


def failed_on_sample(source: str, text: str) -> ConditionProblem:
    """The problem of an expression that compiles, and fails on facts like any other."""
    message = without_status(text)
    if match := _NO_KEY.search(message):
        at = max(source.find(match[1]), 0)
        return ConditionProblem(
            at, f"fails where there is no {match[1]!r}", f"ask first whether it is there: '\"{match[1]}\" in … && …'"
        )
    return ConditionProblem(0, f"fails on sample facts: {message}")


def without_status(text: str) -> str:
    """CEL's message less its status code."""
    return _STATUS.sub("", text.strip())


def _offset(source: str, line: int, column: int) -> int:
    lines = source.split("\n")
    return min(sum(len(each) + 1 for each in lines[: line - 1]) + column - 1, len(source))


def _syntax_problem(source: str, offset: int, message: str) -> ConditionProblem:
    if "'<EOF>'" in message and "expecting <EOF>" not in message:
        missing = re.search(r"missing '(.)'", message)
        return ConditionProblem(
            offset, f"missing {missing[1]!r}" if missing else "the expression ends where a value should follow"
        )
    if match := _UNEXPECTED.search(message) or _UNREADABLE.search(message):
        word = match[1].strip()
        before = source[:offset].split()
        spelling = _SPELLINGS.get(word) or (_SPELLINGS.get(before[-1]) if before else None)
        return ConditionProblem(offset, f"unexpected {word!r}", f"CEL writes {spelling!r}" if spelling else None)
    return ConditionProblem(offset, message.removeprefix("Syntax error: "))


def _type_problem(source: str, offset: int, message: str, names: Collection[str]) -> ConditionProblem:
    if match := _UNDECLARED.search(message):
        return _undeclared(source, offset, match[1], names)
    if match := _OVERLOAD.search(message):
        operator = match[1].replace("_", "").replace("@", "")
        types = " and ".join(match[2].split(", "))
        number = {"int", "double"} <= set(match[2].split(", "))
        suggestion = "write whole numbers as 3.0, or convert with double(…)" if number else None
        return ConditionProblem(offset, f"{operator!r} does not apply to {types}", suggestion)
    return ConditionProblem(offset, message)


def _undeclared(source: str, offset: int, name: str, names: Collection[str]) -> ConditionProblem:
    start = _start(source, offset, name)
    if source[start + len(name) :].lstrip().startswith("("):
        meant = f"CEL writes {_FUNCTIONS_MEANT[name]!r}" if name in _FUNCTIONS_MEANT else did_you_mean(name, FUNCTIONS)
        return ConditionProblem(start, f"unknown function {name!r}", meant)
    root = name.partition(".")[0]
    if root in _OF_DEPLOYMENTS and "signals.tokens" in names:
        return ConditionProblem(start, f"unknown name {name!r}", f"{root!r} may stand in 'require' only")
    if root in _OF_REQUESTS and "labels" in names:
        return ConditionProblem(start, f"unknown name {name!r}", f"{root!r} may stand in 'when' only")
    suggestion = did_you_mean(name, names)
    fields = [known for known in names if known.startswith(f"{name}.")]
    if fields:
        suggestion = f"name one of its fields: {', '.join(fields)}"
    elif suggestion is None and "." not in name:
        suggestion = f'text is written in quotes: "{name}"'
    return ConditionProblem(start, f"unknown name {name!r}", suggestion)


def _start(source: str, offset: int, name: str) -> int:
    """Where the name begins: CEL points at its last dot, or, of a function, at the bracket."""
    for start in (offset, offset - max(name.rfind("."), 0), offset - len(name)):
        if start >= 0 and source.startswith(name, start):
            return start
    return offset
