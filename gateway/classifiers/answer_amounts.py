"""What can be counted in an answer: its length, hedges, repetition, its sums and the numbers it takes from the ask."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.classifiers.vocabulary import tokens_of

ANSWER_AMOUNTS: Final = (
    "characters",
    "lines",
    "length beside the ask",
    "share of different words",
    "share of repeated sentences",
    "ends mid-sentence",
    "hedges",
    "log-probability",
    "log-probability known",
    "names one of the options",
    "ends with a number",
    "last number is whole",
    "size of the last number",
    "last number is zero",
    "last number stands in the ask",
    "calculations",
    "calculations a number asked about",
    "wrong calculations",
    "results that are not whole",
    "negative results",
    "last result is not the last number",
    "largest result",
    "share of the ask's numbers used",
    "the ask's numbers left unused",
    "numbers from nowhere",
    "amounts of money",
)
"""The name of each amount, in the order of `answer_amounts`."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CALCULATION = re.compile(
    r"((?<![\d.,()])[\d.,()]++(?: ?[-+*/x×÷] ?[$€£]?[\d.,()]++){1,40}+) ?= ?[$€£]?(-?[\d,]*\.?\d+)"
)
_SENTENCE_END = re.compile(r"[\n.。！？!?] ?")
_HEDGE = re.compile(
    r"\b(?:assum|approximat|however|but|wait|maybe|perhaps|unclear|not sure|cannot|it depends|suppos|"
    r"quizá|tal vez|aunque|talvez|porém|vielleicht|allerdings|vermutlich|peut-être|cependant)"
    r"|可能|也许|但是|かもしれ|ただし|おそらく"
)
_CHOICE = re.compile(r"\b(?:answer|antwort|réponse|respuesta|resposta) (?:is|ist|est|es|é):? ?\(?[a-j]\b")
_LAST_CHARS: Final = 120
_VIEW_CHARS: Final = 8_000
_LARGEST: Final = 1e15
_LONGEST_CALCULATION: Final = 80
_SENTENCE_CHARS: Final = 12
_WRONG_BY: Final = 0.01
_ENDS: Final = ".!?)]}$\"'”»0123456789。！？」`|"
_SIGNS = str.maketrans({"x": "*", "×": "*", "÷": "/", "$": "", "€": "", "£": "", ",": ""})
_OPERATIONS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_log = math.log1p


def answer_amounts(text: str, ask: str, logprob: float | None) -> list[float]:
    """The amounts named by ANSWER_AMOUNTS, of a normalised answer and ask; counts are logarithmic.

    logprob  the mean log-probability of the answer's tokens; None where the provider gave none
    """
    text = text if len(text) <= _VIEW_CHARS else text[: _VIEW_CHARS // 2] + text[-_VIEW_CHARS // 2 :]
    words = tokens_of(text)
    sentences = [part for part in _SENTENCE_END.split(text) if len(part) > _SENTENCE_CHARS]
    return [
        _log(len(text)),
        _log(len(sentences)),
        _log(len(text) / max(1, len(ask))),
        len(set(words)) / max(1, len(words)),
        1.0 - len(set(sentences)) / max(1, len(sentences)),
        float(bool(text) and text.rstrip()[-1:] not in _ENDS),
        _log(len(_HEDGE.findall(text))),
        logprob or 0.0,
        float(logprob is not None),
        float(_CHOICE.search(text) is not None),
        *_of_numbers(text, ask),
        _log(sum(map(text.count, "$€£"))),
    ]


def _of_numbers(text: str, ask: str) -> list[float]:
    numbers = _values(_NUMBER.findall(text[-_LAST_CHARS:]))
    last = numbers[-1] if numbers else None
    asked = _values(_NUMBER.findall(ask))
    given = set(asked)
    steps = [(written, value_of(written), _number(result)) for written, result in _CALCULATION.findall(text)]
    results = [value for _, value, _ in steps if value is not None]
    used = set(_values([number for written, _, _ in steps for number in _NUMBER.findall(written)]))
    return [
        float(last is not None),
        float(last is not None and last == int(last)),
        _log(last or 0.0),
        float(last == 0),
        float(last is not None and last in given),
        _log(len(steps)),
        len(steps) / max(1, len(asked)),
        min(3, sum(_is_wrong(value, said) for _, value, said in steps)),
        min(4, sum(value != int(value) for value in results)),
        _log(sum(value < 0 for value in results)),
        float(bool(results) and last is not None and _is_wrong(results[-1], last)),
        _log(max(map(abs, results), default=0.0)),
        sum(value in used for value in asked) / max(1, len(asked)),
        _log(sum(value not in used for value in asked)),
        _log(len(used - given - set(results))),
    ]


def _is_wrong(value: float | None, said: float | None) -> bool:
    return value is not None and said is not None and abs(value - said) > _WRONG_BY * max(1.0, abs(value))


def value_of(calculation: str) -> float | None:
    """What a calculation written with + - * / x × ÷ and brackets comes to; None where it cannot be told."""
    if len(calculation) > _LONGEST_CALCULATION:
        return None
    try:
        value = _evaluated(ast.parse(calculation.translate(_SIGNS), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, MemoryError):
        return None
    return value if abs(value) <= _LARGEST else None


def _evaluated(node: ast.expr) -> float:
    match node:
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATIONS:
            return _OPERATIONS[type(operation)](_evaluated(left), _evaluated(right))
        case ast.UnaryOp(ast.USub(), operand):
            return -_evaluated(operand)
        case ast.Constant(int() | float() as value):
            return float(value)
        case _:
            raise ValueError("not a calculation")


def _values(numbers: Sequence[str]) -> list[float]:
    return [value for number in numbers if (value := _number(number)) is not None]


def _number(written: str) -> float | None:
    """None for what is no single number: a date, a version."""
    try:
        return min(_LARGEST, float(written.replace(",", "")))
    except ValueError:
        return None
