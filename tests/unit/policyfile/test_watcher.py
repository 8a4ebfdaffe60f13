import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.source import Stamp
from gateway.policyfile.watcher import MOST_RESTLESS_POLLS, PolicyWatcher
from tests.unit.policyfile.folder import GOOD, unknown_prices, write


class Files:
    """`Reloadable` with a stamp that the test sets."""

    def __init__(self, *, is_good: bool = True) -> None:
        self.now: int = 0
        self.is_good = is_good
        self.reloads: list[int] = []
        self.reloaded = threading.Event()
        self.reloaded_twice = threading.Event()
        self.fails = 0

    def stamp(self) -> Stamp:
        return (self.now,)

    def try_reload(self) -> bool:
        self.reloads.append(self.now)
        self.reloaded.set()
        if len(self.reloads) == 2:
            self.reloaded_twice.set()
        if self.fails:
            self.fails -= 1
            raise RuntimeError("a fault of ours")
        return self.is_good


def poll(watcher: PolicyWatcher, times: int = 1) -> None:
    async def main() -> None:
        for _ in range(times):
            await watcher.poll()

    asyncio.run(main())


def test_files_are_reloaded_once_they_stood_still_from_one_poll_to_the_next() -> None:
    files = Files()
    watcher = PolicyWatcher(files, poll_s=1)
    poll(watcher, 3)

    files.now = 1
    poll(watcher)
    half_written = list(files.reloads)
    files.now = 2
    poll(watcher)
    still_half_written = list(files.reloads)
    poll(watcher, 3)

    assert half_written == still_half_written == [0]
    assert files.reloads == [0, 2]


def test_files_that_never_stand_still_are_tried_all_the_same() -> None:
    files = Files()
    watcher = PolicyWatcher(files, poll_s=1)

    for now in range(3 * MOST_RESTLESS_POLLS):
        files.now = now
        poll(watcher)

    assert len(files.reloads) == 3


def test_files_that_were_refused_are_tried_at_every_poll_until_they_are_good() -> None:
    files = Files(is_good=False)
    watcher = PolicyWatcher(files, poll_s=1)

    poll(watcher, 4)
    files.is_good = True
    poll(watcher, 3)

    assert len(files.reloads) == 4


def test_a_change_of_real_files_comes_into_force(tmp_path: Path) -> None:
    source = FilePolicySource(write(tmp_path, p=GOOD), unknown_prices, {})
    watcher = PolicyWatcher(source, poll_s=1)
    poll(watcher, 2)

    write(tmp_path, p=GOOD.replace("serves: [auto]", "serves: [other]"))
    poll(watcher, 2)

    assert set(source.current().by_alias) == {"other"}


def test_it_looks_by_itself_and_ends_with_its_block() -> None:
    files = Files()

    async def main() -> int:
        async with PolicyWatcher(files, poll_s=0.001).running():
            assert await asyncio.to_thread(files.reloaded.wait, 10)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert files.reloads == [0]


def test_a_signal_reloads_at_once_where_no_polls_are_wanted() -> None:
    files = Files()

    async def main() -> None:
        async with PolicyWatcher(files, poll_s=0).running():
            for _ in range(2):
                files.reloaded.clear()
                os.kill(os.getpid(), signal.SIGHUP)
                assert await asyncio.to_thread(files.reloaded.wait, 10)

    before = signal.getsignal(signal.SIGHUP)
    asyncio.run(main())

    assert files.reloads == [0, 0]
    assert signal.getsignal(signal.SIGHUP) == before


def test_a_fault_of_ours_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    files = Files()
    files.fails = 1

    async def main() -> None:
        async with PolicyWatcher(files, poll_s=0.001).running():
            assert await asyncio.to_thread(files.reloaded_twice.wait, 10)

    asyncio.run(main())

    assert "a fault of ours" in caplog.text
    assert "the policies in force stay" in caplog.text


def test_the_loop_goes_on_while_files_are_reloaded() -> None:
    threads: list[str] = []

    class Named(Files):
        def try_reload(self) -> bool:
            threads.append(threading.current_thread().name)
            return True

    poll(PolicyWatcher(Named(), poll_s=1), 2)

    assert len(threads) == 1
    assert threads[0] != threading.main_thread().name
