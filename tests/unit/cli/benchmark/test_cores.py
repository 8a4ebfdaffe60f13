"""Who runs on which core."""

import os

from gateway.cli.benchmark.cores import Cores, choose_cores, parse_core_list, pinned


def test_target_and_load_get_a_core_each() -> None:
    assert choose_cores({0, 1}, {}) == Cores(target=0, load=1)


def test_two_threads_of_one_physical_core_are_avoided() -> None:
    siblings = {0: frozenset({0, 1}), 1: frozenset({0, 1}), 2: frozenset({2, 3}), 3: frozenset({2, 3})}

    assert choose_cores({0, 1, 2, 3}, siblings) == Cores(target=0, load=2)


def test_two_threads_of_one_physical_core_are_better_than_one() -> None:
    siblings = {0: frozenset({0, 1}), 1: frozenset({0, 1})}

    assert choose_cores({0, 1}, siblings) == Cores(target=0, load=1)


def test_with_one_core_nothing_is_pinned() -> None:
    cores = choose_cores({3}, {})

    assert cores == Cores(target=None, load=None)
    assert not cores.are_pinned


def test_pinning_ends_with_the_body() -> None:
    before = os.sched_getaffinity(0)
    core = min(before)

    with pinned(core):
        during = os.sched_getaffinity(0)

    assert during == {core}
    assert os.sched_getaffinity(0) == before


def test_the_kernels_lists_of_cores_are_read() -> None:
    assert parse_core_list("0,4-6\n") == {0, 4, 5, 6}
    assert parse_core_list("\n") == frozenset()
