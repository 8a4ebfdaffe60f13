"""A gate on a replay: a CEL expression over its figures that says when a candidate fails. It fails closed."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.policyfile.cel_messages import ConditionProblem, problems_in, without_status

FIGURES: Final[Mapping[str, str]] = {
    "cost_delta": "relative change of cost: 0.05 is 5 % more",
    "cost_delta_usd": "change of cost in dollars",
    "quality_delta": "mean change of the probability of a good answer",
    "quality_delta_low": "the lower end of its 95 % interval",
    "latency_delta": "relative change of the median latency",
    "moved_share": "share of the requests that another deployment would be tried for first",
    "refused_share_delta": "change of the share of requests that are refused",
    "requests": "requests that were decided again; an int",
    "moved": "how many of them move; an int",
}
"""What an expression may name, and what it means; all but the last two are doubles."""
_INTS: Final = frozenset({"requests", "moved"})

Figures = Mapping[str, float | int | None]


class GateError(Exception):
    """The expression is no gate. Its message has a line for each problem."""


class Verdict(NamedTuple):
    """`figures`: those the expression reads. `why`: in what way it failed; empty where it did not."""

    has_failed: bool
    why: str
    figures: Figures


class Gate:
    """A compiled expression. `reads`: the figures it names."""

    def __init__(self, source: str) -> None:
        """Raises GateError."""
        self.source = source
        self._env = cel.NewEnv(variables={name: cel.Type.INT if name in _INTS else cel.Type.DOUBLE for name in FIGURES})
        try:
            self._expression = self._env.compile(source)
        except RuntimeError as error:
            raise GateError(_listed(source, problems_in(source, str(error), FIGURES))) from error
        result = self._expression.return_type()
        if result != cel.Type.BOOL:
            message = f"a gate is true or false, this one is {result.name().lower()}"
            raise GateError(_listed(source, [ConditionProblem(0, message, "compare it with something: '… > 0.05'")]))
        # In the checked expression a name stands behind its length, which tells it from one that begins like it.
        checked: bytes = self._expression.serialize()
        self.reads = tuple(name for name in FIGURES if bytes([len(name)]) + name.encode() in checked)

    def judge(self, figures: Figures) -> Verdict:
        """Whether the candidate fails: where the expression is true, or cannot be told because a figure is unknown."""
        read = {name: figures[name] for name in self.reads}
        if unknown := [name for name, value in read.items() if value is None]:
            are = "is" if len(unknown) == 1 else "are"
            return Verdict(True, f"{', '.join(unknown)} {are} unknown", read)
        outcome = self._expression.eval(self._env.Activation({name: _typed(name, read[name]) for name in read})).value()
        if outcome is False:
            return Verdict(False, "", read)
        return Verdict(True, "it is true" if outcome is True else without_status(str(outcome)), read)


def _typed(name: str, value: Any) -> float | int:
    return int(value) if name in _INTS else float(value)


def _listed(source: str, problems: list[ConditionProblem]) -> str:
    lines = []
    for offset, message, suggestion in problems:
        pointer = f"  {source.splitlines()[0]}\n  {' ' * offset}^" if source and "\n" not in source else ""
        lines.append(f"{message}; {suggestion}" if suggestion else message)
        lines += [pointer] if pointer else []
    return "\n".join(lines)
