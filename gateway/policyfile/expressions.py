"""Conditions read as text, without compiling them: their normal form, their variables, what they compare with what."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.policyfile.variables import FACT_TYPES, THRESHOLD

_TOKEN: Final = re.compile(
    r"(?P<space>\s+|//[^\n]*)"
    r"|(?P<text>[bB]?[rR](?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"[^\"\n]*\"|'[^'\n]*')"
    r"|[bB]?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<number>0[xX][0-9a-fA-F]+[uU]?|\d*\.\d+(?:[eE][+-]?\d+)?|\d+(?:[eE][+-]?\d+|[uU])?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[\s\S])"
)
_UNESCAPED: Final = re.compile(r"""(["'])([^"'\\\n]*)\1""")
_SIGNS: Final = {
    **dict.fromkeys(("==", "!="), "e"),
    **dict.fromkeys(("<", "<=", ">", ">="), "o"),
    **{sign: sign for sign in "[],()!"},
    "&&": "&",
    "||": "|",
}
_CLASSES: Final = {
    cel.Type.BOOL.name(): "b",
    cel.Type.STRING.name(): "s",
    cel.Type.INT.name(): "n",
    cel.Type.DOUBLE.name(): "n",
}
_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPERATORS: Final = frozenset({"==", "!=", *_FLIPPED})
_EXTENDING: Final = frozenset("+-*/%.[")
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_LIST: Final = re.compile(r"\[(?:[LN](?:,[LN])*)?\]")
_COMPARISON: Final = re.compile(r"seL|Les|d[eo]L|L[eo]d|n[eo]N|N[eo]n|[sdn]ik|Lim|beT|Teb|[bT]")
_CONNECTION: Final = re.compile(r"!E|\(E\)|E[&|]E")


class Token(NamedTuple):
    """Of kind text, number, name (dots and all) or sign, at an offset. Text without escapes stands in double quotes."""

    kind: str
    text: str
    at: int = 0


class Call(NamedTuple):
    """A function or macro that is called.

    at, end  the offsets of its dotted name and of the bracket that closes it
    literal  its last argument, where that is one text
    """

    name: str
    at: int
    end: int
    literal: Token | None


class Key(NamedTuple):
    """What a map is asked for; None where that is more than one literal key."""

    name: str | None
    at: int


class Comparison(NamedTuple):
    """A variable beside a literal; `operator` is as the variable's side reads it, `in` for both kinds of membership."""

    variable: str
    operator: str
    literal: str | float


@lru_cache(maxsize=4096)
def tokens(source: str) -> tuple[Token, ...]:
    """The expression without white space and comments."""
    return tuple(
        Token(match.lastgroup or "sign", _written(match.lastgroup, match[0]), match.start())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    )


def normal_form(source: str) -> str:
    """What two conditions have in common that differ only in spacing, comments, quotes and outer parentheses."""
    kept = tokens(source)
    while _is_wrapped(kept):
        kept = kept[1:-1]
    return " ".join(token.text for token in kept)


@lru_cache(maxsize=4096)
def variables(source: str) -> frozenset[str]:
    """The variables it names, `quality.threshold` too."""
    found = (_variable(token.text) for token in tokens(source) if token.kind == "name")
    return frozenset(name for name in found if name)


@lru_cache(maxsize=4096)
def is_plain(source: str) -> bool:
    """Whether it only connects comparisons of one variable with literals: nothing matters then between the literals."""
    shape = _COMPARISON.sub("E", _LIST.sub("k", "".join(map(_class, tokens(source)))))
    while len(shape) > 1:
        shorter = _CONNECTION.sub("E", shape)
        if shorter == shape:
            return False
        shape = shorter
    return shape == "E"


@lru_cache(maxsize=4096)
def comparisons(source: str) -> tuple[Comparison, ...]:
    """What stands beside what, in the order of the text; what an operator extends is left out."""
    return tuple(_compared(tokens(source)))


def literals(source: str) -> frozenset[str | float]:
    """Every text and number in it, less what has escapes."""
    values = (_value(token) for token in tokens(source))
    return frozenset(value for value in values if value is not None)


def keys(source: str, variable: str) -> frozenset[str]:
    """The literal keys it asks a map for."""
    return frozenset(key.name for key in asked_keys(source, variable) if key.name is not None)


def asks_beyond_keys(source: str, variable: str) -> bool:
    """Whether it asks a map for more than literal keys, such as all of them."""
    return any(key.name is None for key in asked_keys(source, variable))


def asked_keys(source: str, variable: str) -> tuple[Key, ...]:
    """What it asks a map for, in the order of the text: a method or a macro of the map asks for all of it."""
    return tuple(_asked_keys(tokens(source), variable))


def calls(source: str) -> tuple[Call, ...]:
    """Every call in it, an outer one before those among its arguments."""
    stream = tokens(source)
    closing = _closing(stream)
    return tuple(
        _call(stream, index, closing.get(index + 1, len(stream)), len(source))
        for index, token in enumerate(stream)
        if token.kind == "name" and _text(stream, index + 1) == "("
    )


def _written(kind: str | None, text: str) -> str:
    if kind == "name":
        return "".join(text.split())
    match = _UNESCAPED.fullmatch(text) if kind == "text" else None
    return text if match is None else f'"{match[2]}"'


def _is_wrapped(stream: Sequence[Token]) -> bool:
    """Whether its first parenthesis is closed by its last token."""
    depth = 0
    for index, token in enumerate(stream):
        if token.kind == "sign":
            depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return index > 0 and index == len(stream) - 1
    return False


def _variable(name: str) -> str:
    """The variable that a dotted name begins with; empty where none does."""
    while name not in FACT_TYPES and "." in name:
        name = name.rpartition(".")[0]
    return name if name in FACT_TYPES else ""


def _class(token: Token) -> str:
    """One character for the token's part in a comparison; `?` where it has none in a plain one."""
    if token.kind == "sign":
        return _SIGNS.get(token.text, "?")
    if token.kind in ("text", "number"):
        return "?" if _value(token) is None else "L" if token.kind == "text" else "N"
    words = {"true": "T", "false": "T", "in": "i", THRESHOLD: "N", "time.date": "d"}
    if token.text in words:
        return words[token.text]
    return _CLASSES.get(FACT_TYPES[token.text].name(), "m") if token.text in FACT_TYPES else "?"


def _value(token: Token) -> str | float | None:
    """What a literal stands for; None where it is none, or has a prefix or an escape."""
    if token.kind == "text":
        return token.text[1:-1] if _UNESCAPED.fullmatch(token.text) else None
    if token.kind != "number":
        return None
    digits = token.text.rstrip("uU")
    return float(ast.literal_eval(digits)) if digits[:2] in ("0x", "0X") else float(digits)


def _closing(stream: Sequence[Token]) -> dict[int, int]:
    """The index of each opening bracket → that of the one that closes it."""
    closing, opened = {}, []
    for index, token in enumerate(stream):
        if token.text in _OPENING:
            opened.append(index)
        elif token.text in _CLOSING and opened:
            closing[opened.pop()] = index
    return closing


def _call(stream: Sequence[Token], index: int, closing: int, length: int) -> Call:
    last = stream[closing - 1]
    is_literal = last.kind == "text" and _text(stream, closing - 2) in ("(", ",")
    end = stream[closing].at if closing < len(stream) else length
    return Call(stream[index].text.rpartition(".")[2], stream[index].at, end, last if is_literal else None)


def _asked_keys(stream: Sequence[Token], variable: str) -> Iterator[Key]:
    for index, token in enumerate(stream):
        if token.kind != "name" or not f"{token.text}.".startswith(f"{variable}."):
            continue
        fields = token.text[len(variable) + 1 :].split(".")
        if _text(stream, index + 1) == "(":
            fields.pop()
        key: str | float | None = fields[0] if fields else None
        if token.text == variable:
            key = None
            if _text(stream, index + 1) == "[" and _text(stream, index + 3) == "]":
                key = _value(stream[index + 2])
            elif _text(stream, index - 1) == "in" and index > 1 and _text(stream, index - 3) not in _EXTENDING:
                key = _value(stream[index - 2])
        yield Key(key if isinstance(key, str) else None, token.at)


def _compared(stream: Sequence[Token]) -> Iterator[Comparison]:
    for index, token in enumerate(stream):
        if token.kind != "name" or token.text not in FACT_TYPES:
            continue
        after, before = _text(stream, index + 1), _text(stream, index - 1) if index else ""
        if after in _OPERATORS and (value := _standing(stream, index + 2)) is not None:
            yield Comparison(token.text, after, value)
        elif after == "in" and _text(stream, index + 2) == "[":
            yield from (Comparison(token.text, "in", value) for value in _listed(stream, index + 3))
        if index < 2 or _text(stream, index - 3) in _EXTENDING:
            continue
        value = _value(stream[index - 2])
        if value is not None and (before in _OPERATORS or before == "in"):
            yield Comparison(token.text, _FLIPPED.get(before, before), value)


def _standing(stream: Sequence[Token], index: int) -> str | float | None:
    """The literal there, unless an operator goes on with it."""
    if index >= len(stream) or _text(stream, index + 1) in _EXTENDING:
        return None
    return _value(stream[index])


def _listed(stream: Sequence[Token], index: int) -> Iterator[str | float]:
    while index < len(stream) and stream[index].text != "]":
        value = _value(stream[index])
        if value is not None:
            yield value
        index += 1


def _text(stream: Sequence[Token], index: int) -> str:
    return stream[index].text if 0 <= index < len(stream) else ""
