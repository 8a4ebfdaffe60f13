"""SIGKILL at random points: what was accepted must be in the database, once.

Each point forks a process that records requests as a gateway does, tells this one of each as its client would hear of
it, and is killed at a random moment; the next goes on with the same spool and database, and so finds what was left.

    python -m tests.ledger.kills --points 1000 --durability group
"""

import argparse
import asyncio
import fcntl
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import text

from gateway.store.engine import open_engine
from gateway.store.ledger import Ledger
from gateway.store.reports import list_decisions
from gateway.store.spool.spool import GROUP_S, Durability
from gateway.store.upgrade import upgrade
from tests.builders import a_record, an_intent, what_was_said

WINDOW_S = 0.25
"""What `group` and `none` may lose: the group, and a slow machine's time to write and sync it."""
_LOOPS = 8
_LONGEST_RUN_S = 0.25
_PIPE_BYTES = 1 << 20
_RECORD = a_record()
_SAID = what_was_said("I am ann@example.com", received_at=time.time())


@dataclass(kw_only=True)
class Heard:
    """What clients know: when each request was accepted and when it was answered, in seconds, monotonic."""

    accepted: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    killed_at_s: dict[str, float] = field(default_factory=dict)
    """When the process that had the request was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """rows: outcome → how many; lost: accepted longer than the window before the kill, and nowhere;
    in_window: accepted just before it, and nowhere; forgotten: answered before the window, and yet told as unknown;
    texts: how many are kept, each once, as their table sees to it."""

    points: int
    accepted: int
    rows: dict[str, int]
    doubled: int
    lost: int
    in_window: int
    longest_window_s: float
    forgotten: int
    texts: int
    texts_without_record: int


def kill_often(url: str, spool: Path, *, points: int, durability: Durability, seed: int) -> Verdict:
    """Kill as often as that, let the last process finish, and compare. The window of `sync` is nothing."""
    dice = random.Random(seed)
    upgrade(url)
    heard = Heard()
    for point in range(points):
        _run_and_kill(url, spool, durability, dice, heard, f"{seed}-{point}")
    last = Ledger.to_database(url, spool, durability=durability)
    last.start()
    if not last.close(timeout_s=60):
        raise RuntimeError("the last process could not write what was left")
    return _verdict(url, heard, 0.0 if durability == "sync" else WINDOW_S, points)


def _run_and_kill(url: str, spool: Path, durability: Durability, dice: random.Random, heard: Heard, name: str) -> None:
    alive_s = dice.uniform(0.0, _LONGEST_RUN_S)
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # nobody reads before the end
    child = os.fork()
    if child == 0:
        _live(url, spool, durability, write_end, name)
    os.close(write_end)
    lines = _lines(read_end)
    next(lines, None)  # it has started
    time.sleep(alive_s)
    killed_at_s = time.monotonic()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for line in lines:
        word, request_id, at_s = line.split()
        (heard.accepted if word == "accepted" else heard.answered)[request_id] = float(at_s)
        heard.killed_at_s[request_id] = killed_at_s


def _lines(read_end: int) -> Iterator[str]:
    """The lines of a pipe; the first is waited for, the others are there when the writer is dead."""
    with os.fdopen(read_end, "rb") as pipe:
        select.select([pipe], [], [])
        for line in pipe:
            if line.endswith(b"\n"):
                yield line.decode()


def _live(url: str, spool: Path, durability: Durability, tell: int, name: str) -> None:
    """A process that takes requests until it is killed."""
    try:
        ledger = Ledger.to_database(url, spool, durability=durability)
        ledger.start()
        asyncio.run(_take_requests(ledger, tell, name))
    finally:
        os._exit(1)


async def _take_requests(ledger: Ledger, tell: int, name: str) -> None:
    os.write(tell, b"started\n")
    os.set_blocking(tell, False)
    await asyncio.gather(*(_client(ledger, tell, f"{name}-{each}") for each in range(_LOOPS)))


async def _client(ledger: Ledger, tell: int, name: str) -> None:
    dice = random.Random(name)
    for number in range(10**9):
        request_id = f"{name}-{number}"
        kept = ledger.spool.begun(an_intent(request_id))
        if kept is not None and not await kept:
            raise RuntimeError("the spool did not take an intent")
        _say(tell, f"accepted {request_id} {time.monotonic()}\n")
        await asyncio.sleep(dice.choice((0.0, 0.001, 0.01)))
        ledger.spool.record(replace(_RECORD, id=request_id))
        ledger.redactor.add(replace(_SAID, request_id=request_id))
        _say(tell, f"answered {request_id} {time.monotonic()}\n")
        await asyncio.sleep(0)


def _say(tell: int, line: str) -> None:
    os.write(tell, line.encode())


def _verdict(url: str, heard: Heard, window_s: float, points: int) -> Verdict:
    engine = open_engine(url)
    records = list_decisions(engine, limit=10**9)
    with engine.connect() as connection:
        texts = connection.execute(text("SELECT request_id FROM texts")).scalars().all()
    engine.dispose()
    outcomes = {record.id: record.outcome for record in records}
    missing = {each: heard.killed_at_s[each] - at_s for each, at_s in heard.accepted.items() if each not in outcomes}
    rows: dict[str, int] = {}
    for outcome in outcomes.values():
        rows[outcome] = rows.get(outcome, 0) + 1
    return Verdict(
        points=points,
        accepted=len(heard.accepted),
        rows=rows,
        doubled=len(records) - len(outcomes),
        lost=sum(before_s > window_s for before_s in missing.values()),
        in_window=sum(before_s <= window_s for before_s in missing.values()),
        longest_window_s=max(missing.values(), default=0.0),
        forgotten=sum(
            outcomes.get(each) == "unknown" and heard.killed_at_s[each] - at_s > WINDOW_S
            for each, at_s in heard.answered.items()
        ),
        texts=len(texts),
        texts_without_record=sum(outcomes.get(each, "unknown") == "unknown" for each in texts),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--durability", choices=["sync", "group", "none"], default="group")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sizewise-kills-") as folder:
        url, spool = f"sqlite:///{folder}/records.db", Path(folder) / "spool"
        verdict = kill_often(url, spool, points=given.points, durability=given.durability, seed=given.seed)
    sys.stdout.write(f"{given.durability}, group of {GROUP_S * 1e3:g} ms: {verdict}\n")
    return int(any((verdict.lost, verdict.doubled, verdict.forgotten, verdict.texts_without_record)))


if __name__ == "__main__":
    sys.exit(main())
