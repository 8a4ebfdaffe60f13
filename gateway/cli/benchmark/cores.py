"""Who runs on which core: the target alone on one, everything that drives it on another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """`target` and `load` are core numbers; both None where there is one core only, and nothing is pinned."""

    target: int | None
    load: int | None

    @property
    def are_pinned(self) -> bool:
        return self.target is not None


def choose_cores(allowed: set[int], siblings: dict[int, frozenset[int]]) -> Cores:
    """Two of the allowed cores, if possible not two threads of one physical core.

    siblings  core → the cores that share its physical core, itself included; may be empty
    """
    ordered = sorted(allowed)
    if len(ordered) < 2:
        return Cores(None, None)
    target, *others = ordered
    sharing = siblings.get(target, frozenset())
    return Cores(target, next((core for core in others if core not in sharing), others[0]))


def available_cores() -> Cores:
    """The choice on this machine, among the cores this process may use."""
    allowed = os.sched_getaffinity(0)
    return choose_cores(allowed, {core: _siblings(core) for core in allowed})


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Run the body, and every process started in it, on one core; None leaves things as they are."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _siblings(core: int) -> frozenset[int]:
    """Empty where the kernel does not say."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text(encoding="ascii")
    except OSError:
        return frozenset()
    return parse_core_list(text)


def parse_core_list(text: str) -> frozenset[int]:
    """The kernel's notation for a set of cores: `0,4-6`."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            cores.update(range(int(first), int(last or first) + 1))
    return frozenset(cores)
