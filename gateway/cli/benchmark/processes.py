"""Processes of the benchmark: each in a session of its own, paused while another is measured, ended by its id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.cli.benchmark.accounting import Usage, session_usage
from gateway.cli.benchmark.cores import pinned
from gateway.cli.benchmark.errors import BenchmarkError

READY_WITHIN_S = 90.0
_STEP_S = 0.1
_END_WITHIN_S = 5.0
_LOG_SHOWN_CHARS = 2_000


class Process:
    """A running program and its children."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._child = child
        self._log = log

    @property
    def usage(self) -> Usage:
        return session_usage(self._child.pid)

    def wait_until(self, is_ready: Callable[[], bool], *, within_s: float = READY_WITHIN_S) -> None:
        """Raises BenchmarkError, with the end of its log, where it ends or is not ready in time."""
        deadline_s = time.monotonic() + within_s
        while not is_ready():
            if self._child.poll() is not None:
                raise BenchmarkError(f"{self.name!r} ended with {self._child.returncode} at once:\n{self._told()}")
            if time.monotonic() > deadline_s:
                raise BenchmarkError(f"{self.name!r} was not ready within {within_s:g} s:\n{self._told()}")
            time.sleep(_STEP_S)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Ask it and its children to stop, then make them."""
        self._signal(signal.SIGTERM)
        self.resume()
        deadline_s = time.monotonic() + _END_WITHIN_S
        while not self._is_over() and time.monotonic() < deadline_s:
            time.sleep(_STEP_S / 10)
        self._signal(signal.SIGKILL)
        self._child.wait()

    def _is_over(self) -> bool:
        """No process of the session holds memory: what is left of one that has ended does not."""
        return not self.usage.rss_bytes

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group, whose id is ours as long as its leader is not waited for."""
        if self._child.returncode is None:
            os.killpg(self._child.pid, number)

    def _told(self) -> str:
        return (
            self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_SHOWN_CHARS:].strip() or "(it said nothing)"
        )


@contextmanager
def running(
    name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], core: int | None
) -> Iterator[Process]:
    """A program on one core, its output in `folder`; ended on every way out."""
    log = folder / f"{name}.log"
    with pinned(core), log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 (the benchmark's own commands)
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = Process(name, child, log)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def paused(processes: Sequence[Process]) -> Iterator[None]:
    """Keep these from running meanwhile, so that idle targets take nothing from the one that is measured."""
    for process in processes:
        process.pause()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
