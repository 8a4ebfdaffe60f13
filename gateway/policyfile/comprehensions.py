"""How much an expression may loop: CEL bounds the steps of its loops, not what each may take."""

from collections.abc import Sequence
from typing import Final

from gateway.policyfile.cel_messages import ConditionProblem
from gateway.policyfile.expressions import Call, calls, tokens

MOST_NESTED: Final = 3
MOST_LOOPS: Final = 5
MOST_SIGNS: Final = {"+": 20, ",": 100}
"""Signs in an expression that loops: each `+` may double what the loop around it doubled, and each comma lengthens a
list that `==` compares, which CEL does not count as steps."""
_LOOPS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})


def too_much_looping(source: str) -> ConditionProblem | None:
    """What of the expression could take time or memory without end."""
    loops = [call for call in calls(source) if call.name in _LOOPS]
    maps = [call for call in loops if call.name == "map"]
    if maps:
        message = "conditions have no use for map"
        return ConditionProblem(maps[0].at, message, "ask with exists, all or filter")
    if _depth(loops) > MOST_NESTED:
        message = f"loops are nested deeper than {MOST_NESTED}"
        return ConditionProblem(loops[0].at, message, "ask something simpler")
    if len(loops) > MOST_LOOPS:
        message = f"{len(loops)} loops, more than {MOST_LOOPS}"
        return ConditionProblem(loops[MOST_LOOPS].at, message, "make several conditions of it")
    return _too_many_signs(source) if loops else None


def _too_many_signs(source: str) -> ConditionProblem | None:
    for sign, most in MOST_SIGNS.items():
        places = [token.at for token in tokens(source) if token.text == sign]
        if len(places) > most:
            message = f"more than {most} {sign!r} in an expression that loops"
            return ConditionProblem(places[most], message, "ask something simpler")
    return None


def _depth(loops: Sequence[Call]) -> int:
    """How many of them are inside one another, at most."""
    deepest = 0
    open_until: list[int] = []
    for loop in loops:  # in the order of the text, so what is open encloses it
        while open_until and open_until[-1] < loop.at:
            open_until.pop()
        open_until.append(loop.end)
        deepest = max(deepest, len(open_until))
    return deepest
