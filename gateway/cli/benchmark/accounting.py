"""CPU time and memory of a target: every process of its session, all threads, from /proc."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_SETTLED_SHARE = 0.05
_SETTLE_STEP_S = 0.1
_SETTLE_AT_MOST_S = 2.0


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """One process as its `stat` line tells it. `cpu_s` includes its threads and the children it has waited for."""

    session: int
    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_s: float
    rss_bytes: int


def parse_stat(line: str) -> ProcessUsage:
    """`/proc/PID/stat`. The name of the program, second field, may itself hold spaces and brackets."""
    fields = line.rpartition(")")[2].split()
    ticks = sum(int(fields[index]) for index in (11, 12, 13, 14))
    return ProcessUsage(
        session=int(fields[3]),
        cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
        rss_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    )


def session_usage(session: int, proc: Path = PROC) -> Usage:
    """What all processes of a session have used so far, and hold now."""
    members = [usage for usage in _all_processes(proc) if usage.session == session]
    return Usage(cpu_s=sum(each.cpu_s for each in members), rss_bytes=sum(each.rss_bytes for each in members))


def settled_usage(
    read: Callable[[], Usage], *, sleep: Callable[[float], None] = time.sleep, at_most_s: float = _SETTLE_AT_MOST_S
) -> Usage:
    """The usage once the target is idle again: what it puts off until after the answer is work as well."""
    before = read()
    for _ in range(round(at_most_s / _SETTLE_STEP_S)):
        sleep(_SETTLE_STEP_S)
        after = read()
        if after.cpu_s - before.cpu_s <= _SETTLED_SHARE * _SETTLE_STEP_S:
            return after
        before = after
    return before


def _all_processes(proc: Path) -> Iterator[ProcessUsage]:
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it ended since the listing
            continue
        yield parse_stat(line)
