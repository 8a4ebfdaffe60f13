"""CPU time and memory out of /proc."""

import os
from pathlib import Path

from gateway.cli.benchmark.accounting import Usage, parse_stat, session_usage, settled_usage

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int, *, session: int, ticks: tuple[int, int, int, int] = (0, 0, 0, 0), pages: int = 0) -> str:
    before = f"{pid} (a (odd) name) S 1 {pid} {session} 0 -1 0 0 0 0 0"
    return f"{before} {' '.join(map(str, ticks))} 20 0 1 0 100 0 {pages} 0"


def test_cpu_time_is_user_and_system_with_the_children_that_have_ended() -> None:
    usage = parse_stat(_stat(7, session=7, ticks=(1, 20, 300, 4000), pages=3))

    assert usage.session == 7
    assert round(usage.cpu_s / _TICK_S) == 4321
    assert usage.rss_bytes == 3 * _PAGE_BYTES


def test_a_session_is_counted_with_all_its_processes_and_no_other(tmp_path: Path) -> None:
    for pid, session in ((7, 7), (8, 7), (9, 9)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(_stat(pid, session=session, ticks=(pid, 0, 0, 0), pages=pid))
    (tmp_path / "uptime").write_text("1 1")

    usage = session_usage(7, proc=tmp_path)

    assert round(usage.cpu_s / _TICK_S) == 15
    assert usage.rss_bytes == 15 * _PAGE_BYTES


def test_a_process_that_ends_meanwhile_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()

    assert session_usage(7, proc=tmp_path) == Usage(cpu_s=0, rss_bytes=0)


def test_this_very_process_is_found_and_has_memory() -> None:
    usage = session_usage(os.getsid(0))

    assert usage.cpu_s > 0
    assert usage.rss_bytes > 1 << 20


def test_work_put_off_until_after_the_answers_is_waited_for() -> None:
    readings = iter([1.0, 1.1, 1.2, 1.2, 9.0])

    usage = settled_usage(lambda: Usage(cpu_s=next(readings), rss_bytes=0), sleep=lambda _: None)

    assert usage.cpu_s == 1.2


def test_a_target_that_never_rests_is_not_waited_for_without_end() -> None:
    readings = iter(range(1_000))

    usage = settled_usage(lambda: Usage(cpu_s=next(readings), rss_bytes=0), sleep=lambda _: None, at_most_s=1.0)

    assert usage.cpu_s == 10
