"""Processes of the benchmark: started, paused, and ended by their own id."""

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.cli.benchmark.errors import BenchmarkError
from gateway.cli.benchmark.processes import paused, running

_LONGEST_END_S = 5
_CHILD = """\
import os, pathlib, signal, sys, time
child = os.fork()
pathlib.Path(f"pid-{'parent' if child else 'child'}").write_text(str(os.getpid()))
signal.pause()
"""


def _state(pid: int) -> str | None:
    """The letter of /proc/PID/stat; None where the process is gone."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return None


def _pids(folder: Path) -> list[int]:
    return [int(text) for path in sorted(folder.glob("pid-*")) if (text := path.read_text())]


def _is_gone(pid: int) -> bool:
    """Gone, or ended and only waiting for its new parent to notice; a killed grandchild may take a moment to end."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], _LONGEST_END_S)[0])
    finally:
        os.close(process)


def test_a_process_is_ended_with_its_children(tmp_path: Path) -> None:
    with running("x", [sys.executable, "-c", _CHILD], folder=tmp_path, environment={}, core=None) as process:
        process.wait_until(lambda: len(_pids(tmp_path)) == 2)
        alive = [_state(pid) for pid in _pids(tmp_path)]

    assert None not in alive
    assert all(_is_gone(pid) for pid in _pids(tmp_path))


def test_a_process_is_ended_when_the_body_is_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with running("x", [sys.executable, "-c", _CHILD], folder=tmp_path, environment={}, core=None) as process:
            process.wait_until(lambda: len(_pids(tmp_path)) == 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert all(_is_gone(pid) for pid in _pids(tmp_path))


def test_a_paused_process_stands_still_and_goes_on(tmp_path: Path) -> None:
    with running("x", [sys.executable, "-c", _CHILD], folder=tmp_path, environment={}, core=None) as process:
        process.wait_until(lambda: len(_pids(tmp_path)) == 2)
        pid = _pids(tmp_path)[0]

        with paused([process]):
            process.wait_until(lambda: _state(pid) == "T")
            states = [_state(pid)]
        process.wait_until(lambda: _state(pid) == "S")
        states.append(_state(pid))

    assert states == ["T", "S"]


def test_a_process_that_ends_at_once_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such licence')"]

    with (
        pytest.raises(BenchmarkError, match=r"'x' ended with 1 at once:\nno such licence"),
        running("x", command, folder=tmp_path, environment={}, core=None) as process,
    ):
        process.wait_until(lambda: False)


def test_a_process_that_does_not_come_up_in_time_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(BenchmarkError, match="'x' was not ready within 0 s"),
        running("x", [sys.executable, "-c", _CHILD], folder=tmp_path, environment={}, core=None) as process,
    ):
        process.wait_until(lambda: False, within_s=0)
