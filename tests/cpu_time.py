"""What a piece of work costs, for tests that say what it may: CPU time, never once, and without the garbage of others.

One measurement tells of the machine as much as of the work: another process takes the core's caches, and a full
collection of garbage goes through all that the tests before have left, which is many times what most of these works
take. The least of several runs is what the work itself takes; one that is too slow is so each time.
"""

import gc
import re
import time
from collections import Counter
from collections.abc import Callable

MOST_EIGHTFOLD = 20
"""Eight is linear and 64 is square. A machine whose speed changed from one run to the next has made 3.5 of a two."""
_WORD = re.compile(r"\w+")


def cpu_s(work: Callable[[], object], best_of: int = 5) -> float:
    """The least CPU time of so many runs, of all threads of this process.

    What is remembered from one run to the next is paid for once and not counted: for the first look at something new,
    give each run a `work` of its own with `best_of=1`, and take the least.
    """
    return min(_once_s(work) for _ in range(best_of))


def cpu_s_in_turn(*works: Callable[[], object], best_of: int = 5) -> tuple[float, ...]:
    """`cpu_s` of each, to be compared: the runs take turns, so that a slow moment of the machine finds them all."""
    rounds = [[_once_s(work) for work in works] for _ in range(best_of)]
    return tuple(map(min, zip(*rounds, strict=True)))


def eightfold_s(work: Callable[[str], object], unit: str) -> tuple[float, float]:
    """The CPU time of 25,000 characters, and of 200,000; what grows with the length must stay under MOST_EIGHTFOLD."""
    short, long = ((unit * length)[:length] for length in (25_000, 200_000))
    short_s, long_s = cpu_s_in_turn(lambda: work(short), lambda: work(long))
    return short_s, long_s


def count_words(text: str) -> Counter[str]:
    """A work to hold others to on machines of any speed: it grows with the text, some 0.09 µs a character on ours."""
    return Counter(found[0].lower() for found in _WORD.finditer(text))


def _once_s(work: Callable[[], object]) -> float:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        started_s = time.process_time()
        work()
        return time.process_time() - started_s
    finally:
        if was_enabled:
            gc.enable()
