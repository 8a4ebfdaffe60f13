"""The values a condition went by, asked of CEL itself: so they are what the condition saw, time zone and all."""

import re
from collections.abc import Iterator
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.domain.policy import Condition
from gateway.policyfile.variables import FACT_TYPES, THRESHOLD


class CelReadings:
    """`Readings` of conditions compiled by `PolicyConditions`. Reads activations of any policy set."""

    def __init__(self) -> None:
        env = cel.NewEnv(variables=dict(FACT_TYPES))
        self._read = {name: env.compile(name).eval for name in FACT_TYPES}

    def __call__(self, condition: Condition, bound: Any) -> dict[str, Any]:
        """Variable → value, in the order the condition names them."""
        return {name: self._read[name](bound).plain_value() for name in variables_of(condition)}


def variables_of(condition: Condition) -> list[str]:
    """The variables a condition reads, in the order it names them; last those that its rule adds."""
    source = condition.source
    reads = [*_read(condition), *([THRESHOLD] if THRESHOLD in source else [])]
    return sorted(reads, key=lambda name: (source.find(name) % (len(source) + 1), name))


def _read(condition: Condition) -> Iterator[str]:
    """`reads`, less the names that only begin another: `signals.code` of a condition on `signals.code_language`."""
    for name in condition.reads:
        begins_another = any(other.startswith(name) for other in condition.reads - {name})
        if not begins_another or re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", condition.source):
            yield name
