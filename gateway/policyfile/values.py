"""The values worth trying for one variable: those that conditions mention, and one of every other kind."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate, chain, combinations, pairwise, repeat
from typing import Any, Final, NamedTuple, get_args

from gateway.domain.classification import Task
from gateway.domain.code import CodeLanguage
from gateway.domain.language import LANGUAGES
from gateway.domain.policy import Deployment
from gateway.domain.sensitivity import Sensitivity
from gateway.domain.session import KINDS
from gateway.domain.signals import Script
from gateway.policyfile.mentions import Mentions
from gateway.policyfile.variables import THRESHOLD, WEEKDAYS

OTHER: Final = "other"
"""What is none of the texts a condition mentions."""
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "signals.sensitivity": get_args(Sensitivity),
    "signals.sensitive": KINDS,
    "signals.script": get_args(Script),
    "signals.language": tuple(sorted(LANGUAGES)),
    "signals.code_language": get_args(CodeLanguage),
    "classification.task": get_args(Task),
    "time.weekday": WEEKDAYS,
}
"""Every value that a variable, or an element of it, may have."""
MOST_IN_SUBSETS: Final = 4
"""Values of which every subset is tried."""
LARGEST: Final = 2**53
LEAST: Final = {"signals.tokens": 1, "signals.messages": 1}
"""Variable → the least it can be, where that is not 0."""
_ORDINARY: Final = {**LEAST, "signals.ask_tokens": 1, "signals.turns": 1}


class Ground(NamedTuple):
    """What is known besides the conditions.

    thresholds   the values of `quality.threshold`
    aliases      those a request may ask for
    deployments  those that may have answered last in a session; none where no session is remembered
    """

    thresholds: tuple[float, ...]
    aliases: tuple[str, ...]
    deployments: tuple[Deployment, ...] = ()


class Asked(Mentions):
    """What conditions mention, and what is known besides."""

    def __init__(self, sources: Sequence[str], ground: Ground) -> None:
        super().__init__(sources)
        self.ground = ground


def counts_of(asked: Asked, name: str) -> list[int]:
    """Both sides of every whole number in reach."""
    least, ordinary = LEAST.get(name, 0), _ORDINARY.get(name, 0)
    numbers = {int(number) for number in asked.numbers(name) if number < LARGEST}
    near = {least, 1, *(number + step for number in numbers for step in (-1, 0, 1))}
    in_reach = (number for number in near if number >= least)
    return sorted(in_reach, key=lambda number: (number != ordinary, number not in numbers, number))


def ratios_of(asked: Asked, name: str) -> list[float]:
    """Every number mentioned, and one between each two and after the last."""
    thresholds = asked.ground.thresholds if asked.has(THRESHOLD) else ()
    points = sorted({0.0, 1.0, *thresholds, *(number for number in asked.numbers(name) if number < LARGEST)})
    between = [(low + high) / 2 for low, high in pairwise(points)]
    return sorted({*points, *between, points[-1] + 1})


def unnamed(asked: Asked, name: str) -> str:
    mentioned = asked.texts(name)
    return next(text for text in accumulate(repeat(OTHER)) if text not in mentioned)


def subsets_of(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """All of them where they are few; else none, each by itself, and all."""
    if len(texts) <= MOST_IN_SUBSETS:
        return list(combinations_of(texts))
    return [*combinations_of(texts, 1), tuple(texts)]


def combinations_of(values: Sequence[Any], most: int | None = None) -> Iterator[tuple[Any, ...]]:
    sizes = range((len(values) if most is None else most) + 1)
    return chain.from_iterable(combinations(values, size) for size in sizes)


def day_of(text: str) -> date | None:
    """The day of an ISO date that has others a week around it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text and 1970 < day.year < 9999 else None
